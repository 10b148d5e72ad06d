-- The beginning of views.sql and materialized_views.sql: what reads the tables $1 of schema public, by their own identity, by a constraint of
-- theirs or by the sequence of an identity column. search_path must be empty, so that definitions have qualified names.
WITH RECURSIVE named AS (
    SELECT c.oid FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1::text[])
),
-- Which view reads which relation directly.
reads AS (
    SELECT DISTINCT r.ev_class AS reader, s.oid AS source
      FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
      LEFT JOIN pg_catalog.pg_constraint con
        ON d.refclassid = 'pg_catalog.pg_constraint'::regclass AND con.oid = d.refobjid
      LEFT JOIN pg_catalog.pg_type ty ON d.refclassid = 'pg_catalog.pg_type'::regclass AND ty.oid = d.refobjid
     CROSS JOIN LATERAL (VALUES
           (CASE WHEN d.refclassid = 'pg_catalog.pg_class'::regclass THEN d.refobjid END), (con.conrelid), (ty.typrelid)) s(oid)
     WHERE r.rulename = '_RETURN' AND s.oid <> r.ev_class AND s.oid <> 0
),
-- The tables, the sequences of their identity columns, and the materialized views that are made again with them: those that read one of
-- these directly.
rebuilt AS (
    SELECT n.oid FROM named n
    UNION
    SELECT s.oid FROM named n
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                                 AND d.refobjid = n.oid AND d.deptype = 'i'
      JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    UNION
    SELECT m.oid FROM rebuilt
      JOIN reads ON reads.source = rebuilt.oid
      JOIN pg_catalog.pg_class m ON m.oid = reads.reader AND m.relkind = 'm'
)
