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

-- What the inline projection does with the changes of one command. The projections replace it with their own.
DO $$
BEGIN
    IF to_regprocedure('phaseline.project_inline(uuid, json, timestamptz)') IS NULL THEN
        CREATE FUNCTION phaseline.project_inline(project uuid, changes json, recorded_at timestamptz) RETURNS void
            LANGUAGE plpgsql AS $f$
        BEGIN
            RAISE EXCEPTION 'no inline projection is installed';
        END $f$;
    END IF;
END $$;

-- Appends a batch of commands' events, each command with its own verdict:
--   appended      its events are in the log, its changes in the projection
--   conflict      the stream is not at the expected version; nothing of this command was written
--   not_accepting the log takes no commands (the legacy shape is live); nothing was written
-- The head row is locked first; the statements after it see everything that was committed before. That needs READ
-- COMMITTED: at a stricter level they would all see one moment before the lock.
-- Only timelines are written this way, and a command's changes reach no other project's rows: whoever may call this
-- function may write commands, and nothing else.
CREATE OR REPLACE FUNCTION phaseline.append(
    command_stream_type text[], command_stream_id uuid[], command_expected bigint[],
    command_events integer[], command_changes text[],
    event_ids uuid[], event_types text[], event_schema_versions integer[],
    event_payloads text[], event_metadata text[], event_salts bytea[], event_contents bytea[]
) RETURNS TABLE (command integer, verdict text, stream_version bigint, last_position bigint, at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    accepting   boolean;
    tip_hash    bytea;
    tip         bigint;
    tip_time    timestamptz;
    actual      bigint;
    offset_     integer := 0;
    i           integer;
    k           integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'phaseline.append needs READ COMMITTED, this transaction is at %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF EXISTS (SELECT FROM unnest(command_stream_type) AS asked (stream_type) WHERE asked.stream_type <> 'Timeline') THEN
        RAISE EXCEPTION 'phaseline.append writes timelines only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- A log that takes no commands is told without a lock: a migration under way holds the head for as long as it works.
    SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1;
    IF NOT accepting THEN
        RETURN QUERY SELECT n, 'not_accepting'::text, 0::bigint, 0::bigint, clock_timestamp()
            FROM generate_series(1, cardinality(command_stream_id)) AS n;
        RETURN;
    END IF;
    -- Locks in the order that everybody keeps: projects' rows by id, then the head.
    PERFORM 1 FROM public.projects p
        WHERE p.id = ANY (command_stream_id) ORDER BY p.id FOR KEY SHARE;
    SELECT h.accepts_commands INTO accepting FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'phaseline.head has no row: the installation is damaged'
            USING HINT = 'Run: phaseline doctor';
    END IF;
    SELECT e.position, e.hash, e.recorded_at INTO tip, tip_hash, tip_time
        FROM phaseline.events e ORDER BY e.position DESC LIMIT 1;
    tip := coalesce(tip, 0);
    tip_hash := coalesce(tip_hash, decode(repeat('00', 32), 'hex'));
    tip_time := greatest(clock_timestamp(), tip_time);

    FOR i IN 1 .. cardinality(command_stream_id) LOOP
        command := i;
        at := tip_time;
        SELECT coalesce(max(e.version), 0) INTO actual FROM phaseline.events e
            WHERE e.stream_type = command_stream_type[i] AND e.stream_id = command_stream_id[i];
        IF NOT accepting THEN
            verdict := 'not_accepting';
        ELSIF actual <> command_expected[i] THEN
            verdict := 'conflict';
        ELSE
            verdict := 'appended';
            FOR k IN offset_ + 1 .. offset_ + command_events[i] LOOP
                tip := tip + 1;
                actual := actual + 1;
                tip_hash := phaseline.chain_hash(tip_hash, tip, tip_time, event_contents[k]);
                INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type,
                    schema_version, payload, metadata, salt, recorded_at, hash)
                VALUES (tip, command_stream_type[i], command_stream_id[i], actual, event_ids[k], event_types[k],
                    event_schema_versions[k], event_payloads[k]::json, event_metadata[k]::json, event_salts[k],
                    tip_time, tip_hash);
            END LOOP;
            IF command_changes[i] IS NOT NULL THEN
                PERFORM phaseline.project_inline(command_stream_id[i], command_changes[i]::json, tip_time);
            END IF;
        END IF;
        offset_ := offset_ + command_events[i];
        stream_version := actual;
        last_position := tip;
        RETURN NEXT;
    END LOOP;
END $$;

-- The log in the table layout of postgres-es, for its PostgresEventRepository.
CREATE OR REPLACE VIEW phaseline.postgres_es_events AS
SELECT e.stream_type                                AS aggregate_type,
       e.stream_id::text                            AS aggregate_id,
       e.version                                    AS sequence,
       e.event_type                                 AS event_type,
       e.schema_version::text                       AS event_version,
       json_build_object(e.event_type, e.payload)   AS payload,
       e.metadata                                   AS metadata
FROM phaseline.events e
WHERE e.stream_type = 'Timeline';

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
        GRANT SELECT ON phaseline.events, phaseline.head TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.append(text[], uuid[], bigint[], integer[], text[], uuid[], text[],
            integer[], text[], text[], bytea[], bytea[]) TO phaseline_writer;
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
