-- Who may put a trigger on a table of a superuser's: it would run with that one's rights when commands write, since the functions
-- that write there belong to the table's owner.
SELECT format('%s may put triggers on public.%I, and commands run them with the rights of %I, a superuser: '
           || 'REVOKE TRIGGER ON public.%2$I FROM %1$s, or give the table to a role that is no superuser',
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.rolname) END, c.relname, o.rolname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
 WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname IN ('projects', 'project_phases', 'resource_assignments')
   AND o.rolsuper AND a.privilege_type = 'TRIGGER' AND g.rolsuper IS NOT TRUE
 ORDER BY 1
