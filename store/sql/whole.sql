-- Whether everything that the installation makes is there, in the form that $1 stands for. (The head's row is asked for
-- when its table is known to exist.)
SELECT coalesce((
    SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') = $1
       AND 9 = (SELECT count(DISTINCT p.proname) FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid
                   AND p.proname IN ('adopted_payload', 'append', 'chain_hash', 'forget_idempotency_keys', 'oldest_snapshot',
                                     'project_inline', 'read_events', 'refuse_change', 'refuse_event'))
       AND 5 = (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid
                   AND (c.relname, c.relkind) IN (('events', 'r'), ('head', 'r'), ('idempotency_keys', 'r'),
                                                  ('_sqlx_migrations', 'r'), ('postgres_es_events', 'v')))
       AND 5 = (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'i'
                   AND c.relname IN ('events_pkey', 'events_stream_version_key', 'events_first_text_id_idx',
                                     'idempotency_keys_pkey', 'idempotency_keys_recorded_at_idx'))
       AND EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                    WHERE c.relnamespace = n.oid AND c.relname = 'events' AND t.tgname = 'events_append_only'
                      AND t.tgenabled = 'A')
      FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'), false)
