DROP FUNCTION IF EXISTS phaseline.append(text[], uuid[], bigint[], integer[], text[], uuid[], text[], integer[], text[],
    text[], bytea[], bytea[]);

DROP FUNCTION IF EXISTS phaseline.append(text[], uuid[], bigint[], integer[], text[], uuid[], text[], integer[], text[],
    text[], bytea[], bytea[], text[], text[], bytea[]);

-- Appends a batch of commands' events, each command with its own verdict:
--   appended      its events are in the log, and its rows in the projection
--   conflict      the stream is not at the expected version; nothing of this command was written
--   repeated      its key was used before for the same request: the version after that request, and its number of events
--   key_reused    its key was used before for another request; nothing of this command was written
--   dates_changed the project has other dates in public.projects than the command was decided on (command_first_day and
--                 command_last_day; NULL is not compared), or is not there; nothing of this command was written
--   not_accepting the log accepts no commands (legacy shape); nothing was written
-- Each command has its own verdict: events that follow a project's dates are a command before the one that needs them, and stay
-- if that one turns out to be repeated.
-- A command may expect the version after the previous command on the same stream; commands for one stream must be adjacent. If one
-- is not appended, neither are the later ones on its stream: they were decided on its result, and another writer may have reached the
-- version that they expect. If the projection returns row locations, a last row for command 0 has them.
-- The head row is locked first; the statements after it see everything that was committed before. That needs READ
-- COMMITTED: at a stricter level they would all use one snapshot from before the lock. Without events to write, nothing is locked: a
-- transaction that stays open then blocks no other writer.
-- A role that may call this function can write commands only: all arguments are checked (PL002 if they are not what the program
-- sends, PL003 if the timeline is not in the state that the events need), and everything that is written follows from the events:
-- their hashes, and the rows of their own project. The event's login is the session's; the metadata are the writer's claims.
-- Plans are generic, since planning each call would take longer than the work. The settings force plans that use the indexes, since a
-- plan may be made while the tables are tiny, and be used after they have grown.
DROP FUNCTION IF EXISTS phaseline.append(text[], uuid[], bigint[], integer[], text[], text[], uuid[], text[], integer[],
    text[], bytea[], text[], text[], text[], bytea[]);

