-- Objects of schema phaseline whose owner has no authority over this database, and whether the events table is Phaseline's.
WITH trusted AS (
    SELECT r.oid FROM pg_catalog.pg_roles r
     WHERE r.rolsuper OR r.rolname = current_user
        OR r.oid = (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = current_database())
        -- Owns the log where the planner's tables belong to a superuser; only an administrator can add members.
        OR r.rolname = 'phaseline_owner' AND NOT r.rolcanlogin
        OR r.oid IN (SELECT c.relowner FROM pg_catalog.pg_class c
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = 'public'
                       AND c.relname IN ('projects', 'project_phases', 'resource_assignments'))),
schema AS (SELECT n.oid, n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'),
thing AS (
    SELECT 'schema phaseline' AS what, nspowner AS owner FROM schema
    UNION ALL
    SELECT format('table phaseline.%I', c.relname), c.relowner
      FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT oid FROM schema) AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
    UNION ALL
    SELECT format('function phaseline.%I', p.proname), p.proowner
      FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM schema))
SELECT format('%s belongs to role %I, which has no rights on this database', what, pg_catalog.pg_get_userbyid(owner))
  FROM thing WHERE owner NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT 'table phaseline.events is not Phaseline''s: it has other columns'
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace IN (SELECT oid FROM schema) AND c.relname = 'events'
   AND (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'login')
       IS DISTINCT FROM ARRAY['position', 'stream_type', 'stream_id', 'version', 'event_id', 'event_type',
                              'schema_version', 'payload', 'metadata', 'salt', 'recorded_at', 'hash']
 ORDER BY 1
