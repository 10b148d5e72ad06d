-- The number of assignments of a project on the dates from a first to a last one, both included, for each element of the three arrays;
-- for roles without privileges on the planner's tables.
CREATE OR REPLACE FUNCTION phaseline.assignment_counts(projects uuid[], first_days date[], last_days date[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN ARRAY(SELECT (SELECT count(*) FROM public.resource_assignments a
                          WHERE a.project_id = r.project AND a.assignment_date BETWEEN r.first_day AND r.last_day)
                   FROM unnest(projects, first_days, last_days) WITH ORDINALITY AS r (project, first_day, last_day, n)
                  ORDER BY r.n);
END $$;
