-- A placeholder: without a projection of single events they go through phaseline.append. The crate projections replaces it.
DO $$
BEGIN
    IF to_regprocedure('phaseline.project_event(text, uuid, jsonb, timestamptz)') IS NULL THEN
        CREATE FUNCTION phaseline.project_event(event_type text, project uuid, p jsonb, recorded_at timestamptz) RETURNS text
            LANGUAGE sql AS 'SELECT ''other''';
    END IF;
END $$;
