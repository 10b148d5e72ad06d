-- How many assignments each of these projects has on each day that has any, by project and day; for those who have no rights
-- on the planner's tables.
CREATE OR REPLACE FUNCTION phaseline.assignment_days(projects uuid[])
    RETURNS TABLE (project uuid, day date, assignments bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT a.project_id, a.assignment_date, count(*) FROM public.resource_assignments a
                  WHERE a.project_id = ANY (projects) GROUP BY a.project_id, a.assignment_date
                  ORDER BY a.project_id, a.assignment_date;
END $$;
