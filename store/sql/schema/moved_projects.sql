-- A placeholder: without the planner's tables no project has other dates. The crate projections replaces it.
DO $$
BEGIN
    IF to_regprocedure('phaseline.moved_projects(uuid[], date[], date[])') IS NULL THEN
        CREATE FUNCTION phaseline.moved_projects(projects uuid[], first_days date[], last_days date[]) RETURNS integer[]
            LANGUAGE sql AS 'SELECT NULL::integer[]';
    END IF;
END $$;
