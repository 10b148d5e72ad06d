-- Locks projects' rows by id, so that they are not deleted while phases that refer to them are written and, if their dates are written,
-- that no other program changes these.
DROP FUNCTION IF EXISTS phaseline.lock_projects(uuid[]);
CREATE OR REPLACE FUNCTION phaseline.lock_projects(projects uuid[], writes_dates boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF writes_dates THEN
        PERFORM 1 FROM public.projects p WHERE p.id = ANY (projects) ORDER BY p.id FOR NO KEY UPDATE;
    ELSE
        PERFORM 1 FROM public.projects p WHERE p.id = ANY (projects) ORDER BY p.id FOR KEY SHARE;
    END IF;
END $$;
