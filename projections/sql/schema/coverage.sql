-- The coverage of a project's dates by its phases: the number of gaps and overlaps, the first date and the last one.
CREATE OR REPLACE FUNCTION phaseline.coverage(project uuid, OUT breaks bigint, OUT first_day date, OUT last_day date)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT count(*) FILTER (WHERE ph.start_date <> ph.previous + 1), min(ph.start_date), max(ph.end_date)
      INTO breaks, first_day, last_day
      FROM (SELECT o.start_date, o.end_date, lag(o.end_date) OVER (ORDER BY o.start_date, o.end_date) AS previous
              FROM public.project_phases o WHERE o.project_id = project) ph;
END $$;
