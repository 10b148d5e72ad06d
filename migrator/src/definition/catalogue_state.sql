-- A digest over the rows of the catalogue about the tables $1 of schema public: over the table rows themselves, those of their columns and
-- indexes, everything that depends on them, and their comments. Every change of a definition, a privilege or a dependent makes another one.
WITH relations AS (
    SELECT c.oid FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relname = ANY ($1)
),
parts AS (
    SELECT r.oid FROM relations r
    UNION ALL
    SELECT i.indexrelid FROM relations r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
),
versions AS (
    SELECT 'class' AS place, c.ctid, c.xmin FROM parts p JOIN pg_catalog.pg_class c ON c.oid = p.oid
    UNION ALL
    SELECT 'attribute', a.ctid, a.xmin FROM parts p JOIN pg_catalog.pg_attribute a ON a.attrelid = p.oid
    UNION ALL
    SELECT 'dependent', d.ctid, d.xmin
      FROM parts p
      JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = p.oid
    UNION ALL
    SELECT 'comment', d.ctid, d.xmin
      FROM parts p
      JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = p.oid
)
SELECT coalesce(pg_catalog.md5(pg_catalog.string_agg(v.place || v.ctid::text || v.xmin::text, ' '
                                                     ORDER BY v.place, v.ctid)), '')
  FROM versions v
