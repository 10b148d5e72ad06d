-- The project's phases as the planner's backend reads them, each with its number of assignments; for roles without privileges on
-- the planner's tables. JSON: {"version": the stream's, 0 if the log does not have the project, "position": of its last
-- event, "dates": [start_date, end_date] or null if the project does not exist, "rows": [{columns, "assignment_count"}, ...] by
-- start_date, end_date, id}. One statement, so one moment. NULL while the log accepts no commands.
CREATE OR REPLACE FUNCTION phaseline.phases_of(project uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
BEGIN
    IF NOT phaseline.accepts_commands() THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT json_build_object(
        'version', coalesce(t.version, 0),
        'position', coalesce(t.position, 0),
        'dates', phaseline.project_dates(project),
        'rows', coalesce((SELECT json_agg(r ORDER BY r.start_date, r.end_date, r.id) FROM (
                    SELECT ph.id, ph.project_id, ph.name, ph.start_date, ph.end_date, ph.description,
                           ph.capital_budget::text AS capital_budget, ph.expense_budget::text AS expense_budget,
                           ph.total_budget::text AS total_budget, ph.created_at, ph.updated_at,
                           phaseline.assignment_count(project, ph.start_date, ph.end_date) AS assignment_count
                      FROM public.project_phases ph WHERE ph.project_id = project) r), '[]'::json))
        FROM (VALUES (1)) AS one (row) LEFT JOIN phaseline.timeline_tip(project) t ON true);
END $$;
