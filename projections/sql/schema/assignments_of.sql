-- The assignments of a project on the dates from the first to the last, both included, by date and id: those behind `after_day`
-- and `after_id`, if these are given, and at most `most` of them; for roles without privileges on the planner's tables.
DROP FUNCTION IF EXISTS phaseline.assignments_of(uuid, date, date);
CREATE OR REPLACE FUNCTION phaseline.assignments_of(project uuid, first_day date, last_day date,
        after_day date DEFAULT NULL, after_id uuid DEFAULT NULL, most integer DEFAULT NULL)
    RETURNS TABLE (id uuid, resource_id uuid, project_id uuid, assignment_date date, allocation_percentage numeric,
                   capital_percentage numeric, expense_percentage numeric, created_at timestamp, updated_at timestamp)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.id, a.resource_id, a.project_id, a.assignment_date, a.allocation_percentage,
                        a.capital_percentage, a.expense_percentage, a.created_at, a.updated_at
                   FROM public.resource_assignments a
                  WHERE a.project_id = project
                    AND a.assignment_date BETWEEN greatest(first_day, after_day) AND last_day
                    AND (after_day IS NULL OR (a.assignment_date, a.id) > (after_day, after_id))
                  ORDER BY a.assignment_date, a.id LIMIT most;
END $$;
