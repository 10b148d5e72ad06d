-- A placeholder: without a projection of single events phaseline.project_inline is called for them. The crate projections replaces it.
DO $$
BEGIN
    IF to_regprocedure('phaseline.project_event(text, uuid, jsonb, timestamptz)') IS NULL THEN
        CREATE FUNCTION phaseline.project_event(event_type text, project uuid, p jsonb, recorded_at timestamptz) RETURNS boolean
            LANGUAGE sql AS 'SELECT false';
    END IF;
END $$;
