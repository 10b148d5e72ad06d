-- Locks projects' rows by id, so that they stay while phases that refer to them are written.
CREATE OR REPLACE FUNCTION phaseline.lock_projects(projects uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.projects p WHERE p.id = ANY (projects) ORDER BY p.id FOR KEY SHARE;
END $$;
