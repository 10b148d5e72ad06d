-- Merges the events of a batch in which a phase has several, into one per phase, with the values of its row after all of them, as the
-- fold has them (Timeline::evolve). A removed phase stays removed until it is created again.
CREATE OR REPLACE FUNCTION phaseline.merged_events(
    INOUT event_types text[], INOUT projects uuid[], INOUT payloads text[], INOUT places tid[]
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed record;
BEGIN
    -- The most frequent case: nothing but changes of phases. phaseline.append has made sure that the phase is the first member.
    IF event_types <@ '{PhaseRenamed,PhaseDescribed,PhaseBudgeted,PhaseResized}' THEN
        SELECT array_agg('PhaseChanged'::text), array_agg(m.project), array_agg(m.payload),
               CASE WHEN places IS NOT NULL THEN array_agg(m.place) END
          INTO event_types, projects, payloads, places
          FROM (SELECT e.project, '{' || string_agg(substr(e.payload, 2, length(e.payload) - 2), ',' ORDER BY e.n)
                       || ',"described":' || bool_or(e.event_type = 'PhaseDescribed') || '}' AS payload,
                       (array_agg(e.place))[1] AS place
                  FROM unnest(event_types, projects, payloads, places) WITH ORDINALITY AS e (event_type, project, payload, place, n)
                 GROUP BY e.project, substr(e.payload, 14, 36)) m;
        RETURN;
    END IF;
    -- No command changes a phase that it or an earlier one removed: the fold would ignore the change.
    SELECT e.project, e.phase INTO changed
      FROM (SELECT e.event_type, e.project, e.payload::json ->> 'phase_id' AS phase,
                   lag(e.event_type) OVER (PARTITION BY e.project, e.payload::json ->> 'phase_id' ORDER BY e.n) AS previous
              FROM unnest(event_types, projects, payloads) WITH ORDINALITY AS e (event_type, project, payload, n)) e
     WHERE e.phase IS NOT NULL AND e.previous = 'PhaseRemoved' AND e.event_type <> 'PhaseCreated'
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'phase % of project % is changed after it was removed', changed.phase, changed.project
            USING ERRCODE = 'PL003', HINT = 'Nothing was written.';
    END IF;
    WITH event AS (
        SELECT e.*, (e.payload::json ->> 'phase_id')::uuid AS phase
          FROM unnest(event_types, projects, payloads, places) WITH ORDINALITY AS e (event_type, project, payload, place, n)
    ), placed AS (
        SELECT e.*, max(e.n) FILTER (WHERE e.event_type IN ('PhaseCreated', 'PhaseRemoved'))
                   OVER (PARTITION BY e.project, e.phase) AS turn
          FROM event e WHERE e.phase IS NOT NULL AND e.event_type <> 'PhaseAdopted'
    ), merged AS (
        -- Of equal keys in one object the last one counts.
        SELECT coalesce(max(p.event_type) FILTER (WHERE p.n = p.turn), 'PhaseChanged') AS event_type, p.project,
               '{' || string_agg(substr(p.payload, 2, length(p.payload) - 2), ',' ORDER BY p.n) || ',"described":'
               || bool_or(p.event_type IN ('PhaseCreated', 'PhaseDescribed')) || '}' AS payload,
               (array_agg(p.place))[1] AS place
          FROM placed p
         WHERE p.turn IS NULL OR p.n = p.turn OR p.n > p.turn AND event_types[p.turn] = 'PhaseCreated'
         GROUP BY p.project, p.phase
    )
    SELECT array_agg(m.event_type), array_agg(m.project), array_agg(m.payload),
           CASE WHEN places IS NOT NULL THEN array_agg(m.place) END
      INTO event_types, projects, payloads, places
      FROM (SELECT merged.event_type, merged.project, merged.payload, merged.place FROM merged
            UNION ALL
            SELECT e.event_type, e.project, e.payload, e.place FROM event e
             WHERE e.phase IS NULL OR e.event_type = 'PhaseAdopted') m;
END $$;
