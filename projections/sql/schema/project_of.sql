-- The project that a row of project_phases belongs to; for roles without privileges on that table.
CREATE OR REPLACE FUNCTION phaseline.project_of(phase uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT ph.project_id FROM public.project_phases ph WHERE ph.id = phase);
END $$;
