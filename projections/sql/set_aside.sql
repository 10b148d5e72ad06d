-- The secondary indexes, the foreign keys and the primary key of project_phases that can be dropped and made again in one transaction,
-- such that nothing but their object ids differs: a statement that drops each, and one that makes it. No row if this session may not do so, if
-- code of others would notice (triggers, rules, event triggers), or if a foreign key has a property that a definition does not have.
-- Indexes and a primary key with such a property are left out, and stay; so does a primary key to which foreign keys refer.
WITH phases AS (
    SELECT c.oid, c.relowner
      FROM pg_catalog.pg_class c
     WHERE c.oid = 'public.project_phases'::pg_catalog.regclass
       AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AND NOT c.relhassubclass AND NOT c.relrowsecurity
       AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND (NOT t.tgisinternal OR t.tgenabled <> 'O'))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D')
), keys AS (
    SELECT con.conname,
           pg_catalog.pg_get_constraintdef(con.oid) AS definition,
           con.convalidated AND con.conislocal AND con.coninhcount = 0 AND con.conparentid = 0 AND con.confrelid <> con.conrelid
               AND EXISTS (SELECT FROM pg_catalog.pg_class r
                            WHERE r.oid = con.confrelid AND r.relkind = 'r' AND NOT r.relispartition AND NOT r.relrowsecurity
                              AND pg_catalog.has_table_privilege(r.oid, 'SELECT')
                              AND pg_catalog.has_table_privilege(r.oid, 'REFERENCES'))
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d
                                WHERE d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objoid = con.oid)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                WHERE d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refobjid = con.oid
                                  AND d.deptype <> 'i')
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = con.oid AND t.tgenabled <> 'O')
               AS is_plain
      FROM phases
      JOIN pg_catalog.pg_constraint con ON con.conrelid = phases.oid AND con.contype = 'f'
), indexes AS (
    SELECT ic.relname, pg_catalog.pg_get_indexdef(ic.oid) AS definition
      FROM phases
      JOIN pg_catalog.pg_index i ON i.indrelid = phases.oid
      JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
      JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
     WHERE NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND NOT i.indisclustered AND NOT i.indisreplident
       AND i.indisvalid AND i.indisready AND i.indislive AND i.indexprs IS NULL AND i.indpred IS NULL
       AND ic.reltablespace = 0 AND ic.relowner = phases.relowner
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d
                        WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = ic.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ic.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = ic.oid
                          AND d.deptype IN ('x', 'e'))
), primary_key AS (
    SELECT con.conname, pg_catalog.pg_get_constraintdef(con.oid) AS definition
      FROM phases
      JOIN pg_catalog.pg_constraint con ON con.conrelid = phases.oid AND con.contype = 'p'
      JOIN pg_catalog.pg_index i ON i.indexrelid = con.conindid
      JOIN pg_catalog.pg_class ic ON ic.oid = con.conindid
     WHERE NOT con.condeferrable AND con.conislocal AND con.coninhcount = 0 AND con.conparentid = 0 AND ic.relname = con.conname
       AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident
       AND ic.reltablespace = 0 AND ic.reloptions IS NULL AND ic.relowner = phases.relowner
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d
                        WHERE d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objoid = con.oid
                           OR d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = ic.oid)
       -- The index depends on its constraint.
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE (d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refobjid = con.oid
                               OR d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ic.oid)
                          AND d.deptype <> 'i')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = ic.oid
                          AND d.deptype IN ('x', 'e'))
)
SELECT made.drops, made.makes
  FROM (SELECT 2 AS rank, conname AS name, pg_catalog.format('ALTER TABLE public.project_phases DROP CONSTRAINT %I', conname) AS drops,
               pg_catalog.format('ALTER TABLE public.project_phases ADD CONSTRAINT %I %s', conname, definition) AS makes
          FROM primary_key
        UNION ALL
        SELECT 1, conname, pg_catalog.format('ALTER TABLE public.project_phases DROP CONSTRAINT %I', conname),
               pg_catalog.format('ALTER TABLE public.project_phases ADD CONSTRAINT %I %s', conname, definition)
          FROM keys
        UNION ALL
        SELECT 0, relname, pg_catalog.format('DROP INDEX public.%I', relname), definition
          FROM indexes) made
 WHERE NOT EXISTS (SELECT FROM keys WHERE NOT is_plain)
 ORDER BY made.rank, made.name
