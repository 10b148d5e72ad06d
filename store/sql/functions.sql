-- Functions, triggers, views and roles of the log. Run whole at every installation: each statement replaces what was.

CREATE OR REPLACE FUNCTION phaseline.refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'phaseline.events is append-only: % refused', tg_op
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'An event is a fact. Record what is right now by a new command.';
END $$;

CREATE OR REPLACE TRIGGER events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON phaseline.events
    FOR EACH STATEMENT EXECUTE FUNCTION phaseline.refuse_change();
ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only;

-- The hash that chains an event to the one before it; the same as in docs/events.md. All parts but the tag have a
-- fixed length, so the length prefixes are constants.
CREATE OR REPLACE FUNCTION phaseline.chain_hash(
    previous bytea, "position" bigint, recorded_at timestamptz, content bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog AS $$
    SELECT sha256(
        int4send(18) || convert_to('phaseline/chain/v1', 'UTF8')
        || int4send(32) || previous
        || int4send(8) || int8send("position")
        || int4send(8) || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint)
        || int4send(32) || content)
$$;

-- What the inline projection does with the changes of a batch of commands, and how it keeps the projects that they refer to.
-- The projections replace both with their own.
DROP FUNCTION IF EXISTS phaseline.project_inline(uuid, json, timestamptz);
DO $$
BEGIN
    IF to_regprocedure('phaseline.project_inline(uuid[], text[], timestamptz)') IS NULL THEN
        CREATE FUNCTION phaseline.project_inline(projects uuid[], changes text[], recorded_at timestamptz) RETURNS text
            LANGUAGE plpgsql AS $f$
        BEGIN
            RAISE EXCEPTION 'no inline projection is installed';
        END $f$;
    END IF;
    IF to_regprocedure('phaseline.lock_projects(uuid[])') IS NULL THEN
        CREATE FUNCTION phaseline.lock_projects(projects uuid[]) RETURNS void LANGUAGE sql AS '';
    END IF;
END $$;

-- Appends a batch of commands' events, each command with its own verdict:
--   appended      its events are in the log, its changes in the projection
--   conflict      the stream is not at the expected version; nothing of this command was written
--   repeated      its key was used before for the same request: the version after that request, and its number of events
--   key_reused    its key was used before for another request; nothing of this command was written
--   not_accepting the log takes no commands (the legacy shape is live); nothing was written
-- A command may expect the version that the one before it leads to, if both are for the same stream; commands for one stream
-- stand together. If that one is not appended, neither are those that follow it on the stream: they were decided on what it
-- would have led to, and the version that they expect may be another writer's by now. A row for command 0 comes last if the
-- projection wants to be told something with later changes: `said`.
-- The head row is locked first; the statements after it see everything that was committed before. That needs READ
-- COMMITTED: at a stricter level they would all see one moment before the lock.
-- Only timelines are written this way, by events of known types and versions, and a command's changes reach no other project's
-- rows: whoever may call this function may write commands, and nothing else. What the program would not send is refused
-- (SQLSTATE PL010), a content hash that does not fit among it.
-- Plans are generic, since planning anew for each call would take longer than the work; and as tables that were tiny when a
-- plan was made grow, the settings keep all plans on the indexes.
DROP FUNCTION IF EXISTS phaseline.append(text[], uuid[], bigint[], integer[], text[], uuid[], text[], integer[], text[],
    text[], bytea[], bytea[]);
