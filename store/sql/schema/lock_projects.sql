-- Placeholder for the locks on the projects that events refer to: the crate projections replaces it.
DO $$
BEGIN
    IF to_regprocedure('phaseline.lock_projects(uuid[], boolean)') IS NULL THEN
        CREATE FUNCTION phaseline.lock_projects(projects uuid[], writes_dates boolean) RETURNS void LANGUAGE sql AS '';
    END IF;
END $$;
