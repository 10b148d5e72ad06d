-- Revokes what default privileges granted: only the owner and the grants below remain.
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
        GRANT SELECT, INSERT, DELETE ON phaseline.timeline_states TO phaseline_writer;
        GRANT SELECT, INSERT, UPDATE ON phaseline.timeline_states_watermark TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.append(text[], uuid[], bigint[], integer[], text[], text[], uuid[],
            text[], integer[], text[], bytea[], text[], text[], text[], bytea[], date[], date[]) TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.append_event(uuid, bigint, text, uuid, text, text, bytea, date, date)
            TO phaseline_writer;
        GRANT EXECUTE ON FUNCTION phaseline.forget_idempotency_keys(), phaseline.oldest_snapshot() TO phaseline_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_reader') THEN
        GRANT USAGE ON SCHEMA phaseline TO phaseline_reader;
        GRANT SELECT ON phaseline.events, phaseline.head, phaseline.postgres_es_events TO phaseline_reader;
        GRANT SELECT ON phaseline.timeline_states, phaseline.timeline_states_watermark TO phaseline_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_auditor') THEN
        GRANT USAGE ON SCHEMA phaseline TO phaseline_auditor;
        GRANT SELECT ON phaseline.events, phaseline.head, phaseline.postgres_es_events TO phaseline_auditor;
        GRANT SELECT ON phaseline.timeline_states, phaseline.timeline_states_watermark TO phaseline_auditor;
        GRANT EXECUTE ON FUNCTION phaseline.chain_hash(bytea, bigint, timestamptz, bytea) TO phaseline_auditor;
    END IF;
END $$;
