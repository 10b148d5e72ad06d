-- Notes about table $1.$2 that do not prevent a run: object and text.
--   $3  columns that are dropped
--   $4  whether the table is rebuilt
WITH t AS (
    SELECT c.oid, n.nspname, c.relname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2
)
SELECT pg_describe_object('pg_catalog.pg_class'::regclass, i.indexrelid, 0) AS object,
    'it is invalid: pg_dump leaves it out, and it will not be built again' AS text
FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
WHERE $4 AND NOT (i.indisvalid AND i.indisready)
UNION ALL
SELECT format('publication %I', p.pubname),
    'it publishes all tables, the shadow tables too while they are loaded: subscribers need tables of that name, '
    || 'or must be paused and refreshed'
FROM t, pg_catalog.pg_publication p
WHERE $4 AND p.puballtables
UNION ALL
-- Bodies in plain text have no recorded dependencies. A trigger function need not name its table.
SELECT pg_describe_object('pg_catalog.pg_proc'::regclass, f.oid, 0),
    format('its body names the column %I, which is dropped; check that it still works', col)
FROM t
CROSS JOIN unnest($3::text[]) col
JOIN pg_catalog.pg_proc f ON f.prosrc ~ ('\m' || regexp_replace(col, '([^[:alnum:]_])', '\\\1', 'g') || '\M')
WHERE f.prolang IN (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname NOT IN ('internal', 'c'))
    AND f.prosqlbody IS NULL
    AND f.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND (position(t.relname IN f.prosrc) > 0
        OR EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid AND g.tgfoid = f.oid))
ORDER BY 1, 2
