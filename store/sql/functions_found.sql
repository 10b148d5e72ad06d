-- The functions of schema phaseline as the catalogue has them.
SELECT p.proname::text AS name, pg_catalog.oidvectortypes(p.proargtypes) AS arguments, p.prosrc AS source,
       l.lanname::text AS language, p.prokind::text AS kind, p.prosecdef AS security_definer,
       p.provolatile::text AS volatility, p.proparallel::text AS parallel,
       p.proisstrict OR p.proleakproof AS strict_or_leakproof,
       coalesce(p.proconfig, ARRAY[]::text[]) AS settings
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE n.nspname = 'phaseline'
 ORDER BY 1, 2
