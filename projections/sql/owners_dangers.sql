-- Dangers of the current owners: one sentence each, and whether it prevents a migration.
WITH tables AS (
    SELECT c.oid, c.relname, c.relacl, o.oid AS owner_oid, o.rolname AS owner, o.rolsuper
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
     WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname IN ('projects', 'project_phases', 'resource_assignments')
),
log_owner AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = 'phaseline_owner')
-- Commands refuse triggers and foreign keys of others on a powerful owner's table (refuse_foreign_triggers); other writers do not.
SELECT format('%s has the privilege %s on public.%I, and every role that writes there runs its code, including %I, a powerful role: REVOKE %2$s '
           || 'ON public.%3$I FROM %1$s, or give the table to a role that is not powerful',
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.rolname) END, a.privilege_type, t.relname, t.owner) AS danger,
       false AS refused
  FROM tables t
 CROSS JOIN LATERAL pg_catalog.aclexplode(t.relacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
 WHERE {is_powerful} AND a.privilege_type IN ('TRIGGER', 'REFERENCES') AND g.rolsuper IS NOT TRUE AND a.grantee <> t.owner_oid
UNION ALL
-- Then the log belongs, or will belong, to the role that installs it.
SELECT 'role phaseline_owner can log in, make roles or do anything, so the log does not belong to it: '
           || 'ALTER ROLE phaseline_owner NOLOGIN NOSUPERUSER NOCREATEROLE, and then, if there is a log: phaseline doctor --repair', true
  FROM log_owner l JOIN tables t ON t.relname = 'project_phases' AND t.rolsuper
 WHERE l.rolsuper OR l.rolcreaterole OR l.rolcanlogin
UNION ALL
SELECT format('%I is a member of phaseline_owner, and can write any event: REVOKE phaseline_owner FROM %1$I', m.rolname), false
  FROM log_owner l
  JOIN pg_catalog.pg_auth_members a ON a.roleid = l.oid
  JOIN pg_catalog.pg_roles m ON m.oid = a.member AND NOT m.rolsuper
 ORDER BY 1
