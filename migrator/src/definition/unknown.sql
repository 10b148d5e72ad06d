-- Codes and names of table $1.$2 in the catalogue that may have a new meaning in a newer PostgreSQL.
-- One row each: the kind, the object, and the code or name. search_path must be empty.
WITH t AS (
    SELECT c.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'
),
attributes AS (
    SELECT a.*, pg_describe_object('pg_catalog.pg_class'::regclass, a.attrelid, a.attnum) AS object
    FROM t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
),
constraints AS (
    SELECT con.*, pg_describe_object('pg_catalog.pg_constraint'::regclass, con.oid, 0) AS object
    FROM t JOIN pg_catalog.pg_constraint con ON con.conrelid = t.oid
)
-- Options; the caller decides which are known. Those of an extension's access method belong to the extension.
SELECT 'option of table' AS kind, pg_describe_object('pg_catalog.pg_class'::regclass, t.oid, 0) AS object,
    split_part(o, '=', 1) AS name
FROM t, unnest(t.reloptions) o
UNION ALL
SELECT 'option of toast', pg_describe_object('pg_catalog.pg_class'::regclass, t.oid, 0), split_part(o, '=', 1)
FROM t JOIN pg_catalog.pg_class toast ON toast.oid = t.reltoastrelid, unnest(toast.reloptions) o
UNION ALL
SELECT 'option of column', a.object, split_part(o, '=', 1)
FROM attributes a, unnest(a.attoptions) o
UNION ALL
SELECT 'option of ' || am.amname, pg_describe_object('pg_catalog.pg_class'::regclass, ic.oid, 0), split_part(o, '=', 1)
FROM t
JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisvalid AND i.indisready
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.oid < 16384, unnest(ic.reloptions) o
UNION ALL
-- Parameters of operator classes; of those of extensions only the server's own parameters.
SELECT 'option of operator class', pg_describe_object('pg_catalog.pg_class'::regclass, ia.attrelid, ia.attnum), split_part(o, '=', 1)
FROM t
JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisvalid AND i.indisready
JOIN pg_catalog.pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum <= i.indnkeyatts, unnest(ia.attoptions) o
WHERE i.indclass[ia.attnum - 1] < 16384 OR o LIKE 'pg\_%'

-- Codes that capture.sql does not handle.
UNION ALL
SELECT 'code', a.object, c.name
FROM attributes a
CROSS JOIN LATERAL (VALUES
    (a.attstorage NOT IN ('p', 'e', 'm', 'x'), format('storage %L', a.attstorage)),
    (a.attcompression NOT IN ('', 'p', 'l'), format('compression %L', a.attcompression)),
    (a.attgenerated NOT IN ('', 's'), format('generated %L', a.attgenerated))) c(odd, name)
WHERE c.odd
UNION ALL
SELECT 'code', pg_describe_object('pg_catalog.pg_class'::regclass, t.oid, 0), format('replica identity %L', t.relreplident)
FROM t WHERE t.relreplident NOT IN ('d', 'n', 'f', 'i')
UNION ALL
SELECT 'code', c.object, format('constraint %L', c.contype)
FROM constraints c WHERE c.contype NOT IN ('c', 'f', 'p', 'u', 'x', 't', 'n')
UNION ALL
SELECT 'code', pg_describe_object('pg_catalog.pg_trigger'::regclass, g.oid, 0), format('enabled %L', g.tgenabled)
FROM t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
WHERE NOT g.tgisinternal AND g.tgenabled NOT IN ('O', 'D', 'R', 'A')
UNION ALL
SELECT 'code', pg_describe_object('pg_catalog.pg_policy'::regclass, p.oid, 0), format('command %L', p.polcmd)
FROM t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
WHERE p.polcmd NOT IN ('r', 'a', 'w', 'd', '*')

-- NOT NULL as a constraint, since 18: only one without other properties is carried over, with the name that PostgreSQL
-- chooses (makeObjectName): if the name is too long, its longer part is cut, which is the column's for the planner's tables.
-- Names with other characters than ASCII could be cut within a character, and are refused.
UNION ALL
SELECT 'not null', c.object, concat_ws('; ',
           CASE WHEN NOT c.convalidated THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', t.oid::regclass, c.conname) END,
           CASE WHEN c.connoinherit THEN format('ALTER TABLE %s ALTER CONSTRAINT %I INHERIT', t.oid::regclass, c.conname) END,
           CASE WHEN obj_description(c.oid, 'pg_constraint') IS NOT NULL
                THEN format('COMMENT ON CONSTRAINT %I ON %s IS NULL', c.conname, t.oid::regclass) END,
           CASE WHEN u.usual IS NULL THEN format('give column %I of %s a shorter name', a.attname, t.oid::regclass)
                WHEN c.conname <> u.usual
                THEN format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', t.oid::regclass, c.conname, u.usual) END)
FROM constraints c
JOIN attributes a ON a.attnum = c.conkey[1]
JOIN t ON true
CROSS JOIN LATERAL (SELECT octet_length(t.relname) AS of_table, octet_length(a.attname) AS of_column) n
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN n.of_table + n.of_column <= 53 THEN format('%s_%s_not_null', t.relname, a.attname)
        WHEN t.relname || a.attname ~ '[^ -~]' OR n.of_table > 26 THEN NULL
        ELSE format('%s_%s_not_null', t.relname, left(a.attname, 53 - n.of_table)) END AS usual) u
WHERE c.contype = 'n' AND (NOT c.convalidated OR c.connoinherit
    OR obj_description(c.oid, 'pg_constraint') IS NOT NULL OR c.conname IS DISTINCT FROM u.usual)
ORDER BY 1, 2, 3
