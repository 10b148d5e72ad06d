-- The owners of the planner's tables and of the log; before the log exists, its future owner (owned.sql).
WITH tables AS (
    SELECT c.relname::text AS name, r.rolname::text AS owner, r.rolsuper
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
     WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname IN ('projects', 'project_phases', 'resource_assignments')
)
SELECT o.object, o.owner, o.is_superuser, o.will_own
  FROM (SELECT 1 AS turn, 'public.' || t.name AS object, t.owner, t.rolsuper AS is_superuser, false AS will_own FROM tables t
        UNION ALL
        SELECT 2, 'schema phaseline', coalesce(s.owner, CASE WHEN t.rolsuper THEN 'phaseline_owner' ELSE t.owner END),
               coalesce(s.rolsuper, false), s.owner IS NULL
          FROM tables t
          LEFT JOIN (SELECT r.rolname::text AS owner, r.rolsuper FROM pg_catalog.pg_namespace n
                       JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'phaseline') s ON true
         WHERE t.name = 'project_phases') o
 ORDER BY o.turn, o.object
