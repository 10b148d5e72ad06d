-- Codes and names of table $1.$2 in the catalogue that may have a new meaning in a newer PostgreSQL.
--   $3  the columns of the catalogue that are known
-- One row each: the kind, the object, and the code or name. search_path must be empty.
WITH t AS (
    SELECT c.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'm')
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
    (a.attidentity NOT IN ('', 'a', 'd'), format('identity %L', a.attidentity)),
    (a.attcompression NOT IN ('', 'p', 'l'), format('compression %L', a.attcompression)),
    (a.attgenerated NOT IN ('', 's', 'v'), format('generated %L', a.attgenerated))) c(odd, name)
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
-- NOT NULL is written from its parts.
UNION ALL
SELECT 'code', c.object, pg_get_constraintdef(c.oid)
FROM constraints c JOIN attributes a ON a.attnum = c.conkey[1]
WHERE c.contype = 'n' AND pg_get_constraintdef(c.oid) <> format('NOT NULL %I%s%s', a.attname,
    CASE WHEN c.connoinherit THEN ' NO INHERIT' END, CASE WHEN NOT c.convalidated THEN ' NOT VALID' END)

-- Columns of the catalogue that are not known, with a value that says something.
UNION ALL
SELECT 'code', r.object, format('%s %s', v.key, v.value)
FROM (
    SELECT pg_describe_object('pg_catalog.pg_class'::regclass, t.oid, 0) AS object, to_jsonb(t) AS columns FROM t
    UNION ALL
    SELECT a.object, to_jsonb(a) - 'object' FROM attributes a
    UNION ALL
    SELECT c.object, to_jsonb(c) - 'object' FROM constraints c
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_constraint'::regclass, con.oid, 0), to_jsonb(con)
    FROM t JOIN pg_catalog.pg_constraint con ON con.confrelid = t.oid AND con.conrelid <> t.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_class'::regclass, s.oid, 0), to_jsonb(s) || to_jsonb(q)
    FROM t
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.deptype = 'i'
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_class'::regclass, i.indexrelid, 0), to_jsonb(i)
    FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_attrdef'::regclass, d.oid, 0), to_jsonb(d)
    FROM t JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_trigger'::regclass, g.oid, 0), to_jsonb(g)
    FROM t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_policy'::regclass, p.oid, 0), to_jsonb(p)
    FROM t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_statistic_ext'::regclass, s.oid, 0), to_jsonb(s)
    FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL
    SELECT pg_describe_object('pg_catalog.pg_publication_rel'::regclass, p.oid, 0), to_jsonb(p)
    FROM t JOIN pg_catalog.pg_publication_rel p ON p.prrelid = t.oid
) r, jsonb_each(r.columns - $3::text[]) v
WHERE v.value NOT IN ('null', 'false', '0', '""', '[]')
ORDER BY 1, 2, 3
