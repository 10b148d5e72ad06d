-- The dates of a project as JSON: [start_date, end_date], or NULL if the project does not exist.
CREATE OR REPLACE FUNCTION phaseline.project_dates(project uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' AS $$
BEGIN
    RETURN (SELECT json_build_array(p.start_date::text, p.end_date::text) FROM public.projects p WHERE p.id = project);
END $$;
