-- What role $1 (NULL: the current one) lacks for the steps around a migration: to give functions to the owners of the tables that they
-- read, to serve as itself, with the rights of phaseline_writer, and to rehearse on a copy of the database. A sentence, and the statement that grants it. A superuser lacks
-- nothing: an installation makes the roles.
WITH me AS (
    SELECT r.oid, r.rolname, r.rolcreatedb, current_setting('server_version_num')::int >= 160000 AS has_options
    FROM pg_catalog.pg_roles r
    WHERE r.rolname = coalesce($1, current_user) AND NOT r.rolsuper
),
roles (turn, name) AS (VALUES (1, 'phaseline_writer'), (2, 'phaseline_reader'), (3, 'phaseline_auditor')),
existing AS (SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r),
missing AS (
    SELECT roles.turn, format('there is no role %I, which has rights on the log', roles.name) AS reason,
        format('CREATE ROLE %I NOLOGIN', roles.name) AS statement
    FROM me, roles
    WHERE roles.name NOT IN (SELECT e.rolname FROM existing e)
    UNION ALL
    SELECT 4, format('%I may not SET ROLE to phaseline_writer, as the service does', me.rolname),
        format('GRANT phaseline_writer TO %I%s', me.rolname, CASE WHEN me.has_options THEN ' WITH SET TRUE' END)
    FROM me
    WHERE NOT EXISTS (
        SELECT FROM existing e
        WHERE e.rolname = 'phaseline_writer'
            AND CASE WHEN me.has_options THEN pg_has_role(me.oid, e.oid, 'SET') ELSE pg_has_role(me.oid, e.oid, 'MEMBER') END)
    UNION ALL
    SELECT DISTINCT 5, format('%I may not give functions to %I, the owner of table public.%I', me.rolname, o.rolname, c.relname),
        format('GRANT %I TO %I%s', o.rolname, me.rolname, CASE WHEN me.has_options THEN ' WITH INHERIT TRUE, SET TRUE' END)
    FROM me
    CROSS JOIN pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    JOIN pg_catalog.pg_roles o ON o.oid = c.relowner AND NOT o.rolsuper
    WHERE c.relname IN ('projects', 'users') AND c.relkind = 'r'
        AND NOT (pg_has_role(me.oid, o.oid, 'USAGE')
            AND CASE WHEN me.has_options THEN pg_has_role(me.oid, o.oid, 'SET') ELSE pg_has_role(me.oid, o.oid, 'MEMBER') END)
    UNION ALL
    SELECT 6, format('%I may not create databases, to rehearse on a copy', me.rolname),
        format('ALTER ROLE %I CREATEDB', me.rolname)
    FROM me
    WHERE NOT me.rolcreatedb
)
SELECT reason, statement, turn <= 3 AS creates_role FROM missing ORDER BY turn, reason
