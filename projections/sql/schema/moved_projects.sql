-- The indexes of the given projects that have other dates in public.projects than the given ones, or do not exist. A first day that
-- is NULL excludes its project from the comparison.
CREATE OR REPLACE FUNCTION phaseline.moved_projects(projects uuid[], first_days date[], last_days date[]) RETURNS integer[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(projects) = 1 THEN
        -- The most frequent case, without the cost of unnesting the arrays.
        RETURN CASE WHEN first_days[1] IS NOT NULL
                     AND NOT EXISTS (SELECT FROM public.projects p
                                      WHERE p.id = projects[1] AND p.start_date = first_days[1] AND p.end_date = last_days[1])
                    THEN ARRAY[1] END;
    END IF;
    RETURN (SELECT array_agg(e.n::integer)
              FROM unnest(projects, first_days, last_days) WITH ORDINALITY AS e (project, first_day, last_day, n)
             WHERE e.first_day IS NOT NULL
               AND NOT EXISTS (SELECT FROM public.projects p
                                WHERE p.id = e.project AND p.start_date = e.first_day AND p.end_date = e.last_day));
END $$;
