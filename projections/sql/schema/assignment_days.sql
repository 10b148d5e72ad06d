-- The number of assignments per project and day, without days that have none; for roles without privileges on the planner's
-- tables.
CREATE OR REPLACE FUNCTION phaseline.assignment_days(projects uuid[])
    RETURNS TABLE (project uuid, day date, assignments bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT a.project_id, a.assignment_date, count(*) FROM public.resource_assignments a
                  WHERE a.project_id = ANY (projects) GROUP BY a.project_id, a.assignment_date
                  ORDER BY a.project_id, a.assignment_date;
END $$;
