-- After readers.sql: the materialized views that are made again, each after those that it reads, also through views: schema, name, query,
-- and whether it has rows.
, materialized AS (
    SELECT m.oid, m.relname, m.relnamespace, m.relispopulated
      FROM rebuilt JOIN pg_catalog.pg_class m ON m.oid = rebuilt.oid AND m.relkind = 'm'
),
reached AS (
    SELECT m.oid AS start, reads.source FROM materialized m JOIN reads ON reads.reader = m.oid
    UNION
    SELECT reached.start, reads.source FROM reached JOIN reads ON reads.reader = reached.source
)
SELECT n.nspname::text, m.relname::text, pg_catalog.pg_get_viewdef(m.oid), m.relispopulated
  FROM materialized m
  JOIN pg_catalog.pg_namespace n ON n.oid = m.relnamespace
 ORDER BY (SELECT count(*) FROM reached JOIN materialized o ON o.oid = reached.source WHERE reached.start = m.oid), 1, 2
