-- Writes every row back into the existing table: its views, grants, indexes and foreign keys stay.
INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at,
       name, start_date, end_date, description)
SELECT project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date, end_date,
       description
  FROM folded;
