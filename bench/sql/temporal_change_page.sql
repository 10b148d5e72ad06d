-- The changed phases of the first projects by name.
SELECT c.project_id, c.id, p.name, p.cost_center_code, c.name_before, c.name_after, c.start_before, c.start_after,
       c.end_before, c.end_after, c.description_before, c.description_after, c.capital_before, c.capital_after,
       c.expense_before, c.expense_after, c.total_before, c.total_after
  FROM (SELECT p.id, p.name, p.cost_center_code FROM public.projects p
         WHERE EXISTS (SELECT FROM changed c WHERE c.project_id = p.id) ORDER BY lower(p.name), p.id LIMIT 100) p
  JOIN changed c ON c.project_id = p.id
 ORDER BY lower(p.name), p.id, c.id