-- A column of an installed function cannot be renamed in place.
DO $$
DECLARE
    installed constant regprocedure := to_regprocedure('phaseline.append(text[], uuid[], bigint[], integer[], text[], text[], uuid[], text[],
        integer[], text[], bytea[], text[], text[], text[], bytea[], date[], date[])');
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.oid = installed AND 'said' = ANY (p.proargnames)) THEN
        EXECUTE 'DROP FUNCTION ' || installed;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION phaseline.append(
    command_stream_type text[], command_stream_id uuid[], command_expected bigint[], command_events integer[],
    command_metadata text[], command_witness text[],
    event_ids uuid[], event_types text[], event_schema_versions integer[], event_payloads text[], event_salts bytea[],
    event_places text[] DEFAULT NULL,
    command_scope text[] DEFAULT NULL, command_key text[] DEFAULT NULL, command_fingerprint bytea[] DEFAULT NULL,
    command_first_day date[] DEFAULT NULL, command_last_day date[] DEFAULT NULL
) RETURNS TABLE (command integer, verdict text, stream_version bigint, last_position bigint, at timestamptz,
                 earlier_events integer, row_locations text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    -- The fixed parts of what phaseline.chain_hash hashes: lengths, and 'phaseline/chain/v1'.
    chain_tag     constant bytea := decode('0000001270686173656c696e652f636861696e2f763100000020', 'hex');
    long_follows  constant bytea := decode('00000008', 'hex');
    hash_follows  constant bytea := decode('00000020', 'hex');
    -- Events for which the projection changes the projects' rows, or inserts rows that refer to them.
    project_events constant text[] := '{TimelineOpened,TimelineRescheduled,PhaseCreated,PhaseAdopted}';
    writer        constant text := session_user;
    commands      constant integer := coalesce(cardinality(command_stream_id), 0);
    events        constant integer := coalesce(cardinality(event_ids), 0);
    command_dims  constant text := coalesce(array_dims(command_stream_id), '[]');
    event_dims    constant text := coalesce(array_dims(event_ids), '[]');
    single        constant boolean := commands = events AND 1 = ALL (command_events);
    opening       constant boolean := coalesce('TimelineOpened' = ANY (event_types), false);
    -- Actor, reason and ids of a request, which the service bounds by the size of a request's head.
    most_metadata constant integer := 65536;
    -- Replacing a timeline of 5 000 phases by another one causes 15 000 events.
    most_events   constant integer := 50000;
    -- Payloads and, for each event, its command's metadata. They are checked in one statement, which needs a multiple of this memory.
    most_bytes    constant bigint := 67108864;
    size          bigint;
    wrong_numbers boolean;
    hint          constant text := 'Nothing was written. docs/events.md describes the arguments of phaseline.append.';
    time_part     bytea;
    accepting     boolean;
    patience      constant text := current_setting('lock_timeout');
    -- What set_config returns, which nothing needs: an assignment costs less than PERFORM.
    timeout       text;
    tip_hash      bytea;
    tip           bigint;
    actuals       bigint[];
    actual        bigint;
    closed        boolean;
    has_marks     boolean;
    used_print    bytea;
    used_version  bigint;
    used_events   integer;
    -- Whether no command needs a verdict of its own.
    usual         boolean;
    broken        boolean;
    before        bigint;
    contents      bytea[];
    content       bytea;
    distinct_ids  bigint;
    distinct_streams bigint;
    phases        bigint;
    runs          integer := 0;
    -- The number of commands that need their own verdict.
    judged        integer := commands;
    row_places    tid[];
    -- Commands whose project has other dates than they were decided on.
    moved         integer[];
    run_moved     boolean;
    -- One element per event; the positions, versions and hashes of refused commands' events stay NULL.
    streams       uuid[];
    metadata      text[];
    positions     bigint[];
    event_version bigint[];
    hashes        bytea[];
    adopted       uuid[];
    witnesses     text[];
    offset_       integer := 0;
    i             integer;
    k             integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'phaseline.append needs READ COMMITTED, this transaction is at %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- project_inline runs deferred triggers before it returns (SET CONSTRAINTS), with the rights of the tables' owner. Triggers that
    -- the caller's own statements deferred must not be among them.
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'phaseline.append must be the first statement of its transaction that writes'
            USING ERRCODE = 'invalid_transaction_state', HINT = hint;
    END IF;
    -- A trigger of the tables' owner that names a table without its schema would find the caller's.
    IF pg_my_temp_schema() <> 0 THEN
        IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema())
            OR EXISTS (SELECT FROM pg_type y WHERE y.typnamespace = pg_my_temp_schema()) THEN
            RAISE EXCEPTION 'phaseline.append does not run in a session that has temporary tables or types'
                USING ERRCODE = 'invalid_transaction_state', HINT = 'Nothing was written. Drop them (DISCARD TEMP), or use another session.';
        END IF;
    END IF;

    -- The arguments are checked before anything is locked. NULL means an empty array, or one with NULLs only.
    IF command_dims NOT IN ('[]', '[1:' || commands || ']') OR event_dims NOT IN ('[]', '[1:' || events || ']')
        OR NOT command_dims = ALL (ARRAY[coalesce(array_dims(command_stream_type), '[]'),
            coalesce(array_dims(command_expected), '[]'), coalesce(array_dims(command_events), '[]'),
            coalesce(array_dims(command_metadata), '[]'), coalesce(array_dims(command_witness), command_dims),
            coalesce(array_dims(command_scope), command_dims), coalesce(array_dims(command_key), command_dims),
            coalesce(array_dims(command_fingerprint), command_dims), coalesce(array_dims(command_first_day), command_dims),
            coalesce(array_dims(command_last_day), command_dims)])
        OR NOT event_dims = ALL (ARRAY[coalesce(array_dims(event_types), '[]'),
            coalesce(array_dims(event_schema_versions), '[]'), coalesce(array_dims(event_payloads), '[]'),
            coalesce(array_dims(event_salts), '[]'), coalesce(array_dims(event_places), event_dims)]) THEN
        RAISE EXCEPTION 'the arrays of % commands or those of % events differ in length, or do not start at index 1',
            commands, events USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    IF commands = 0 AND events = 0 THEN
        RETURN;
    END IF;
    i := coalesce(array_position(command_stream_type, NULL), array_position(command_stream_id, NULL),
        array_position(command_expected, NULL), array_position(command_events, NULL),
        array_position(command_metadata, NULL));
    IF i IS NOT NULL THEN
        RAISE EXCEPTION 'command %: its stream, expected version, number of events or metadata is NULL', i
            USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    k := coalesce(array_position(event_ids, NULL), array_position(event_types, NULL),
        array_position(event_schema_versions, NULL), array_position(event_payloads, NULL),
        array_position(event_salts, NULL));
    IF k IS NOT NULL THEN
        RAISE EXCEPTION 'event % of all: its id, type, schema version, payload or salt is NULL', k
            USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    IF 'Timeline' <> ANY (command_stream_type) THEN
        RAISE EXCEPTION 'phaseline.append writes timelines only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Nearly always all metadata together are less than a command's may be, and the sums need no query.
    size := pg_column_size(command_metadata);
    IF size <= most_metadata AND events <= most_events AND size * events + pg_column_size(event_payloads) <= most_bytes THEN
        size := 0;
    ELSE
        SELECT max(octet_length(c.metadata)), sum(octet_length(c.metadata)::bigint * c.events) + pg_column_size(event_payloads)
          INTO k, size FROM unnest(command_metadata, command_events) AS c (metadata, events);
    END IF;
    IF k > most_metadata OR events > most_events THEN
        RAISE EXCEPTION 'a command has % bytes of metadata, or the call has % events: the limits are % and %', k, events,
            most_metadata, most_events USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    IF size > most_bytes THEN
        RAISE EXCEPTION 'the events have % bytes of payload and metadata together: the limit is %', size, most_bytes
            USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    wrong_numbers := coalesce(0 > ANY (command_events) OR 0 > ANY (command_expected)
        OR 9223372036854000000 < ANY (command_expected), false);
    IF NOT (single OR wrong_numbers) THEN
        wrong_numbers := events <> (SELECT coalesce(sum(n), 0) FROM unnest(command_events) AS n);
    END IF;
    IF wrong_numbers THEN
        RAISE EXCEPTION 'a number of events or an expected version is negative or too large, or the numbers do not add up to % events',
            events USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    IF command_scope IS NOT NULL OR command_key IS NOT NULL OR command_fingerprint IS NOT NULL THEN
        i := (SELECT min(n) FROM unnest(command_scope, command_key, command_fingerprint) WITH ORDINALITY
                     AS given (scope, key, fingerprint, n)
               WHERE n <= commands AND num_nulls(scope, key, fingerprint) < 3
                 AND (num_nulls(scope, key, fingerprint) > 0 OR octet_length(fingerprint) <> 32
                      OR octet_length(scope) + octet_length(key) > 2000));
        IF i IS NOT NULL THEN
            RAISE EXCEPTION 'command %: an idempotency key must have a scope and a key of at most 2000 bytes together, and a '
                'fingerprint of 32 bytes', i
                USING ERRCODE = 'PL002', HINT = hint;
        END IF;
    END IF;

    IF events = 0 THEN
        NULL;
    ELSIF single THEN
        streams := command_stream_id;
        metadata := command_metadata;
        event_version := ARRAY(SELECT v + 1 FROM unnest(command_expected) AS v);
    ELSE
        SELECT array_agg(c.stream), array_agg(c.metadata), array_agg(c.expected + n)
          INTO streams, metadata, event_version
          FROM unnest(command_stream_id, command_metadata, command_expected, command_events)
                   AS c (stream, metadata, expected, events)
         CROSS JOIN LATERAL generate_series(1, c.events) AS n;
    END IF;
    IF events > 0 THEN
        BEGIN
            SELECT r.contents, r.distinct_streams, r.distinct_ids, r.distinct_phases
              INTO contents, distinct_streams, distinct_ids, phases
              FROM phaseline.check_events(streams, event_version, event_ids, event_types, event_schema_versions,
                       event_payloads, metadata, event_salts, writer) r;
            row_places := event_places::tid[];
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN contents := NULL;
        END;
        IF cardinality(contents) IS DISTINCT FROM events OR array_position(contents, NULL) IS NOT NULL THEN
            FOR i IN 1 .. commands LOOP
                FOR k IN offset_ + 1 .. offset_ + command_events[i] LOOP
                    PERFORM phaseline.refuse_event(i, k - offset_, streams[k], event_version[k], event_ids[k], event_types[k],
                        event_schema_versions[k], event_payloads[k], metadata[k], event_salts[k]);
                END LOOP;
                offset_ := offset_ + command_events[i];
            END LOOP;
            RAISE EXCEPTION '%', CASE WHEN event_places IS NULL THEN 'the events cannot be checked together'
                                      ELSE 'an event has an invalid row location' END USING ERRCODE = 'PL002', HINT = hint;
        END IF;
        IF distinct_ids < events THEN
            RAISE EXCEPTION 'two events have the same id' USING ERRCODE = 'PL002', HINT = hint;
        END IF;
    END IF;
    -- Nothing follows the closing of a timeline, and the projection checks that its project was deleted.
    IF events > 1 AND 'TimelineClosed' = ANY (event_types) THEN
        RAISE EXCEPTION 'TimelineClosed must be the only event' USING ERRCODE = 'PL002', HINT = hint;
    END IF;
    -- A timeline is opened by the first event of a command; events that adopt rows of other programs follow it directly.
    IF opening OR command_witness IS NOT NULL OR 'PhaseAdopted' = ANY (event_types) THEN
        FOR i IN 1 .. commands LOOP
            IF command_witness[i] IS NOT NULL
                AND (command_events[i] = 0 OR event_types[offset_ + 1] <> 'TimelineOpened') THEN
                RAISE EXCEPTION 'command %: it has a witness, but adopts nothing', i USING ERRCODE = 'PL002', HINT = hint;
            END IF;
            FOR k IN offset_ + 1 .. offset_ + command_events[i] LOOP
                IF event_types[k] = 'TimelineOpened' AND k > offset_ + 1
                    OR event_types[k] = 'PhaseAdopted'
                       AND (k = offset_ + 1 OR event_types[k - 1] NOT IN ('TimelineOpened', 'PhaseAdopted')) THEN
                    RAISE EXCEPTION 'command %, event %: % must be at the beginning of a command', i, k - offset_,
                        event_types[k] USING ERRCODE = 'PL002', HINT = hint;
                END IF;
            END LOOP;
            offset_ := offset_ + command_events[i];
        END LOOP;
        offset_ := 0;
    END IF;

    -- A log that accepts no commands is reported without a lock: a running migration holds the head until it ends.
    SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1;
    IF accepting AND events > 0 THEN
        -- A session that holds the head lock, or waits for it, blocks every writer: waits for a row that another session has locked
        -- are short.
        -- The order of locks is the same everywhere: projects' rows by id, then the head. Existing phases need no lock: a row does
        -- not change its project.
        IF event_types && project_events THEN
            timeout := set_config('lock_timeout', '500ms', true);
            PERFORM phaseline.lock_projects(command_stream_id, event_types && '{TimelineOpened,TimelineRescheduled}');
            timeout := set_config('lock_timeout', patience, true);
        END IF;
        SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
    END IF;
    IF accepting IS NULL THEN
        RAISE EXCEPTION 'phaseline.head has no row: the installation is damaged'
            USING HINT = 'Run: phaseline doctor';
    END IF;
    IF NOT accepting THEN
        RETURN QUERY SELECT n, 'not_accepting'::text, 0::bigint, 0::bigint, clock_timestamp(), 0, NULL::text
            FROM generate_series(1, commands) AS n;
        RETURN;
    END IF;
    timeout := set_config('lock_timeout', '500ms', true);
    -- The log's end, and each stream's version if it is the expected one or a later one: of a long stream only that end is
    -- read. NULL means an earlier version, a negative number the version of a closed timeline.
    SELECT e.position, e.hash, e.recorded_at,
           EXISTS (SELECT FROM phaseline.events mark WHERE mark.stream_type = 'SkippedEvents'),
           CASE commands
               WHEN 1 THEN ARRAY[(SELECT CASE v.event_type WHEN 'TimelineClosed' THEN - v.version ELSE v.version END
                                    FROM phaseline.events v
                                   WHERE v.stream_type = 'Timeline' AND v.stream_id = command_stream_id[1]
                                     AND v.version >= command_expected[1]
                                   ORDER BY v.version DESC LIMIT 1)]
               ELSE ARRAY(SELECT (SELECT CASE v.event_type WHEN 'TimelineClosed' THEN - v.version ELSE v.version END
                                    FROM phaseline.events v
                                   WHERE v.stream_type = 'Timeline' AND v.stream_id = wanted.stream_id
                                     AND v.version >= wanted.expected
                                   ORDER BY v.version DESC LIMIT 1)
                            FROM unnest(command_stream_id, command_expected) WITH ORDINALITY
                                 AS wanted (stream_id, expected, n) ORDER BY wanted.n)
           END
      INTO tip, tip_hash, at, has_marks, actuals
      FROM phaseline.events e ORDER BY e.position DESC LIMIT 1;
    IF NOT FOUND THEN
        tip := 0;
        tip_hash := decode(repeat('00', 32), 'hex');
    END IF;
    at := greatest(clock_timestamp(), at);
    time_part := long_follows || int8send((extract(epoch FROM at) * 1000000)::bigint) || hash_follows;

    before := tip;
    IF command_first_day IS NOT NULL THEN
        moved := phaseline.moved_projects(command_stream_id, command_first_day, command_last_day);
    END IF;
    -- The most frequent cases need no loop for verdicts: each command has events, for a timeline of its own that is open and at the
    -- expected version; and its key was never used.
    usual := distinct_streams = commands AND actuals = command_expected AND 0 < ALL (command_expected)
        AND NOT (opening OR has_marks) AND command_witness IS NULL AND moved IS NULL;
    IF usual AND command_key IS NOT NULL THEN
        usual := NOT EXISTS (SELECT FROM unnest(command_scope, command_key) AS given (scope, key)
                               JOIN phaseline.idempotency_keys used ON used.scope = given.scope AND used.key = given.key)
            AND cardinality(command_key) - coalesce(cardinality(array_positions(command_key, NULL)), 0)
                = cardinality(ARRAY(SELECT DISTINCT given FROM unnest(command_scope, command_key) AS given (scope, key)
                                     WHERE given.key IS NOT NULL));
    END IF;
    IF usual THEN
        FOREACH content IN ARRAY contents LOOP
            tip := tip + 1;
            tip_hash := sha256(chain_tag || tip_hash || long_follows || int8send(tip) || time_part || content);
            hashes := hashes || tip_hash;
        END LOOP;
        positions := ARRAY(SELECT generate_series(before + 1, tip));
        IF single THEN
            RETURN QUERY SELECT n::integer, 'appended'::text, v, before + n, at, 0, NULL::text
                FROM unnest(event_version) WITH ORDINALITY AS e (v, n);
        ELSE
            RETURN QUERY SELECT n::integer, 'appended'::text, v + own, before + sum(own) OVER (ORDER BY n), at, 0, NULL::text
                FROM unnest(command_expected, command_events) WITH ORDINALITY AS c (v, own, n);
        END IF;
        IF command_key IS NOT NULL THEN
            INSERT INTO phaseline.idempotency_keys AS used
                (scope, key, login, fingerprint, stream_id, version, events, recorded_at)
            SELECT c.scope, c.key, writer, c.fingerprint, c.stream, c.expected + c.events, c.events, at
              FROM unnest(command_scope, command_key, command_fingerprint, command_stream_id, command_expected, command_events)
                       AS c (scope, key, fingerprint, stream, expected, events)
             WHERE c.key IS NOT NULL
            -- Commands without events do not wait for the head, so another request may have used a key meanwhile.
            ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
               SET fingerprint = excluded.fingerprint, stream_id = excluded.stream_id, version = excluded.version,
                   events = excluded.events, recorded_at = excluded.recorded_at;
        END IF;
        judged := 0;
    ELSIF events > 1 THEN
        positions := array_fill(NULL::bigint, ARRAY[events]);
        hashes := array_fill(NULL::bytea, ARRAY[events]);
    END IF;

    FOR i IN 1 .. judged LOOP
        IF i = 1 OR command_stream_id[i] <> command_stream_id[i - 1] THEN
            runs := runs + 1;
            actual := actuals[i];
            broken := false;
            -- Later commands on the stream were decided on its result.
            run_moved := coalesce(i = ANY (moved), false);
            IF actual IS NULL THEN
                actual := coalesce((SELECT e.version FROM phaseline.events e
                                     WHERE e.stream_type = 'Timeline' AND e.stream_id = command_stream_id[i]
                                     ORDER BY e.version DESC LIMIT 1), 0);
            END IF;
            closed := actual <= 0;
            actual := abs(actual);
            -- An event that a mark leaves out neither opens a timeline nor closes it.
            IF has_marks AND actual > 0 THEN
                closed := coalesce((
                    SELECT e.event_type = 'TimelineClosed' FROM phaseline.events e
                     WHERE e.stream_type = 'Timeline' AND e.stream_id = command_stream_id[i]
                       AND NOT EXISTS (SELECT FROM phaseline.events mark
                                        WHERE mark.stream_type = 'SkippedEvents' AND mark.stream_id = e.stream_id
                                          AND mark.payload ->> 'position' = e.position::text)
                     ORDER BY e.version DESC LIMIT 1), true);
            END IF;
        END IF;
        command := i;
        verdict := 'appended';
        earlier_events := 0;
        IF command_key[i] IS NOT NULL THEN
            -- A key belongs to the login that used it, so that no other login can use it up. Keys of version 3 have no login.
            SELECT used.fingerprint, used.version, used.events INTO used_print, used_version, used_events
              FROM phaseline.idempotency_keys used
             WHERE used.scope = command_scope[i] AND used.key = command_key[i] AND used.login IN (writer, '')
               AND used.recorded_at > at - interval '24 hours'
             ORDER BY used.login DESC LIMIT 1;
            IF NOT FOUND THEN
                NULL;
            ELSIF used_print = command_fingerprint[i] THEN
                verdict := 'repeated';
                earlier_events := used_events;
            ELSE
                verdict := 'key_reused';
            END IF;
        END IF;
        IF verdict = 'appended' THEN
            IF broken OR actual <> command_expected[i] THEN
                verdict := 'conflict';
            ELSIF run_moved THEN
                verdict := 'dates_changed';
            ELSE
                IF (closed OR opening) AND command_events[i] > 0 THEN
                    IF closed <> (event_types[offset_ + 1] = 'TimelineOpened') THEN
                        RAISE EXCEPTION 'command %: the timeline of project % is %', i, command_stream_id[i],
                            CASE WHEN closed THEN 'not open, and only TimelineOpened opens it' ELSE 'open already' END
                            USING ERRCODE = 'PL003', HINT = hint;
                    END IF;
                    closed := false;
                END IF;
                FOR k IN offset_ + 1 .. offset_ + command_events[i] LOOP
                    tip := tip + 1;
                    actual := actual + 1;
                    tip_hash := sha256(chain_tag || tip_hash || long_follows || int8send(tip) || time_part || contents[k]);
                    positions[k] := tip;
                    hashes[k] := tip_hash;
                END LOOP;
                IF command_witness[i] IS NOT NULL THEN
                    adopted := adopted || command_stream_id[i];
                    witnesses := witnesses || command_witness[i];
                END IF;
                IF command_key[i] IS NOT NULL THEN
                    INSERT INTO phaseline.idempotency_keys AS used
                        (scope, key, login, fingerprint, stream_id, version, events, recorded_at)
                    VALUES (command_scope[i], command_key[i], writer, command_fingerprint[i], command_stream_id[i], actual,
                        command_events[i], at)
                    ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
                       SET fingerprint = excluded.fingerprint, stream_id = excluded.stream_id, version = excluded.version,
                           events = excluded.events, recorded_at = excluded.recorded_at
                     -- Commands without events do not wait for the head, so another request may have used the key meanwhile.
                     WHERE excluded.events > 0 OR used.recorded_at <= excluded.recorded_at - interval '24 hours';
                END IF;
            END IF;
        END IF;
        broken := verdict <> 'appended';
        offset_ := offset_ + command_events[i];
        stream_version := CASE verdict WHEN 'repeated' THEN used_version ELSE actual END;
        last_position := tip;
        RETURN NEXT;
    END LOOP;

    IF runs > 1 THEN
        IF runs > (SELECT count(DISTINCT s) FROM unnest(command_stream_id) AS s) THEN
            RAISE EXCEPTION 'the commands for one stream are not adjacent' USING ERRCODE = 'PL002', HINT = hint;
        END IF;
    END IF;
    IF tip > before THEN
        -- The most frequent case is one command with one event: unnesting the arrays would cost as much as the rest.
        IF events = 1 THEN
            INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type,
                schema_version, payload, metadata, salt, recorded_at, hash, login)
            VALUES (positions[1], 'Timeline', streams[1], event_version[1], event_ids[1], event_types[1],
                event_schema_versions[1], event_payloads[1]::json, metadata[1]::json, event_salts[1], at, hashes[1], writer);
        ELSE
            INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type,
                schema_version, payload, metadata, salt, recorded_at, hash, login)
            SELECT e.position, 'Timeline', e.stream_id, e.version, e.event_id, e.event_type,
                   e.schema_version, e.payload::json, e.metadata::json, e.salt, at, e.hash, writer
              FROM unnest(positions, streams, event_version, event_ids, event_types, event_schema_versions, event_payloads,
                          metadata, event_salts, hashes)
                   AS e (position, stream_id, version, event_id, event_type, schema_version, payload, metadata, salt, hash)
             WHERE e.position IS NOT NULL;
        END IF;
        IF tip - before < events THEN
            SELECT array_agg(e.event_type), array_agg(e.stream), array_agg(e.payload),
                   CASE WHEN row_places IS NOT NULL THEN array_agg(e.place) END
              INTO event_types, streams, event_payloads, row_places
              FROM unnest(event_types, streams, event_payloads, row_places, positions)
                   AS e (event_type, stream, payload, place, position)
             WHERE e.position IS NOT NULL;
        END IF;
        row_locations := phaseline.project_inline(event_types, streams, event_payloads, row_places, adopted, witnesses,
            events > phases, at);
        IF row_locations IS NOT NULL THEN
            command := 0;
            verdict := 'projected';
            stream_version := 0;
            last_position := tip;
            earlier_events := 0;
            RETURN NEXT;
        END IF;
    END IF;
    timeout := set_config('lock_timeout', patience, true);
END $$;
