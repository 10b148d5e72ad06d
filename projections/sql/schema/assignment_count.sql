-- The number of a project's assignments on the dates from the first to the last, both included.
CREATE OR REPLACE FUNCTION phaseline.assignment_count(project uuid, first_day date, last_day date) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT count(*) FROM public.resource_assignments a
             WHERE a.project_id = project AND a.assignment_date BETWEEN first_day AND last_day);
END $$;
