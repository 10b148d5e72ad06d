-- The session's login, and who owns what it would read or write, if the login has the rights of a superuser and an owner has not: one
-- row, or none. CREATEROLE counts, since it gives itself the rights of other roles (up to PostgreSQL 15 of any but superusers).
WITH login AS (
    SELECT r.oid, r.rolname, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user AND (r.rolsuper OR r.rolcreaterole)
),
objects (name, owner) AS (
    SELECT format('public.%I', c.relname), c.relowner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relname IN ('projects', 'project_phases', 'resource_assignments', 'alembic_version')
    UNION ALL
    SELECT 'schema phaseline', n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'
    UNION ALL
    SELECT 'schema phaseline', c.relowner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'phaseline'
),
foreign_objects AS (
    SELECT o.owner, o.name
      FROM objects o
      JOIN pg_catalog.pg_roles r ON r.oid = o.owner
      JOIN login l ON NOT r.rolsuper AND r.oid <> l.oid
     -- Nobody can work as phaseline_owner, unless somebody gave it a login or members.
     WHERE r.rolname <> 'phaseline_owner'
        OR r.rolcanlogin OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                                      JOIN pg_catalog.pg_roles member ON member.oid = m.member AND NOT member.rolsuper
                                     WHERE m.roleid = r.oid)
)
SELECT l.rolname::text AS login, l.rolsuper AS is_superuser, r.rolname::text AS owner, string_agg(DISTINCT f.name, ', ') AS objects
  FROM login l, foreign_objects f
  JOIN pg_catalog.pg_roles r ON r.oid = f.owner
 GROUP BY l.rolname, l.rolsuper, r.rolname
 ORDER BY r.rolname
 LIMIT 1
