-- After readers.sql: the views that read something directly that is made again, one JSON object each, by name.
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
  FROM (SELECT DISTINCT reads.reader FROM reads JOIN rebuilt ON rebuilt.oid = reads.source) d
  JOIN pg_catalog.pg_class v ON v.oid = d.reader AND v.relkind = 'v'
  JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
  JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
 ORDER BY n.nspname, v.relname
