-- Everything that pg_dump (15 to 18) prints about the ordinary table $1.$2 and its dependent objects, as one JSON value. $3 is its relkind:
-- the parts that a materialized view has are described in the same way.
-- Columns that are copied from the catalogue, and where values of unknown meaning are refused:
--   attoptions, reloptions        options.rs: known names and pg_* are handled, others are refused
--   attstorage, attcompression, attgenerated, relreplident, contype, tgenabled, polcmd
--                                 unknown.sql: unknown codes are refused
--   attacl, relacl                read by aclexplode: names of privileges, as GRANT takes them
--   attstattarget, stxstattarget  numbers that ALTER TABLE and ALTER STATISTICS take
--   prattrs, conkey, confkey      column numbers, written as names
--   attidentity                   'a' or 'd'; unknown.sql refuses other codes
--   attinhcount, relpersistence, reloftype and the like   obstacles.sql refuses them
-- Expressions and definitions are text that the server prints (pg_get_*) and can parse.
-- search_path must be empty, so that every name is printed with its schema. SELECT on the catalogue suffices.
WITH t AS (
    SELECT c.*, n.nspname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind::text = $3
),
-- The table's columns that an object uses, according to the catalogue.
uses AS (
    SELECT d.classid, d.objid, json_agg(DISTINCT a.attname::text COLLATE "C") AS columns
    FROM t
    JOIN pg_catalog.pg_depend d
        ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid > 0
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    GROUP BY d.classid, d.objid
),
-- Objects that are dropped with an extension because of DEPENDS ON EXTENSION.
extensions AS (
    SELECT d.classid, d.objid, json_agg(e.extname ORDER BY e.extname) AS names
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'x'
    GROUP BY d.classid, d.objid
),
-- The sequences that columns own, and those of identity columns.
sequences AS (
    SELECT d.refobjsubid AS attnum, d.deptype = 'i' AS of_identity, c.oid, c.relname, c.relpersistence, c.relacl, c.relowner
    FROM t
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid > 0
        AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
),
-- Access control items, the table's as column 0, those of the sequences of identity columns as minus their column. A missing list is the
-- default one.
items AS (
    SELECT 0 AS attnum, i.item, i.place
    FROM t, unnest(coalesce(t.relacl, acldefault('r', t.relowner))) WITH ORDINALITY i(item, place)
    UNION ALL
    SELECT a.attnum, i.item, i.place
    FROM t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN unnest(a.attacl) WITH ORDINALITY i(item, place)
    UNION ALL
    SELECT -s.attnum, i.item, i.place
    FROM sequences s, unnest(coalesce(s.relacl, acldefault('s', s.relowner))) WITH ORDINALITY i(item, place)
    WHERE s.of_identity
),
exploded AS (
    SELECT i.attnum, i.place, e.grantor, e.grantee,
        coalesce(json_agg(e.privilege_type ORDER BY e.privilege_type) FILTER (WHERE NOT e.is_grantable), '[]')
            AS privileges,
        coalesce(json_agg(e.privilege_type ORDER BY e.privilege_type) FILTER (WHERE e.is_grantable), '[]')
            AS grantable
    FROM items i, aclexplode(ARRAY[i.item]) e
    GROUP BY i.attnum, i.place, e.grantor, e.grantee
),
grants AS (
    SELECT e.attnum, json_agg(json_build_object(
        'grantor', pg_get_userbyid(e.grantor),
        'grantee', CASE WHEN e.grantee <> 0 THEN pg_get_userbyid(e.grantee) END,
        'privileges', e.privileges,
        'grantable', e.grantable) ORDER BY e.place) AS list
    FROM exploded e
    GROUP BY e.attnum
),
-- NOT NULL is a constraint since 18; before, this is empty. One that is no more than NOT NULL, with the name that PostgreSQL chooses
-- (makeObjectName), is left out: a column has it from `NOT NULL` alone, and the definition is the one that an older server has.
-- PostgreSQL cuts the longer part of a name that is too long. A name with other letters than ASCII's might be cut within a letter,
-- and is kept.
not_nulls AS (
    SELECT a.attnum, json_build_object(
        'name', con.conname,
        'no_inherit', con.connoinherit,
        'valid', con.convalidated,
        'comment', obj_description(con.oid, 'pg_constraint')) AS definition
    FROM t
    JOIN pg_catalog.pg_constraint con ON con.conrelid = t.oid AND con.contype = 'n'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = con.conkey[1]
    CROSS JOIN LATERAL (SELECT octet_length(t.relname) AS of_table, octet_length(a.attname) AS of_column) n
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN n.of_table + n.of_column <= 53 THEN format('%s_%s_not_null', t.relname, a.attname)
            WHEN t.relname || a.attname ~ '[^ -~]' OR n.of_table > 26 THEN NULL
            ELSE format('%s_%s_not_null', t.relname, left(a.attname, 53 - n.of_table)) END AS usual) u
    WHERE NOT con.convalidated OR con.connoinherit
        OR obj_description(con.oid, 'pg_constraint') IS NOT NULL OR con.conname IS DISTINCT FROM u.usual
),
columns AS (
    SELECT json_agg(json_build_object(
        'name', a.attname,
        'data_type', format_type(a.atttypid, a.atttypmod),
        'collation', (
            SELECT format('%I.%I', cn.nspname, co.collname)
            FROM pg_catalog.pg_collation co
            JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
            WHERE co.oid = a.attcollation AND a.attcollation <> ty.typcollation),
        'not_null', a.attnotnull,
        'not_null_constraint', (SELECT nn.definition FROM not_nulls nn WHERE nn.attnum = a.attnum),
        'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(ad.adbin, ad.adrelid) END,
        'identity', (
            SELECT json_build_object(
                'always', a.attidentity = 'a',
                'sequence', json_build_object(
                    'name', s.relname,
                    'data_type', format_type(q.seqtypid, NULL),
                    'start', q.seqstart,
                    'increment', q.seqincrement,
                    'min', q.seqmin,
                    'max', q.seqmax,
                    'cache', q.seqcache,
                    'cycle', q.seqcycle,
                    'unlogged', s.relpersistence = 'u',
                    'comment', obj_description(s.oid, 'pg_class'),
                    'grants', coalesce((SELECT g.list FROM grants g WHERE g.attnum = -a.attnum), '[]')))
            FROM sequences s JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
            WHERE s.of_identity AND s.attnum = a.attnum),
        'owned_sequences', coalesce((
            SELECT json_agg(s.relname ORDER BY s.relname) FROM sequences s
            WHERE NOT s.of_identity AND s.attnum = a.attnum), '[]'),
        'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(ad.adbin, ad.adrelid) END,
        'is_virtual', a.attgenerated = 'v',
        'generated_from', coalesce((
            SELECT json_agg(DISTINCT src.attname::text COLLATE "C")
            FROM pg_catalog.pg_depend d
            JOIN pg_catalog.pg_attribute src ON src.attrelid = t.oid AND src.attnum = d.refobjsubid
            WHERE a.attgenerated <> ''
                AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
                AND d.refobjsubid NOT IN (0, a.attnum)
                -- Up to PostgreSQL 14 the dependency was the column's, later its expression's.
                AND (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = ad.oid
                    OR d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid
                        AND d.objsubid = a.attnum)), '[]'),
        'storage', CASE WHEN a.attstorage <> ty.typstorage THEN
            CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                WHEN 'x' THEN 'EXTENDED' END END,
        'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
        'statistics_target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
        'options', coalesce(to_json(a.attoptions), '[]'),
        'comment', col_description(t.oid, a.attnum),
        'grants', coalesce((SELECT g.list FROM grants g WHERE g.attnum = a.attnum), '[]')
    ) ORDER BY a.attnum) AS list
    FROM t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef ad ON ad.adrelid = t.oid AND ad.adnum = a.attnum
),
raw_indexes AS (
    SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisclustered, i.indisreplident, ic.relname, ic.reloptions,
        ic.reltablespace, con.oid AS conoid, con.contype,
        pg_get_indexdef(i.indexrelid) AS def,
        format('CREATE %sINDEX %I ON %I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, ic.relname, t.nspname,
            t.relname) AS prefix,
        pg_get_constraintdef(con.oid) AS condef,
        CASE WHEN con.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN con.condeferrable THEN ' DEFERRABLE'
            ELSE '' END AS deferral
    FROM t
    JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisvalid AND i.indisready
    JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
    LEFT JOIN pg_catalog.pg_constraint con
        ON con.conrelid = t.oid AND con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
),
indexes AS (
    SELECT
        json_agg(CASE WHEN NOT starts_with(i.def, i.prefix) THEN i.def ELSE i.condef END) FILTER (
            WHERE NOT starts_with(i.def, i.prefix) OR right(i.condef, length(i.deferral)) <> i.deferral) AS odd,
        json_agg(json_build_object(
            'name', i.relname,
            'unique', i.indisunique,
            'body', substr(i.def, length(i.prefix) + 1),
            'constraint', CASE WHEN i.conoid IS NOT NULL THEN json_build_object(
                'definition', left(i.condef, length(i.condef) - length(i.deferral)),
                -- An exclusion constraint prints its options itself, the others do not.
                'options', CASE WHEN i.contype <> 'x' AND i.reloptions IS NOT NULL THEN to_json(i.reloptions)
                    ELSE '[]' END,
                'deferral', i.deferral,
                'comment', obj_description(i.conoid, 'pg_constraint')) END,
            'tablespace', (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = i.reltablespace),
            'clustered', i.indisclustered,
            'statistics_targets', coalesce((
                SELECT json_agg(json_build_array(a.attnum, a.attstattarget) ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0), '[]'),
            'extensions', coalesce((
                SELECT e.names FROM extensions e
                WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = i.indexrelid), '[]'),
            'comment', obj_description(i.indexrelid, 'pg_class'),
            'columns', coalesce((
                SELECT json_agg(DISTINCT a.attname::text COLLATE "C")
                FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
                WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid
                    AND d.refobjsubid > 0
                    AND (d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                        OR d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = i.conoid)), '[]')
        ) ORDER BY i.indexrelid) AS list
    FROM raw_indexes i
),
checks AS (
    SELECT json_agg(json_build_object(
        'name', con.conname,
        'definition', pg_get_constraintdef(con.oid),
        'comment', obj_description(con.oid, 'pg_constraint'),
        'columns', coalesce(u.columns, '[]')) ORDER BY con.conname) AS list
    FROM t
    JOIN pg_catalog.pg_constraint con ON con.conrelid = t.oid AND con.contype = 'c'
    LEFT JOIN uses u ON u.classid = 'pg_catalog.pg_constraint'::regclass AND u.objid = con.oid
),
keys AS (
    SELECT con.conrelid, con.conname, n.nspname, c.relname, json_build_object(
        'table', json_build_object('schema', n.nspname, 'name', c.relname),
        'name', con.conname,
        'references', json_build_object('schema', fn.nspname, 'name', fc.relname),
        'definition', pg_get_constraintdef(con.oid),
        'comment', obj_description(con.oid, 'pg_constraint'),
        'columns', (
            SELECT json_agg(a.attname ORDER BY k.place)
            FROM unnest(con.conkey) WITH ORDINALITY k(attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum),
        'referenced_columns', (
            SELECT json_agg(a.attname ORDER BY k.place)
            FROM unnest(con.confkey) WITH ORDINALITY k(attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.attnum),
        -- A column of the catalogue since 18.
        'is_temporal', coalesce(to_jsonb(con) ->> 'conperiod' = 'true', false)
        ) AS item
    FROM t
    JOIN pg_catalog.pg_constraint con
        ON con.contype = 'f' AND con.conparentid = 0 AND (con.conrelid = t.oid OR con.confrelid = t.oid)
    JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class fc ON fc.oid = con.confrelid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
),
statistics AS (
    SELECT json_agg(json_build_object(
        'name', json_build_object('schema', n.nspname, 'name', s.stxname),
        'owner', pg_get_userbyid(s.stxowner),
        'definition', pg_get_statisticsobjdef(s.oid),
        'target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END,
        'comment', obj_description(s.oid, 'pg_statistic_ext'),
        'columns', coalesce(u.columns, '[]')) ORDER BY n.nspname, s.stxname) AS list
    FROM t
    JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
    LEFT JOIN uses u ON u.classid = 'pg_catalog.pg_statistic_ext'::regclass AND u.objid = s.oid
),
triggers AS (
    SELECT json_agg(json_build_object(
        'name', g.tgname,
        'definition', pg_get_triggerdef(g.oid),
        'enabled', g.tgenabled,
        'function', g.tgfoid::regprocedure::text,
        'from', (
            SELECT json_build_object('schema', n.nspname, 'name', c.relname)
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = g.tgconstrrelid),
        'extensions', coalesce(e.names, '[]'),
        'comment', obj_description(g.oid, 'pg_trigger'),
        'columns', coalesce(u.columns, '[]')) ORDER BY g.tgname) AS list
    FROM t
    JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    LEFT JOIN uses u ON u.classid = 'pg_catalog.pg_trigger'::regclass AND u.objid = g.oid
    LEFT JOIN extensions e ON e.classid = 'pg_catalog.pg_trigger'::regclass AND e.objid = g.oid
),
policies AS (
    SELECT json_agg(json_build_object(
        'name', p.polname,
        'permissive', p.polpermissive,
        'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
            WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'roles', coalesce((
            SELECT json_agg(r.rolname ORDER BY r.rolname)
            FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles)), '[]'),
        'using', pg_get_expr(p.polqual, t.oid),
        'check', pg_get_expr(p.polwithcheck, t.oid),
        'comment', obj_description(p.oid, 'pg_policy'),
        'columns', coalesce(u.columns, '[]')) ORDER BY p.polname) AS list
    FROM t
    JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
    LEFT JOIN uses u ON u.classid = 'pg_catalog.pg_policy'::regclass AND u.objid = p.oid
),
publications AS (
    SELECT json_agg(json_build_object(
        'publication', p.pubname,
        'columns', CASE WHEN pr.prattrs IS NOT NULL THEN (
            SELECT json_agg(a.attname ORDER BY k.place)
            FROM unnest(pr.prattrs::int2[]) WITH ORDINALITY k(attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) END,
        'filter', pg_get_expr(pr.prqual, t.oid),
        'uses', coalesce(u.columns, '[]')) ORDER BY p.pubname) AS list
    FROM t
    JOIN pg_catalog.pg_publication_rel pr ON pr.prrelid = t.oid
    JOIN pg_catalog.pg_publication p ON p.oid = pr.prpubid
    LEFT JOIN uses u ON u.classid = 'pg_catalog.pg_publication_rel'::regclass AND u.objid = pr.oid
)
SELECT json_build_object(
    'names_are_qualified', current_schemas(false) = '{}',
    'odd', coalesce(indexes.odd, '[]'),
    'table', json_build_object(
        'schema', t.nspname,
        'name', t.relname,
        'owner', pg_get_userbyid(t.relowner),
        'access_method', (SELECT am.amname FROM pg_catalog.pg_am am WHERE am.oid = t.relam),
        'tablespace', (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = t.reltablespace),
        'options', coalesce(to_json(t.reloptions), '[]'),
        'toast_options', coalesce((
            SELECT to_json(toast.reloptions) FROM pg_catalog.pg_class toast WHERE toast.oid = t.reltoastrelid), '[]'),
        'comment', obj_description(t.oid, 'pg_class'),
        'replica_identity', CASE t.relreplident
            WHEN 'n' THEN to_json('nothing'::text)
            WHEN 'f' THEN to_json('full'::text)
            ELSE coalesce(
                (SELECT json_build_object('index', i.relname) FROM raw_indexes i
                 WHERE i.indisreplident AND t.relreplident = 'i'),
                to_json('default'::text)) END,
        'row_security', t.relrowsecurity,
        'force_row_security', t.relforcerowsecurity,
        'columns', coalesce(columns.list, '[]'),
        'indexes', coalesce(indexes.list, '[]'),
        'checks', coalesce(checks.list, '[]'),
        'foreign_keys', coalesce((
            SELECT json_agg(k.item ORDER BY k.conname) FROM keys k WHERE k.conrelid = t.oid), '[]'),
        'incoming_foreign_keys', coalesce((
            SELECT json_agg(k.item ORDER BY k.nspname, k.relname, k.conname) FROM keys k
            WHERE k.conrelid <> t.oid), '[]'),
        'statistics', coalesce(statistics.list, '[]'),
        'triggers', coalesce(triggers.list, '[]'),
        'policies', coalesce(policies.list, '[]'),
        'publications', coalesce(publications.list, '[]'),
        'grants', coalesce((SELECT g.list FROM grants g WHERE g.attnum = 0), '[]')
    )) AS definition
FROM t, columns, indexes, checks, statistics, triggers, policies, publications
