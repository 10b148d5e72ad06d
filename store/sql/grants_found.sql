-- Privileges in schema phaseline of roles other than the owners of the log and of the planner's tables: object, role, privilege.
SELECT given.object, CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(given.grantee)::text END,
       given.privilege
  FROM (SELECT c.relname::text AS object, a.grantee, a.privilege_type AS privilege
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) a
         WHERE n.nspname = 'phaseline' AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner
        UNION
        SELECT p.proname::text, a.grantee, a.privilege_type
          FROM pg_catalog.pg_proc p
          JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
               pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
         WHERE n.nspname = 'phaseline' AND a.grantee <> p.proowner
        UNION
        SELECT n.nspname::text, a.grantee, a.privilege_type
          FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
         WHERE n.nspname = 'phaseline' AND a.grantee <> n.nspowner) given
 -- The owners of objects in the schema call each other's functions.
 WHERE NOT (given.privilege IN ('EXECUTE', 'SELECT', 'USAGE') AND given.grantee IN (
     SELECT p.proowner FROM pg_catalog.pg_proc p
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'phaseline'))
