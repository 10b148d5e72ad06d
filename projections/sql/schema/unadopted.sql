-- A project's rows in the planner's tables: {"dates": [start_date, end_date] or null if the project does not exist,
-- "rows": [[a value as text per column], ...] by id}. The values may be anything, so all are text, in one form for all session
-- settings. NULL while the log accepts no commands: then the table has the legacy shape. For commands that adopt a project: their
-- role has no privileges on the planner's tables.
CREATE OR REPLACE FUNCTION phaseline.unadopted(project uuid) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' AS $$
BEGIN
    IF NOT phaseline.accepts_commands() THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT json_build_object(
        'dates', phaseline.project_dates(project),
        'rows', coalesce((SELECT json_agg(json_build_array(ph.project_id::text, ph.capital_budget::text,
                                     ph.expense_budget::text, ph.total_budget::text, ph.id::text,
                                     ph.created_at::text, ph.updated_at::text, ph.name::text, ph.start_date::text,
                                     ph.end_date::text, ph.description::text) ORDER BY ph.id)
                            FROM public.project_phases ph WHERE ph.project_id = project), '[]'::json)));
END $$;
