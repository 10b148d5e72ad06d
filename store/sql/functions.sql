-- Functions, triggers, views and roles of the log, without phaseline.append (append.sql). Run whole at every installation:
-- each statement replaces what was.

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

-- What the inline projection does with the events of a batch of commands, and how it keeps the projects that they refer to.
-- The projections replace both with their own.
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
    IF to_regprocedure('phaseline.lock_projects(uuid[])') IS NULL THEN
        CREATE FUNCTION phaseline.lock_projects(projects uuid[]) RETURNS void LANGUAGE sql AS '';
    END IF;
END $$;

-- Drops the keys that are of no use any more, and says how many. Whoever serves commands calls it now and then. Keys of commands
-- that changed nothing cost a caller nothing, so of these only the newest 1 000 of each scope and login are kept.
CREATE OR REPLACE FUNCTION phaseline.forget_idempotency_keys() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM phaseline.idempotency_keys used
     WHERE used.recorded_at < clock_timestamp() - interval '24 hours'
        OR (used.scope, used.key, used.login) IN (
               SELECT kept.scope, kept.key, kept.login
                 FROM (SELECT k.scope, k.key, k.login,
                              row_number() OVER (PARTITION BY k.login, k.scope ORDER BY k.recorded_at DESC, k.key) AS n
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
        GRANT EXECUTE ON FUNCTION phaseline.append(text[], uuid[], bigint[], integer[], text[], text[], uuid[],
            text[], integer[], text[], bytea[], text[], text[], text[], bytea[]) TO phaseline_writer;
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
