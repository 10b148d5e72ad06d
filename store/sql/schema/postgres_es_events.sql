-- The log in the table layout of postgres-es, for its PostgresEventRepository, which selects by the id as text: an index on the
-- first event of each stream finds the stream, and costs the other events nothing.
CREATE OR REPLACE VIEW phaseline.postgres_es_events AS
SELECT e.stream_type                                AS aggregate_type,
       first.stream_id::text                        AS aggregate_id,
       e.version                                    AS sequence,
       e.event_type                                 AS event_type,
       e.schema_version::text                       AS event_version,
       json_build_object(e.event_type, e.payload)   AS payload,
       e.metadata                                   AS metadata
FROM phaseline.events first
JOIN phaseline.events e ON e.stream_type = first.stream_type AND e.stream_id = first.stream_id
WHERE first.stream_type = 'Timeline' AND first.version = 1
  -- Readers ignore an event that a mark leaves out.
  AND NOT EXISTS (SELECT FROM phaseline.events mark
                   WHERE mark.stream_type = 'SkippedEvents' AND mark.stream_id = e.stream_id
                     AND mark.payload ->> 'position' = e.position::text);

COMMENT ON VIEW phaseline.postgres_es_events IS
    'The timelines'' events in the table layout of postgres-es 0.5: PostgresEventRepository can read it.';
