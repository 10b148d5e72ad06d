-- Placeholder for the inline projection: refuses every append until the crate projections replaces it.
DROP FUNCTION IF EXISTS phaseline.project_inline(uuid, json, timestamptz);

DROP FUNCTION IF EXISTS phaseline.project_inline(uuid[], text[], timestamptz);

DO $$
BEGIN
    IF to_regprocedure('phaseline.project_inline(text[], uuid[], text[], tid[], uuid[], text[], boolean, timestamptz)') IS NULL THEN
        CREATE FUNCTION phaseline.project_inline(event_types text[], projects uuid[], payloads text[], places tid[],
                adopted uuid[], witnesses text[], repeated boolean, recorded_at timestamptz) RETURNS text
            LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
        BEGIN
            RAISE EXCEPTION 'no inline projection is installed';
        END $f$;
    END IF;
END $$;
