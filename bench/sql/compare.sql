-- The number of rows of the fold and of the table that have no equal row on the other side.
SELECT count(*)
  FROM ((SELECT project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date,
                end_date, description FROM folded
         EXCEPT ALL
         SELECT project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date,
                end_date, description FROM public.project_phases)
        UNION ALL
        (SELECT project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date,
                end_date, description FROM public.project_phases
         EXCEPT ALL
         SELECT project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date,
                end_date, description FROM folded)) AS different
