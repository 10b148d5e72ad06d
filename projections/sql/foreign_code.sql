-- Functions of others that a run would execute with the rights of role $1 (NULL: the current one): one sentence each.
--   $2  'read':   the planner's tables are read
--       'call':   the same, and functions of schema phaseline are called
--       'build':  they are read, and built again
--       'write':  they are read, and rows are written
--   $3  whether only tables that belong to that role are checked
-- A function is trusted if it belongs to a superuser or to that role itself. Index expressions are not checked where tables are
-- built: PostgreSQL runs them with the rights of the table's owner, as a restricted operation without lasting effects.
-- Nor are policies: the sessions of runs have row_security = off, so that none is applied. SET ROLE would not protect: code that
-- runs under it may RESET ROLE, or defer a trigger to the end of the transaction.
WITH runner AS (
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce($1, current_user)
),
tables AS (
    SELECT c.oid, c.relname, c.relowner, false AS ours, $2 = 'write' AS written, $2 IN ('build', 'write') AS checked
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     -- Where tables are built again they have a schema of their own.
     WHERE n.nspname IN ('public', 'phaseline_shadow') AND c.relkind = 'r'
       AND c.relname IN ('projects', 'project_phases', 'resource_assignments', 'alembic_version')
       AND (NOT $3 OR c.relowner = (SELECT r.oid FROM runner r))
    UNION ALL
    -- Every run writes to the log.
    SELECT c.oid, c.relname, c.relowner, true, true, true
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'phaseline' AND c.relkind = 'r' AND NOT $3
),
untrusted AS (
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r, runner WHERE NOT r.rolsuper AND r.oid <> runner.oid
),
attributes AS (
    SELECT a.*, t.written, t.checked FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
),
-- The columns' types, with the base types of domains and arrays.
types AS (
    WITH RECURSIVE used (oid) AS (
        SELECT a.atttypid FROM attributes a
        UNION
        SELECT o.oid FROM used u JOIN pg_catalog.pg_type y ON y.oid = u.oid
         CROSS JOIN LATERAL (VALUES (y.typbasetype), (y.typelem)) o (oid) WHERE o.oid <> 0)
    SELECT u.oid FROM used u
),
-- Expressions as PostgreSQL stores them: they name each function by its number. Objects are described at the end, since nearly none is
-- named.
expressions (class, object, sub, tree) AS (
    SELECT 'pg_catalog.pg_constraint'::regclass, c.oid, 0, c.conbin::text
      FROM pg_catalog.pg_constraint c
     WHERE c.contype = 'c'
       AND (c.conrelid IN (SELECT t.oid FROM tables t WHERE t.checked)
            OR $2 IN ('build', 'write') AND c.contypid IN (SELECT y.oid FROM types y))
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, d.adrelid, d.adnum, d.adbin::text
      FROM attributes a JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE CASE WHEN a.attgenerated <> '' THEN a.checked ELSE a.written END
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, 0,
           coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, '')
      FROM pg_catalog.pg_index i JOIN tables t ON t.oid = i.indrelid
     WHERE t.written
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, 0, g.tgqual::text
      FROM pg_catalog.pg_trigger g JOIN tables t ON t.oid = g.tgrelid
     WHERE t.written AND g.tgqual IS NOT NULL AND g.tgenabled <> 'D'
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid, 0, r.ev_action::text
      FROM pg_catalog.pg_rewrite r JOIN tables t ON t.oid = r.ev_class
     WHERE t.checked
),
calls (class, object, sub, function) AS (
    SELECT e.class, e.object, e.sub, called.number[1]::oid
      FROM expressions e, pg_catalog.regexp_matches(e.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') called (number)
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, 0, g.tgfoid
      FROM pg_catalog.pg_trigger g JOIN tables t ON t.oid = g.tgrelid
     WHERE t.written AND NOT g.tgisinternal AND g.tgenabled <> 'D'
       -- The program's own trigger is compared with its script elsewhere, and does not fire for the statements of runs.
       AND NOT (t.ours AND t.relname = 'events' AND g.tgname = 'events_append_only' AND g.tgtype & 4 = 0)
    UNION ALL
    -- Reading a column as text uses a cast, if there is one.
    SELECT 'pg_catalog.pg_cast'::regclass, c.oid, 0, c.castfunc
      FROM pg_catalog.pg_cast c
     WHERE c.castfunc <> 0 AND c.castsource IN (SELECT y.oid FROM types y)
    UNION ALL
    -- Foreign keys from and to these tables are checked by the operators of their definition.
    SELECT 'pg_catalog.pg_constraint'::regclass, c.oid, 0, o.oprcode
      FROM pg_catalog.pg_constraint c
      JOIN pg_catalog.pg_operator o ON o.oid = ANY (c.conpfeqop || c.conppeqop || c.conffeqop)
     WHERE c.contype = 'f' AND $2 IN ('build', 'write')
       AND (c.conrelid IN (SELECT t.oid FROM tables t) OR c.confrelid IN (SELECT t.oid FROM tables t))
    UNION ALL
    -- Where the types of a foreign key's columns differ it uses a cast.
    SELECT 'pg_catalog.pg_constraint'::regclass, c.oid, 0, k.castfunc
      FROM pg_catalog.pg_constraint c
     CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS pair (own, other)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = pair.own
      JOIN pg_catalog.pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = pair.other AND b.atttypid <> a.atttypid
      JOIN pg_catalog.pg_cast k ON k.castfunc <> 0
           AND (k.castsource IN (a.atttypid, b.atttypid) OR k.casttarget IN (a.atttypid, b.atttypid))
     WHERE c.contype = 'f' AND $2 IN ('build', 'write')
       AND (c.conrelid IN (SELECT t.oid FROM tables t) OR c.confrelid IN (SELECT t.oid FROM tables t))
    UNION ALL
    -- Exclusion constraints, and indexes with operator classes of others.
    SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, 0, s.amproc
      FROM pg_catalog.pg_index i JOIN tables t ON t.oid = i.indrelid
      JOIN pg_catalog.pg_opclass k ON k.oid = ANY (i.indclass::oid[])
      JOIN pg_catalog.pg_amproc s ON s.amprocfamily = k.opcfamily
     WHERE t.written
),
-- Once for both questions below, so that names are compared of the called functions only and not of all that there are.
called AS MATERIALIZED (
    SELECT DISTINCT c.class, c.object, c.sub, p.oid, p.proname, p.proowner
      FROM calls c JOIN pg_catalog.pg_proc p ON p.oid = c.function
)
SELECT DISTINCT format('%s runs %s, which belongs to %I and would have the rights of %I: ' || CASE WHEN $3
               THEN 'give the function to %4$I, who should read it first, or drop what calls it'
               ELSE 'work as %3$I, or give the function to a superuser who has read it' END, pg_catalog.pg_describe_object(c.class, c.object, c.sub),
           pg_catalog.pg_describe_object('pg_catalog.pg_proc'::regclass, c.oid, 0), pg_catalog.pg_get_userbyid(c.proowner), runner.rolname)
  FROM runner, called c
  JOIN pg_catalog.pg_roles o ON o.oid = c.proowner
 WHERE NOT o.rolsuper AND o.oid <> runner.oid
UNION ALL
-- PostgreSQL's own functions that execute a text.
SELECT DISTINCT format('%s runs %s, which carries out a text with the rights of %I: drop it, and create it again afterwards',
           pg_catalog.pg_describe_object(c.class, c.object, c.sub), pg_catalog.pg_describe_object('pg_catalog.pg_proc'::regclass, c.oid, 0), runner.rolname)
  FROM runner, called c
 WHERE c.oid < 16384
   AND c.proname ~ '^(query|table|schema|database|cursor)_to_xml|^ts_stat$|^ts_rewrite$|^lo_(import|export)$|^pg_(read|ls|stat)_|^set_config$'
   AND EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_class k ON k.oid = t.oid
                JOIN pg_catalog.pg_roles r ON r.oid = k.relowner WHERE NOT r.rolsuper AND r.oid <> runner.oid)
