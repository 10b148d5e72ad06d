-- The projects that have phases at a position, by name, with these phases: those of the first projects, or of all.
SELECT page.id AS project_id, h.id, h.end_date, h.total_budget::text, page.name, page.cost_center_code, page.start_date,
       page.end_date, h.name, h.start_date, h.description, h.capital_budget, h.expense_budget
  FROM (SELECT p.id, p.name, p.cost_center_code, p.start_date, p.end_date
          FROM public.projects p
         WHERE EXISTS (SELECT FROM public.phase_history h
                        WHERE h.project_id = p.id AND h.from_position <= {at}
                          AND (h.to_position IS NULL OR h.to_position > {at}))
         ORDER BY lower(p.name), p.id LIMIT {limit}) page
  JOIN public.phase_history h
    ON h.project_id = page.id AND h.from_position <= {at} AND (h.to_position IS NULL OR h.to_position > {at})
 ORDER BY lower(page.name), page.id, h.start_date
