-- Names and cost centres of the planner's projects, by name and id: those among `ids`, or all if that is NULL; with `search` in name or
-- cost centre, in any case, or as a prefix of the id; those behind `after_name` and `after_id`, if these are given; at most `most` of
-- them. Nothing without the planner's table. For services and readers, whose roles have no privileges on the table.
CREATE OR REPLACE FUNCTION phaseline.named_projects(ids uuid[], search text, after_name text, after_id uuid, most bigint)
    RETURNS TABLE (id uuid, name text, cost_center text, sort_name text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = on AS $$
#variable_conflict use_column
DECLARE
    wanted text := lower(search);
BEGIN
    IF to_regclass('public.projects') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT p.id, p.name::text, p.cost_center_code::text, coalesce(lower(p.name::text), '')
          FROM public.projects p
         WHERE (ids IS NULL OR p.id = ANY (ids))
           AND (wanted IS NULL OR strpos(lower(p.name::text), wanted) > 0 OR strpos(lower(p.cost_center_code::text), wanted) > 0
                OR starts_with(p.id::text, wanted))
           AND (after_id IS NULL OR (coalesce(lower(p.name::text), ''), p.id) > (after_name, after_id))
         ORDER BY coalesce(lower(p.name::text), ''), p.id
         LIMIT most;
END $$;