UNION ALL
-- Relations that run their owner's code when they are read.
SELECT format('%I.%I is not a table and belongs to %I: reading it would run its code with the rights of %I; rename it or drop it',
           n.nspname, c.relname, o.rolname, runner.rolname)
  FROM runner, pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN untrusted o ON o.oid = c.relowner
 WHERE NOT $3 AND c.relkind IN ('v', 'f', 'p')
   AND (n.nspname = 'public' AND c.relname IN ('projects', 'project_phases', 'resource_assignments', 'alembic_version')
        OR n.nspname = 'phaseline' AND c.relname IN ('events', 'head', 'idempotency_keys', 'timeline_states', 'timeline_states_watermark', '_sqlx_migrations'))
UNION ALL
-- The program's functions that sessions call: they run with their owner's rights.
SELECT format('%s belongs to %I and would have the rights of %I: run phaseline doctor --repair',
           pg_catalog.pg_describe_object('pg_catalog.pg_proc'::regclass, p.oid, 0), o.rolname, runner.rolname)
  FROM runner, pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'phaseline'
  JOIN untrusted o ON o.oid = p.proowner
 WHERE $2 = 'call' AND NOT p.prosecdef
   AND p.proname IN ('append', 'forget_idempotency_keys', 'oldest_snapshot', 'unadopted', 'deletion_of', 'deleted_projects',
                     'project_of', 'phases_of',
                     'assignments_of', 'assignment_days', 'assignment_counts', 'planner_user', 'user_names', 'project_dates', 'named_projects',
                     'command_obstacle')
