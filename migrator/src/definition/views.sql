-- The views that read the tables $1 of schema public directly, by their own identity or by a constraint of theirs, one JSON object each,
-- by name. search_path must be empty, so that definitions have qualified names.
WITH tables AS (
    SELECT c.oid FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1::text[])
),
direct AS (
    SELECT DISTINCT r.ev_class AS oid
      FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
      LEFT JOIN pg_catalog.pg_constraint con
        ON d.refclassid = 'pg_catalog.pg_constraint'::regclass AND con.oid = d.refobjid
      LEFT JOIN pg_catalog.pg_type ty ON d.refclassid = 'pg_catalog.pg_type'::regclass AND ty.oid = d.refobjid
      JOIN tables t
        ON t.oid IN (CASE WHEN d.refclassid = 'pg_catalog.pg_class'::regclass THEN d.refobjid END, con.conrelid, ty.typrelid)
     WHERE r.rulename = '_RETURN'
)
SELECT pg_catalog.jsonb_build_object(
    'name', pg_catalog.jsonb_build_object('schema', n.nspname, 'name', v.relname),
    'owner', o.rolname,
    'options', coalesce(pg_catalog.to_jsonb(v.reloptions), '[]'),
    'columns', coalesce((
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                   'name', a.attname,
                   'data_type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                   'collation', CASE WHEN a.attcollation <> ty.typcollation THEN (
                       SELECT pg_catalog.jsonb_build_object('schema', cn.nspname, 'name', co.collname)
                         FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                        WHERE co.oid = a.attcollation) END) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
         WHERE a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
    'definition', pg_catalog.pg_get_viewdef(v.oid))
  FROM direct d
  JOIN pg_catalog.pg_class v ON v.oid = d.oid AND v.relkind = 'v'
  JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
  JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
 ORDER BY n.nspname, v.relname