CREATE OR REPLACE FUNCTION phaseline.append(
    command_stream_type text[], command_stream_id uuid[], command_expected bigint[],
    command_events integer[], command_changes text[],
    event_ids uuid[], event_types text[], event_schema_versions integer[],
    event_payloads text[], event_metadata text[], event_salts bytea[], event_contents bytea[],
    command_scope text[] DEFAULT NULL, command_key text[] DEFAULT NULL, command_fingerprint bytea[] DEFAULT NULL
) RETURNS TABLE (command integer, verdict text, stream_version bigint, last_position bigint, at timestamptz,
                 earlier_events integer, said text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    -- The fixed parts of what phaseline.chain_hash hashes: lengths, and 'phaseline/chain/v1'.
    chain_tag     constant bytea := decode('0000001270686173656c696e652f636861696e2f763100000020', 'hex');
    long_follows  constant bytea := decode('00000008', 'hex');
    hash_follows  constant bytea := decode('00000020', 'hex');
    -- The fixed parts of what a content hash covers (docs/events.md): the tags with their lengths, 'Timeline', lengths.
    content_tag   constant bytea := decode('0000001470686173656c696e652f636f6e74656e742f76310000000854696d656c696e6500000010', 'hex');
    metadata_tag  constant bytea := decode('0000001570686173656c696e652f6d657461646174612f763100000010', 'hex');
    id_follows    constant bytea := decode('00000010', 'hex');
    int_follows   constant bytea := decode('00000004', 'hex');
    meta          bytea;
    type_name     bytea;
    -- After these the projection writes to the projects' rows, or new ones that refer to them.
    project_events constant text[] := '{TimelineOpened,TimelineRescheduled,PhaseCreated,PhaseAdopted,DefaultPhaseSupplied}';
    -- What the domain can read, each of schema version 1; a test compares it with the domain's own list.
    known_events  constant text[] := '{TimelineOpened,TimelineRescheduled,PhaseCreated,PhaseResized,PhaseRenamed,PhaseDescribed,PhaseBudgeted,PhaseRemoved,PhaseAdopted,LegacyPhaseAdopted,LegacyRowRecorded,DefaultPhaseSupplied,TimelineClosed}';
    commands      constant integer := cardinality(command_stream_id);
    events        constant integer := cardinality(event_ids);
    -- The escape of a character that no text can hold, written so that standard_conforming_strings does not matter.
    nul           constant text := chr(92) || 'u0000';
    time_part     bytea;
    accepting     boolean;
    patience      constant text := current_setting('lock_timeout');
    tip_hash      bytea;
    tip           bigint;
    actuals       bigint[];
    actual        bigint;
    used_print    bytea;
    used_version  bigint;
    used_events   integer;
    broken        boolean;
    before        bigint;
    -- One element for each event offered; those of refused commands stay NULL.
    streams       uuid[];
    positions     bigint[];
    event_version bigint[];
    hashes        bytea[];
    projects      uuid[];
    changes       text[];
    offset_       integer := 0;
    i             integer;
    k             integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'phaseline.append needs READ COMMITTED, this transaction is at %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF (cardinality(command_stream_type) = commands AND cardinality(command_expected) = commands
            AND cardinality(command_events) = commands AND cardinality(command_changes) = commands
            AND coalesce(cardinality(command_scope), commands) = commands
            AND coalesce(cardinality(command_key), commands) = commands
            AND coalesce(cardinality(command_fingerprint), commands) = commands
            AND cardinality(event_types) = events AND cardinality(event_schema_versions) = events
            AND cardinality(event_payloads) = events AND cardinality(event_metadata) = events
            AND cardinality(event_salts) = events AND cardinality(event_contents) = events) IS NOT TRUE THEN
        RAISE EXCEPTION 'phaseline.append: the arrays of commands, or of events, differ in length' USING ERRCODE = 'PL010';
    END IF;
    IF array_position(command_stream_type, NULL) IS NOT NULL OR array_position(command_stream_id, NULL) IS NOT NULL
        OR array_position(command_expected, NULL) IS NOT NULL OR array_position(command_events, NULL) IS NOT NULL
        OR array_position(event_ids, NULL) IS NOT NULL OR array_position(event_payloads, NULL) IS NOT NULL
        OR array_position(event_metadata, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'phaseline.append: a NULL stands where none may' USING ERRCODE = 'PL010';
    END IF;
    IF 'Timeline' <> ANY (command_stream_type) THEN
        RAISE EXCEPTION 'phaseline.append writes timelines only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT (event_types <@ known_events AND event_schema_versions <@ '{1}'::integer[]) THEN
        RAISE EXCEPTION 'phaseline.append: an event has a type or a schema version that no reader knows'
            USING ERRCODE = 'PL010';
    END IF;
    FOR i IN 1 .. commands LOOP
        offset_ := offset_ + command_events[i];
        IF command_events[i] < 0 OR command_events[i] = 0 AND command_changes[i] IS NOT NULL THEN
            RAISE EXCEPTION 'phaseline.append: command % has changes without events, or a negative count of events', i
                USING ERRCODE = 'PL010';
        END IF;
    END LOOP;
    IF offset_ <> events THEN
        RAISE EXCEPTION 'phaseline.append: the commands have % events, % were passed', offset_, events USING ERRCODE = 'PL010';
    END IF;
    offset_ := 0;
    -- A log that takes no commands is told without a lock: a migration under way holds the head for as long as it works.
    SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1;
    IF accepting IS NOT FALSE THEN
        -- Whoever holds the head holds up everybody, and so does whoever has others waiting behind it: a row that somebody
        -- else has locked is waited for only a moment.
        -- Locks in the order that everybody keeps: projects' rows by id, then the head. A phase that is there already needs
        -- none: its row does not change its project.
        IF event_types && project_events THEN
            PERFORM set_config('lock_timeout', '500ms', true);
            PERFORM phaseline.lock_projects(command_stream_id);
            PERFORM set_config('lock_timeout', patience, true);
        END IF;
        -- Without events nothing is written that others wait for.
        IF events > 0 THEN
            SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
        ELSE
            SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'phaseline.head has no row: the installation is damaged'
                USING HINT = 'Run: phaseline doctor';
        END IF;
    END IF;
    IF NOT accepting THEN
        RETURN QUERY SELECT n, 'not_accepting'::text, 0::bigint, 0::bigint, clock_timestamp(), 0, NULL::text
            FROM generate_series(1, commands) AS n;
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', '500ms', true);
    -- The log's end, and each stream's version if it is the expected one or a later one: of a long stream only that end is
    -- read. NULL stands for an earlier one.
    SELECT e.position, e.hash, e.recorded_at,
           CASE commands
               WHEN 1 THEN ARRAY[(SELECT v.version FROM phaseline.events v
                                   WHERE v.stream_type = 'Timeline' AND v.stream_id = command_stream_id[1]
                                     AND v.version >= command_expected[1]
                                   ORDER BY v.version DESC LIMIT 1)]
               ELSE ARRAY(SELECT (SELECT v.version FROM phaseline.events v
                                   WHERE v.stream_type = 'Timeline' AND v.stream_id = asked.stream_id
                                     AND v.version >= asked.expected
                                   ORDER BY v.version DESC LIMIT 1)
                            FROM unnest(command_stream_id, command_expected) WITH ORDINALITY
                                 AS asked (stream_id, expected, n) ORDER BY asked.n)
           END
      INTO tip, tip_hash, at, actuals
      FROM phaseline.events e ORDER BY e.position DESC LIMIT 1;
    IF NOT FOUND THEN
        tip := 0;
        tip_hash := decode(repeat('00', 32), 'hex');
    END IF;
    at := greatest(clock_timestamp(), at);
    time_part := long_follows || int8send((extract(epoch FROM at) * 1000000)::bigint) || hash_follows;

    before := tip;
    IF commands > 1 THEN
        streams := array_fill(NULL::uuid, ARRAY[cardinality(event_ids)]);
        positions := array_fill(NULL::bigint, ARRAY[cardinality(event_ids)]);
        event_version := positions;
        hashes := array_fill(NULL::bytea, ARRAY[cardinality(event_ids)]);
    END IF;

    FOR i IN 1 .. commands LOOP
        IF i = 1 OR command_stream_id[i] <> command_stream_id[i - 1] THEN
            actual := actuals[i];
            broken := false;
            IF actual IS NULL THEN
                actual := coalesce((SELECT e.version FROM phaseline.events e
                                     WHERE e.stream_type = 'Timeline' AND e.stream_id = command_stream_id[i]
                                     ORDER BY e.version DESC LIMIT 1), 0);
            END IF;
        END IF;
        command := i;
        verdict := 'appended';
        earlier_events := 0;
        IF command_key[i] IS NOT NULL THEN
            SELECT used.fingerprint, used.version, used.events INTO used_print, used_version, used_events
              FROM phaseline.idempotency_keys used
             WHERE used.scope = command_scope[i] AND used.key = command_key[i]
               AND used.recorded_at > at - interval '24 hours';
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
            ELSE
                FOR k IN offset_ + 1 .. offset_ + command_events[i] LOOP
                    tip := tip + 1;
                    actual := actual + 1;
                    -- Not by one query for all events: to start it would cost more than the work.
                    IF left(event_payloads[k], 1) <> '{' OR strpos(event_payloads[k], nul) > 0
                        OR left(event_metadata[k], 1) <> '{' OR strpos(event_metadata[k], nul) > 0
                        OR octet_length(event_salts[k]) IS DISTINCT FROM 16
                        OR octet_length(event_contents[k]) IS DISTINCT FROM 32 THEN
                        RAISE EXCEPTION 'phaseline.append: an event of command % has a payload or metadata that is no object or '
                            'cannot be read as text, or a salt or content hash of another length', i USING ERRCODE = 'PL010';
                    END IF;
                    -- A hash that does not fit could never be repaired.
                    meta := convert_to(event_metadata[k], 'UTF8');
                    type_name := convert_to(event_types[k], 'UTF8');
                    IF event_contents[k] <> sha256(
                        content_tag || uuid_send(command_stream_id[i]) || long_follows || int8send(actual)
                        || id_follows || uuid_send(event_ids[k]) || int4send(octet_length(type_name)) || type_name
                        || int_follows || int4send(event_schema_versions[k])
                        || hash_follows || sha256(convert_to(event_payloads[k], 'UTF8'))
                        || hash_follows || sha256(metadata_tag || event_salts[k] || int4send(octet_length(meta)) || meta)) THEN
                        RAISE EXCEPTION 'phaseline.append: the content hash of an event of command % does not fit', i
                            USING ERRCODE = 'PL010';
                    END IF;
                    tip_hash := sha256(chain_tag || tip_hash || long_follows || int8send(tip) || time_part || event_contents[k]);
                    streams[k] := command_stream_id[i];
                    positions[k] := tip;
                    event_version[k] := actual;
                    hashes[k] := tip_hash;
                END LOOP;
                IF command_changes[i] IS NOT NULL THEN
                    projects := projects || command_stream_id[i];
                    changes := changes || command_changes[i];
                END IF;
                IF command_key[i] IS NOT NULL THEN
                    INSERT INTO phaseline.idempotency_keys AS used
                        (scope, key, fingerprint, stream_id, version, events, recorded_at)
                    VALUES (command_scope[i], command_key[i], command_fingerprint[i], command_stream_id[i], actual,
                        command_events[i], at)
                    ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
                       SET fingerprint = excluded.fingerprint, stream_id = excluded.stream_id, version = excluded.version,
                           events = excluded.events, recorded_at = excluded.recorded_at;
                END IF;
            END IF;
        END IF;
        broken := verdict <> 'appended';
        offset_ := offset_ + command_events[i];
        stream_version := CASE verdict WHEN 'repeated' THEN used_version ELSE actual END;
        last_position := tip;
        RETURN NEXT;
    END LOOP;

    IF tip > before THEN
        INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type,
            schema_version, payload, metadata, salt, recorded_at, hash)
        SELECT e.position, 'Timeline', e.stream_id, e.version, e.event_id, e.event_type,
               e.schema_version, e.payload::json, e.metadata::json, e.salt, at, e.hash
          FROM unnest(positions, streams, event_version, event_ids, event_types, event_schema_versions, event_payloads,
                      event_metadata, event_salts, hashes)
               AS e (position, stream_id, version, event_id, event_type, schema_version, payload, metadata, salt, hash)
         WHERE e.position IS NOT NULL;
    END IF;
    IF changes IS NOT NULL THEN
        said := phaseline.project_inline(projects, changes, at);
        IF said IS NOT NULL THEN
            command := 0;
            verdict := 'projected';
            RETURN NEXT;
        END IF;
    END IF;
    PERFORM set_config('lock_timeout', patience, true);
