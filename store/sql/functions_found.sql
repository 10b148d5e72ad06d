-- The functions of schema phaseline as the catalogue has them.
SELECT p.proname::text AS name, pg_catalog.oidvectortypes(p.proargtypes) AS arguments, p.prosrc AS source,
       l.lanname::text AS language, p.prokind::text AS kind, p.prosecdef AS security_definer,
       p.provolatile::text AS volatility, p.proparallel::text AS parallel,
       p.proisstrict OR p.proleakproof AS strict_or_leakproof,
       coalesce(p.proconfig, ARRAY[]::text[]) AS settings,
       -- What touches a table of the planner's may run with the rights of that table's owner.
       CASE WHEN p.proowner <> n.nspowner AND p.proowner NOT IN (
                SELECT c.relowner FROM pg_catalog.pg_class c
                 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
                   AND c.relname IN ('projects', 'project_phases', 'resource_assignments'))
            THEN pg_catalog.pg_get_userbyid(p.proowner)::text END AS foreign_owner
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE n.nspname = 'phaseline'
 ORDER BY 1, 2
