-- Appends the only event of a single command, if nothing about it is rare: one change of a phase's name, budget or description, without
-- a key, to an open timeline. Nearly all of the time of phaseline.append would go into setting up statements for arrays of one
-- element. What is written is the same, byte for byte. Verdicts:
--   appended, conflict, dates_changed, not_accepting   as those of phaseline.append
--   other         nothing was written: call phaseline.append, which decides, waits for the head, or says what is wrong
-- A writer that has the head makes it 'other', so that the time limit for a row's lock can hold for the whole function.
-- The settings and the order of locks are explained at phaseline.append.
CREATE OR REPLACE FUNCTION phaseline.append_event(
    stream_id uuid, expected bigint, metadata text, event_id uuid, event_type text, payload text, salt bytea,
    first_day date, last_day date,
    OUT verdict text, OUT stream_version bigint, OUT last_position bigint, OUT at timestamptz
) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '500ms'
    SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    project   constant uuid := stream_id;
    writer    constant text := session_user;
    accepting boolean;
    p         jsonb;
    m         jsonb;
    content   bytea;
    previous  bytea;
    actual    bigint;
    has_marks boolean;
BEGIN
    verdict := 'other';
    IF NOT coalesce(expected BETWEEN 1 AND 9223372036854000000
            AND octet_length(metadata) <= 65536 AND octet_length(payload) <= 65536 AND salt IS NOT NULL AND event_id IS NOT NULL
            AND project IS NOT NULL AND first_day IS NOT NULL AND last_day IS NOT NULL, false)
        OR current_setting('transaction_isolation') <> 'read committed' OR pg_current_xact_id_if_assigned() IS NOT NULL
        OR pg_my_temp_schema() <> 0 THEN
        RETURN;
    END IF;
    BEGIN
        p := payload::jsonb;
        m := metadata::jsonb;
        -- With a constant type only the expressions of that type are set up.
        CASE event_type
            WHEN 'PhaseRenamed' THEN
                content := phaseline.event_content(project, expected + 1, event_id, 'PhaseRenamed', payload, metadata, salt, writer, p, m);
            WHEN 'PhaseBudgeted' THEN
                content := phaseline.event_content(project, expected + 1, event_id, 'PhaseBudgeted', payload, metadata, salt, writer, p, m);
            WHEN 'PhaseDescribed' THEN
                content := phaseline.event_content(project, expected + 1, event_id, 'PhaseDescribed', payload, metadata, salt, writer, p, m);
            ELSE
                RETURN;
        END CASE;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        RETURN;
    END;
    IF content IS NULL THEN
        RETURN;
    END IF;
    SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1 FOR UPDATE SKIP LOCKED;
    IF accepting IS NOT TRUE THEN
        RETURN;
    END IF;
    SELECT e.position, e.hash, greatest(clock_timestamp(), e.recorded_at),
           EXISTS (SELECT FROM phaseline.events mark WHERE mark.stream_type = 'SkippedEvents'),
           (SELECT CASE v.event_type WHEN 'TimelineClosed' THEN - v.version ELSE v.version END FROM phaseline.events v
             WHERE v.stream_type = 'Timeline' AND v.stream_id = project AND v.version >= expected
             ORDER BY v.version DESC LIMIT 1)
      INTO last_position, previous, at, has_marks, actual
      FROM phaseline.events e ORDER BY e.position DESC LIMIT 1;
    -- An earlier version, a closed timeline, and left out events are rare.
    IF has_marks IS NOT FALSE OR actual IS NULL OR actual < 0 THEN
        RETURN;
    END IF;
    stream_version := actual;
    IF actual <> expected THEN
        verdict := 'conflict';
        RETURN;
    END IF;
    IF phaseline.moved_projects(ARRAY[project], ARRAY[first_day], ARRAY[last_day]) IS NOT NULL THEN
        verdict := 'dates_changed';
        RETURN;
    END IF;
    last_position := last_position + 1;
    stream_version := actual + 1;
    INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type,
        schema_version, payload, metadata, salt, recorded_at, hash, login)
    VALUES (last_position, 'Timeline', project, stream_version, event_id, event_type, 1, payload::json, metadata::json, salt, at,
        -- phaseline.chain_hash, with the lengths and 'phaseline/chain/v1' as constants.
        sha256(decode('0000001270686173656c696e652f636861696e2f763100000020', 'hex') || previous || decode('00000008', 'hex')
            || int8send(last_position) || decode('00000008', 'hex') || int8send((extract(epoch FROM at) * 1000000)::bigint)
            || decode('00000020', 'hex') || content), writer);
    -- After the event, as in phaseline.append: triggers of the table may look at the log. Without a row the other function says why.
    IF NOT phaseline.project_event(event_type, project, p, at) THEN
        PERFORM phaseline.project_inline(ARRAY[event_type], ARRAY[project], ARRAY[payload], NULL, NULL, NULL, false, at);
    END IF;
    verdict := 'appended';
END $$;