END $$;

-- Drops the keys that are of no use any more, and says how many. Whoever serves commands calls it now and then. Keys of commands
-- that changed nothing cost a caller nothing, so of these only the newest 1 000 of each scope are kept.
CREATE OR REPLACE FUNCTION phaseline.forget_idempotency_keys() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM phaseline.idempotency_keys used
     WHERE used.recorded_at < clock_timestamp() - interval '24 hours'
        OR (used.scope, used.key) IN (
               SELECT kept.scope, kept.key
                 FROM (SELECT k.scope, k.key, row_number() OVER (PARTITION BY k.scope ORDER BY k.recorded_at DESC, k.key) AS n
                         FROM phaseline.idempotency_keys k WHERE k.events = 0) kept
                WHERE kept.n > 1000);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- The age of the oldest transaction that keeps dead row versions of this database alive, by a snapshot or by an id of its own, in
-- seconds; NULL if there is none, or if the log's owner may not see other sessions (pg_read_all_stats). While it stands, no row
-- version that is newer than it can be cleared away. What a replication slot or a standby holds has no age that could be told.
CREATE OR REPLACE FUNCTION phaseline.oldest_snapshot() RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT extract(epoch FROM max(clock_timestamp() - held.since))::double precision
              FROM (SELECT coalesce(a.xact_start, a.query_start) AS since FROM pg_stat_activity a
                     WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
                       AND (a.backend_type = 'walsender' AND a.xact_start IS NOT NULL
                            OR a.datname = current_database() AND a.backend_type = 'client backend')
                    UNION ALL
                    SELECT x.prepared FROM pg_prepared_xacts x WHERE x.database = current_database()) held);