UNION ALL
-- Writes that foreign keys pass on to tables of others, with their triggers.
SELECT format('writes to %s go on into %s, which belongs to %I and would have the rights of %I: work as %3$I', w.object, w.target,
           o.rolname, runner.rolname)
  FROM runner,
       (SELECT t.oid::regclass::text AS object, c.conrelid::regclass::text AS target, k.relowner AS owner
          FROM tables t
          JOIN pg_catalog.pg_constraint c ON c.contype = 'f' AND c.confrelid = t.oid
               AND (c.confdeltype NOT IN ('a', 'r') OR c.confupdtype NOT IN ('a', 'r'))
          JOIN pg_catalog.pg_class k ON k.oid = c.conrelid
         WHERE t.written AND t.relname = 'project_phases' AND c.conrelid NOT IN (SELECT x.oid FROM tables x)
        UNION ALL
        SELECT t.oid::regclass::text, i.inhrelid::regclass::text, k.relowner
          FROM tables t
          JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
          JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
         WHERE t.checked
        UNION ALL
        SELECT t.oid::regclass::text, pg_catalog.pg_describe_object('pg_catalog.pg_rewrite'::regclass, r.oid, 0), t.relowner
          FROM tables t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid AND r.ev_type <> '1'
         WHERE t.written) w
  -- No role can log in as phaseline_owner, so its rules come from others: doctor and verify name them.
  JOIN untrusted o ON o.oid = w.owner AND o.rolname <> 'phaseline_owner'
UNION ALL
-- A trigger's condition and arguments are code, too, and the catalogue does not record who created it.
SELECT format('trigger %I on %s may be of %s, who has TRIGGER there, and would have the rights of %I: REVOKE TRIGGER ON %2$s FROM %3$s, or work as %5$I',
           g.tgname, t.oid::regclass, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
           runner.rolname, pg_catalog.pg_get_userbyid(t.relowner))
  FROM runner, tables t
  JOIN pg_catalog.pg_class k ON k.oid = t.oid
  JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
 CROSS JOIN LATERAL pg_catalog.aclexplode(k.relacl) a
  LEFT JOIN pg_catalog.pg_roles grantee ON grantee.oid = a.grantee
 WHERE NOT $3 AND t.written AND NOT t.ours AND t.relname IN ('projects', 'project_phases') AND a.privilege_type = 'TRIGGER'
   AND grantee.rolsuper IS NOT TRUE AND a.grantee NOT IN (runner.oid, t.relowner)
   -- On tables of other owners the trigger concerns only their owner.
   AND {is_powerful}
ORDER BY 1
