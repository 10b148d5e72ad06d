-- The objects of schema phaseline with another owner than they should have.
--   A function that touches a table of the planner's belongs to that table's owner.
--   All others belong to the owner of public.project_phases or, if that is a superuser, to the role phaseline_owner.
-- The schema comes last: a new owner of an object must be able to create in it.
WITH planner AS (
    SELECT c.relname::text AS name, c.relowner AS owner, r.rolsuper
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
     WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname IN ('projects', 'project_phases', 'resource_assignments', 'users')
),
log_owner AS (
    SELECT coalesce(
        (SELECT p.owner FROM planner p WHERE p.name = 'project_phases' AND NOT p.rolsuper),
        -- A role of that name with other rights is not used.
        (SELECT r.oid FROM pg_catalog.pg_roles r
          WHERE r.rolname = 'phaseline_owner' AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcanlogin)
            AND EXISTS (SELECT FROM planner p WHERE p.name = 'project_phases'))) AS oid
),
functions (name, planner) AS (VALUES
    ('project_dates', 'projects'), ('lock_projects', 'projects'), ('moved_projects', 'projects'), ('set_project_dates', 'projects'),
    ('named_projects', 'projects'), ('assignments_of', 'resource_assignments'), ('assignment_days', 'resource_assignments'),
    ('assignment_count', 'resource_assignments'), ('assignment_counts', 'resource_assignments'), ('planner_user', 'users'),
    ('user_names', 'users'), ('project_inline', 'project_phases'), ('project_event', 'project_phases'),
    ('merged_events', 'project_phases'), ('coverage', 'project_phases'),
    ('refuse_foreign_triggers', 'project_phases'), ('unadopted', 'project_phases'), ('project_of', 'project_phases'), ('phases_of', 'project_phases'),
    ('deletion_of', 'project_phases'), ('deleted_projects', 'project_phases')
),
things (turn, kind, object, owner, wanted) AS (
    SELECT 1, 'FUNCTION', p.oid::regprocedure::text, p.proowner, coalesce(t.owner, l.oid)
      FROM log_owner l
     CROSS JOIN pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'phaseline'
      LEFT JOIN functions f ON f.name = p.proname
      LEFT JOIN planner t ON t.name = f.planner
    UNION ALL
    SELECT 2, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner, l.oid
      FROM log_owner l
     CROSS JOIN pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'phaseline'
     WHERE c.relkind IN ('r', 'v')
    UNION ALL
    SELECT 3, 'SCHEMA', 'phaseline', n.nspowner, l.oid
      FROM log_owner l CROSS JOIN pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'
)
SELECT t.kind, t.object, pg_catalog.pg_get_userbyid(t.owner)::text AS owner,
       pg_catalog.pg_get_userbyid(t.wanted)::text AS wanted,
       pg_catalog.pg_has_role(t.owner, 'USAGE')
           AND CASE WHEN current_setting('server_version_num')::int4 >= 160000 THEN pg_catalog.pg_has_role(t.wanted, 'SET')
               ELSE pg_catalog.pg_has_role(t.wanted, 'MEMBER') END AS may_give
  FROM things t
 WHERE t.wanted IS NOT NULL AND t.owner <> t.wanted
 ORDER BY t.turn, t.object