END $$;

-- The log in the table layout of postgres-es, for its PostgresEventRepository. That one asks by the id as text: an index on the
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
  -- What a mark leaves out is for every reader as if it were not there.
  AND NOT EXISTS (SELECT FROM phaseline.events mark
                   WHERE mark.stream_type = 'SkippedEvents' AND mark.stream_id = e.stream_id
                     AND mark.payload ->> 'position' = e.position::text);

COMMENT ON VIEW phaseline.postgres_es_events IS
    'The timelines'' events in the table layout of postgres-es 0.5: PostgresEventRepository can read it.';

-- Roles belong to the whole server and other databases may be making the same ones right now.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['phaseline_writer', 'phaseline_reader', 'phaseline_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'role % does not exist and may not be created by %', role_name, current_user;
            END;
        END IF;
    END LOOP;
END $$;

-- Whatever default privileges gave away goes: only the owner and the grants below remain.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT 'TABLE' AS kind, c.oid::regclass::text AS object, a.grantee
          FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
         WHERE c.relnamespace = 'phaseline'::regnamespace AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner
        UNION ALL
        SELECT DISTINCT 'FUNCTION', p.oid::regprocedure::text, a.grantee
          FROM pg_catalog.pg_proc p,
               pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
         WHERE p.pronamespace = 'phaseline'::regnamespace AND a.grantee <> p.proowner
        UNION ALL
        SELECT DISTINCT 'SCHEMA', 'phaseline', a.grantee
          FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
         WHERE n.nspname = 'phaseline' AND a.grantee <> n.nspowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %s', given.kind, given.object,
            CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(given.grantee)) END);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_writer') THEN
        GRANT USAGE ON SCHEMA phaseline TO phaseline_writer;
        GRANT SELECT ON phaseline.events, phaseline.head, phaseline.idempotency_keys TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.append(text[], uuid[], bigint[], integer[], text[], uuid[], text[],
            integer[], text[], text[], bytea[], bytea[], text[], text[], bytea[]) TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.forget_idempotency_keys(), phaseline.oldest_snapshot() TO phaseline_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_reader') THEN
        GRANT USAGE ON SCHEMA phaseline TO phaseline_reader;
        GRANT SELECT ON phaseline.events, phaseline.head, phaseline.postgres_es_events TO phaseline_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_auditor') THEN
        GRANT USAGE ON SCHEMA phaseline TO phaseline_auditor;
        GRANT SELECT ON phaseline.events, phaseline.head, phaseline.postgres_es_events TO phaseline_auditor;
        GRANT EXECUTE ON FUNCTION phaseline.chain_hash(bytea, bigint, timestamptz, bytea) TO phaseline_auditor;
    END IF;
END $$;
