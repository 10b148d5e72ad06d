-- The phases of all projects at a position, by name of the project.
SELECT p.id AS project_id, h.id, h.end_date, h.total_budget::text, p.name, p.cost_center_code, p.start_date, p.end_date,
       h.name, h.start_date, h.description, h.capital_budget, h.expense_budget
  FROM public.phase_history h
  JOIN public.projects p ON p.id = h.project_id
 WHERE int8range(h.from_position, h.to_position) @> {at}::bigint
 ORDER BY lower(p.name), p.id, h.start_date
