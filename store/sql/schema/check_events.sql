-- Checks events and computes the values that the log and the projection need, in one pass:
--   contents  the content hash of each event, NULL for one that no command writes (phaseline.event_content)
--   distinct_streams, distinct_ids, distinct_phases  the numbers of streams, event ids and phases; an event that is alone in its stream
--                                                    counts as one phase, whatever it is about
-- Text that is no JSON raises an error of class 22 or 54. The caller provides for generic plans.
DROP FUNCTION IF EXISTS phaseline.read_events(uuid[], bigint[], uuid[], text[], integer[], text[], text[], bytea[], text);
CREATE OR REPLACE FUNCTION phaseline.check_events(
    streams uuid[], versions bigint[], ids uuid[], types text[], schema_versions integer[], payloads text[],
    metadata text[], salts bytea[], login text,
    OUT contents bytea[], OUT distinct_streams bigint, OUT distinct_ids bigint, OUT distinct_phases bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF 1 <> ANY (schema_versions) THEN
        contents := array_fill(NULL::bytea, ARRAY[cardinality(ids)]);
        RETURN;
    END IF;
    IF cardinality(ids) = 1 THEN
        -- Without the cost of unnesting the arrays.
        contents := ARRAY[phaseline.event_content(streams[1], versions[1], ids[1], types[1], payloads[1], metadata[1], salts[1],
            login, payloads[1]::jsonb, metadata[1]::jsonb)];
        distinct_streams := 1;
        distinct_ids := 1;
        distinct_phases := 1;
        RETURN;
    END IF;
    -- No aggregate: setting one up would take as long as the check of a single event. OFFSET keeps each text from being parsed once per
    -- use.
    contents := ARRAY(
        SELECT phaseline.event_content(e.stream, e.version, e.id, e.event_type, e.payload, e.metadata, e.salt, login, e.p, e.m)
          FROM (SELECT u.*, u.payload::jsonb AS p, u.metadata::jsonb AS m
                  FROM unnest(streams, versions, ids, types, payloads, metadata, salts)
                           AS u (stream, version, id, event_type, payload, metadata, salt)
                OFFSET 0) AS e);
    SELECT cardinality(ARRAY(SELECT DISTINCT unnest(streams))), cardinality(ARRAY(SELECT DISTINCT unnest(ids)))
      INTO distinct_streams, distinct_ids;
    IF distinct_streams = cardinality(ids) THEN
        -- A phase belongs to one project: as many streams as events are as many phases.
        distinct_phases := distinct_streams;
        RETURN;
    END IF;
    -- In payloads of the program the phase is the first member.
    SELECT count(DISTINCT substr(e.payload, 14, 36)) INTO distinct_phases
      FROM unnest(payloads) AS e (payload) WHERE e.payload LIKE '{"phase_id":"%';
END $$;
