-- A role with the rights of a superuser that would run code of a role without them, since it uses that role's objects: one row, or none.
-- Such a role is the session's login, or the owner of a table, with whose rights the functions of schema phaseline run.
--   rank 2: a superuser, or a member of one
--   rank 1: another powerful role: {is_powerful} is written by powerful.rs
WITH ranks AS (
    SELECT any_role.oid, any_role.rolname,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles s
                              WHERE s.rolsuper AND pg_catalog.pg_has_role(any_role.oid, s.oid, 'MEMBER'))
                THEN 2
                WHEN {is_powerful}
                THEN 1 ELSE 0 END AS rank
      FROM pg_catalog.pg_roles any_role
),
planner AS (
    SELECT c.oid, format('public.%I', c.relname) AS name, c.relowner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relname IN ('projects', 'project_phases', 'resource_assignments', 'alembic_version', 'users')
),
database AS (SELECT d.datname, d.datdba FROM pg_catalog.pg_database d WHERE d.datname = current_database()),
actors AS (
    SELECT 0 AS turn, format('the login %I', r.rolname) AS actor, r.oid, r.rank
      FROM ranks r WHERE r.rolname = session_user
    UNION ALL
    SELECT 1, format('%I, the owner of %s,', r.rolname, p.name), r.oid, r.rank FROM planner p JOIN ranks r ON r.oid = p.relowner
),
objects (turn, name, owner) AS (
    SELECT 0, p.name, p.relowner FROM planner p
    UNION ALL
    SELECT 1, 'schema phaseline', n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'
    UNION ALL
    SELECT 1, 'schema phaseline', c.relowner
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'phaseline'
    UNION ALL
    SELECT 1, 'schema phaseline', p.proowner
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'phaseline'
    UNION ALL
    -- Foreign keys read, and are read by, the tables at their other end.
    SELECT 2, c.oid::regclass::text, c.relowner
      FROM planner p
      JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND p.oid IN (k.conrelid, k.confrelid)
      JOIN pg_catalog.pg_class c ON c.oid IN (k.conrelid, k.confrelid)
    UNION ALL
    SELECT 2, c.oid::regclass::text, c.relowner
      FROM planner p
      JOIN pg_catalog.pg_inherits i ON p.oid IN (i.inhrelid, i.inhparent)
      JOIN pg_catalog.pg_class c ON c.oid IN (i.inhrelid, i.inhparent)
    UNION ALL
    -- The owner of a schema can replace the tables in it.
    SELECT 3, 'schema public', CASE o.rolname WHEN 'pg_database_owner' THEN d.datdba ELSE n.nspowner END
      FROM pg_catalog.pg_namespace n
      JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
     CROSS JOIN database d
     WHERE n.nspname = 'public'
    UNION ALL
    SELECT 4, format('database %I', d.datname), d.datdba FROM database d
)
SELECT a.actor, a.rank = 2 AS is_superuser, a.turn = 0 AS is_login, r.rolname::text AS owner,
       string_agg(DISTINCT o.name, ', ') AS objects, min(o.turn) AS relation
  FROM actors a
 CROSS JOIN objects o
  -- Of two powerful roles that are not superusers, each may have rights that the other lacks.
  JOIN ranks r ON r.oid = o.owner AND a.rank > 0 AND r.rank < 2 AND r.oid <> a.oid
 -- No session has the rights of phaseline_owner, unless it got a login or members.
 WHERE r.rolname <> 'phaseline_owner'
    OR EXISTS (SELECT FROM pg_catalog.pg_roles l WHERE l.oid = r.oid AND l.rolcanlogin)
    OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                 JOIN ranks member ON member.oid = m.member AND member.rank < 2 AND member.oid <> a.oid
                WHERE m.roleid = r.oid)
 GROUP BY a.turn, a.actor, a.rank, r.rolname
 ORDER BY a.turn, min(o.turn), a.actor, r.rolname
 LIMIT 1
