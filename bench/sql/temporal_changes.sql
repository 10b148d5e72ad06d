-- The phases that differ between two positions, into a temporary table.
CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
WITH touched AS (
        SELECT h.id FROM public.phase_history h WHERE h.from_position > {earlier} AND h.from_position <= {later}
        UNION
        SELECT h.id FROM public.phase_history h WHERE h.to_position > {earlier} AND h.to_position <= {later}),
     before AS (
        SELECT h.* FROM touched JOIN public.phase_history h USING (id)
         WHERE h.from_position <= {earlier} AND (h.to_position IS NULL OR h.to_position > {earlier})),
     after AS (
        SELECT h.* FROM touched JOIN public.phase_history h USING (id)
         WHERE h.from_position <= {later} AND (h.to_position IS NULL OR h.to_position > {later}))
SELECT coalesce(after.project_id, before.project_id) AS project_id, id,
       before.name AS name_before, after.name AS name_after, before.start_date AS start_before,
       after.start_date AS start_after, before.end_date AS end_before, after.end_date AS end_after,
       before.description AS description_before, after.description AS description_after,
       before.capital_budget AS capital_before, after.capital_budget AS capital_after,
       before.expense_budget AS expense_before, after.expense_budget AS expense_after,
       before.total_budget AS total_before, after.total_budget AS total_after
  FROM before FULL JOIN after USING (id)
 WHERE (before.name, before.start_date, before.end_date, before.description, before.capital_budget, before.expense_budget,
        before.total_budget) IS DISTINCT FROM
       (after.name, after.start_date, after.end_date, after.description, after.capital_budget, after.expense_budget,
        after.total_budget)
