-- Whether the log accepts commands. It does not while a migration or rollback runs, or while the planner's tables have the legacy shape.
CREATE OR REPLACE FUNCTION phaseline.accepts_commands() RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT h.accepts_commands FROM phaseline.head h WHERE h.id = 1), false);
END $$;
