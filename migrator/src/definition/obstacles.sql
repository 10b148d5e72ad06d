-- Everything about table $1.$2 that a rebuild cannot carry over, according to the catalogue's dependencies.
--   $3  columns that are dropped
--   $4  whether the table is rebuilt; if not, only dependents of the dropped columns count
--   $5  tables of the same migration, as 'schema.table' with quote_ident
--   $6  the columns it may have, or NULL if any column is carried along
--   $7  the relkind that it must have: 'r', or 'm' for a materialized view that is made again with its tables
-- One row per obstacle: its kind, which the caller explains, and the object's qualified name. search_path must be empty.
WITH t AS (
    SELECT c.oid, c.relkind, c.relpersistence, c.relispartition, c.reloftype, c.reltype, c.reltoastrelid, c.relowner,
        c.relacl, ty.typarray
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_type ty ON ty.oid = c.reltype
    WHERE n.nspname = $1 AND c.relname = $2
),
attributes AS (
    SELECT a.attnum, a.attname, a.attidentity, a.attacl, a.attname = ANY ($3::text[]) AS going
    FROM t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
),
-- The sequences of columns that stay: those that a column owns stay with it, those of identity columns are parts of the table.
sequences AS (
    SELECT c.oid, c.relacl, d.deptype = 'i' AS of_identity
    FROM t
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.deptype IN ('a', 'i')
    JOIN attributes a ON a.attnum = d.refobjsubid AND NOT a.going
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
),
keys AS (
    SELECT con.oid, con.conrelid, con.confrelid, con.conkey, con.confkey,
        con.conrelid = t.oid AS outgoing,
        con.conparentid = 0 AND c.relkind = 'r' AS plain
    FROM t
    JOIN pg_catalog.pg_constraint con ON con.contype = 'f' AND (con.conrelid = t.oid OR con.confrelid = t.oid)
    JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
),
-- The table's parts, which the program creates again.
own AS (
    SELECT 'pg_catalog.pg_class'::regclass::oid AS classid, t.oid AS objid FROM t
    UNION SELECT 'pg_catalog.pg_type'::regclass, t.reltype FROM t
    UNION SELECT 'pg_catalog.pg_type'::regclass, t.typarray FROM t
    UNION SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid
        FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    UNION SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid FROM t JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid
    UNION SELECT 'pg_catalog.pg_constraint'::regclass, con.oid
        FROM t JOIN pg_catalog.pg_constraint con ON con.conrelid = t.oid
    UNION SELECT 'pg_catalog.pg_trigger'::regclass, g.oid FROM t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
    UNION SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
    UNION SELECT 'pg_catalog.pg_statistic_ext'::regclass, s.oid
        FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    UNION SELECT 'pg_catalog.pg_publication_rel'::regclass, p.oid
        FROM t JOIN pg_catalog.pg_publication_rel p ON p.prrelid = t.oid
    UNION SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid
        FROM t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid AND t.relkind = 'm'
    UNION SELECT 'pg_catalog.pg_class'::regclass, s.oid FROM sequences s WHERE s.of_identity
),
-- Other objects that depend on these, which the program or PostgreSQL itself creates again.
handled AS (
    SELECT own.classid, own.objid FROM own
    UNION SELECT 'pg_catalog.pg_class'::regclass, t.reltoastrelid FROM t
    UNION SELECT 'pg_catalog.pg_class'::regclass, s.oid FROM sequences s
    UNION SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM keys k WHERE k.plain
    UNION SELECT 'pg_catalog.pg_trigger'::regclass, g.oid
        FROM pg_catalog.pg_trigger g JOIN keys k ON k.oid = g.tgconstraint
        WHERE g.tgisinternal
),
dependents AS (
    SELECT d.classid, d.objid, d.objsubid, bool_or(d.deptype = 'i') AS internal
    FROM own
    JOIN pg_catalog.pg_depend d ON d.refclassid = own.classid AND d.refobjid = own.objid
    CROSS JOIN t
    WHERE NOT EXISTS (SELECT FROM handled h WHERE h.classid = d.classid AND h.objid = d.objid)
        AND ($4 OR d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
            AND d.refobjsubid IN (SELECT a.attnum FROM attributes a WHERE a.going))
    GROUP BY d.classid, d.objid, d.objsubid
),
using_columns AS (
    SELECT d.objid FROM t
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
    WHERE d.refobjsubid IN (SELECT a.attnum FROM attributes a WHERE a.going)
),
-- Views whose definitions are replaced during the swap, and materialized views that are made again, by their rule. What this role
-- lacks for that is listed with the missing privileges. Reading the definition, or that of an index or of statistics, must run no code of
-- others: the input of an array of a domain, or of a row or a range with one, runs the domain's checks.
carried AS (
    SELECT r.oid FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm') AND r.rulename = '_RETURN'
    WHERE r.oid NOT IN (SELECT u.objid FROM using_columns u)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                                                             AND d.objid = v.oid AND d.deptype IN ('e', 'x'))
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            JOIN pg_catalog.pg_type ty ON d.refclassid = 'pg_catalog.pg_type'::regclass AND ty.oid = d.refobjid
            LEFT JOIN pg_catalog.pg_type element ON element.oid = ty.typelem
            WHERE ty.oid >= 16384
                AND (d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                    OR v.relkind = 'm' AND d.classid = 'pg_catalog.pg_class'::regclass
                        AND d.objid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = v.oid)
                    OR v.relkind = 'm' AND d.classid = 'pg_catalog.pg_statistic_ext'::regclass
                        AND d.objid IN (SELECT s.oid FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = v.oid))
                AND coalesce(element.typtype, ty.typtype) NOT IN ('b', 'e'))
),
found AS (
    -- Dependents. A view depends by its rule; a rule of a table is an object of its own.
    SELECT DISTINCT
        CASE
            WHEN v.relkind = 'v' AND r.rulename <> '_RETURN' THEN 'rule'
            WHEN v.relkind IN ('v', 'm') AND r.oid IN (SELECT u.objid FROM using_columns u) THEN 'view of column'
            WHEN v.relkind = 'v' THEN 'view'
            WHEN v.relkind = 'm' THEN 'materialized view'
            WHEN v.oid IS NOT NULL THEN 'rule'
            WHEN c.relkind = 'S' THEN 'sequence'
            WHEN d.classid = 'pg_catalog.pg_proc'::regclass THEN 'function'
            WHEN d.classid = 'pg_catalog.pg_trigger'::regclass THEN 'foreign trigger'
            WHEN d.classid = 'pg_catalog.pg_constraint'::regclass AND con.contype = 'f' THEN 'partitioned key'
            WHEN d.classid = 'pg_catalog.pg_type'::regclass OR c.oid IS NOT NULL AND d.objsubid > 0 THEN 'row type'
            WHEN c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits i, t WHERE i.inhparent = t.oid) THEN 'child'
            ELSE 'dependent'
        END AS kind,
        CASE WHEN v.relkind IN ('v', 'm') AND r.rulename = '_RETURN' THEN pg_describe_object('pg_catalog.pg_class'::regclass, v.oid, 0)
            ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS object
    FROM dependents d
    LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
    LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_catalog.pg_constraint con ON d.classid = 'pg_catalog.pg_constraint'::regclass AND con.oid = d.objid
    -- The sequence of an identity column that goes is reported as the column.
    WHERE (c.relkind IS DISTINCT FROM 'S' OR NOT d.internal)
        AND NOT (d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid IN (SELECT k.oid FROM carried k))

    -- Properties of the table.
    UNION ALL
    SELECT CASE WHEN t.relkind = 'p' THEN 'partitioned table' WHEN t.relkind = 'f' THEN 'foreign table'
            WHEN t.relkind <> 'r' THEN 'no table' WHEN t.relpersistence = 'u' THEN 'unlogged table'
            ELSE 'temporary table' END,
        pg_describe_object('pg_catalog.pg_class'::regclass, t.oid, 0)
    FROM t
    WHERE t.relkind::text <> $7 OR t.relpersistence <> 'p'
    UNION ALL
    SELECT CASE WHEN t.relispartition THEN 'partition' ELSE 'parent' END,
        pg_describe_object('pg_catalog.pg_class'::regclass, i.inhparent, 0)
    FROM t JOIN pg_catalog.pg_inherits i ON i.inhrelid = t.oid
    WHERE $4
    UNION ALL
    SELECT 'typed table', pg_describe_object('pg_catalog.pg_type'::regclass, t.reloftype, 0)
    FROM t
    WHERE $4 AND t.reloftype <> 0
    UNION ALL
    SELECT 'extension', pg_describe_object(d.refclassid, d.refobjid, 0)
    FROM t JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid
    WHERE $4 AND d.deptype = 'e'
    UNION ALL
    SELECT 'security label', format('security label of provider %I on %s', l.provider,
        pg_describe_object(l.classoid, l.objoid, l.objsubid))
    FROM t JOIN pg_catalog.pg_seclabel l ON l.classoid = 'pg_catalog.pg_class'::regclass AND l.objoid = t.oid
    WHERE $4 OR l.objsubid IN (SELECT a.attnum FROM attributes a WHERE a.going)
    UNION ALL
    SELECT 'security label', format('security label of provider %I on %s', l.provider,
        pg_describe_object(l.classoid, l.objoid, l.objsubid))
    FROM sequences s JOIN pg_catalog.pg_seclabel l ON l.classoid = 'pg_catalog.pg_class'::regclass AND l.objoid = s.oid
    WHERE $4 AND s.of_identity
    UNION ALL
    SELECT 'subscription', format('subscription %I', s.subname)
    FROM t
    JOIN pg_catalog.pg_subscription_rel sr ON sr.srrelid = t.oid
    JOIN pg_catalog.pg_subscription s ON s.oid = sr.srsubid
    WHERE $4

    -- Columns.
    UNION ALL
    SELECT 'identity column', format('column %I', a.attname) FROM attributes a WHERE a.going AND a.attidentity <> ''
    UNION ALL
    SELECT 'sequence of extension', pg_describe_object('pg_catalog.pg_class'::regclass, s.oid, 0)
    FROM sequences s JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.oid
    WHERE $4 AND s.of_identity AND d.deptype = 'e'
    UNION ALL
    -- Parts of the table that name the sequence of an identity column would keep the old one.
    SELECT DISTINCT 'dependent', pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM sequences s
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = s.oid
    JOIN own ON own.classid = d.classid AND own.objid = d.objid
    WHERE $4 AND s.of_identity
    UNION ALL
    SELECT 'added column', format('column %I', a.attname) FROM attributes a WHERE a.attname <> ALL ($6::text[])
    UNION ALL
    SELECT DISTINCT 'missing column', format('column %I', wanted) FROM t, unnest($3::text[] || $6::text[]) wanted
    WHERE wanted NOT IN (SELECT a.attname FROM attributes a)

    -- Objects that use a dropped column.
    UNION ALL
    SELECT DISTINCT CASE d.classid WHEN 'pg_catalog.pg_trigger'::regclass THEN 'trigger on column'
            WHEN 'pg_catalog.pg_policy'::regclass THEN 'policy on column'
            WHEN 'pg_catalog.pg_publication_rel'::regclass THEN 'publication of column'
            ELSE 'generated column' END,
        CASE WHEN d.classid = 'pg_catalog.pg_attrdef'::regclass
            THEN format('column %I', (SELECT a.attname FROM attributes a WHERE a.attnum = ad.adnum))
            ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END
    FROM t
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
    JOIN own ON own.classid = d.classid AND own.objid = d.objid
    LEFT JOIN pg_catalog.pg_attrdef ad ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND ad.oid = d.objid
    LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::regclass AND g.oid = d.objid
    WHERE d.refobjsubid IN (SELECT a.attnum FROM attributes a WHERE a.going)
        AND (d.classid IN ('pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_publication_rel'::regclass)
            OR d.classid = 'pg_catalog.pg_trigger'::regclass AND NOT g.tgisinternal
            OR d.classid = 'pg_catalog.pg_attrdef'::regclass AND ad.adnum <> d.refobjsubid
            OR d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.objsubid <> d.refobjsubid)
    UNION ALL
    SELECT 'key of column', pg_describe_object('pg_catalog.pg_constraint'::regclass, k.oid, 0)
    FROM keys k
    JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE k.outgoing
        AND k.conkey && (SELECT array_agg(a.attnum) FROM attributes a WHERE a.going)
        AND format('%I.%I', fn.nspname, fc.relname) <> ALL ($5::text[])
    UNION ALL
    SELECT 'key to column', pg_describe_object('pg_catalog.pg_constraint'::regclass, k.oid, 0)
    FROM keys k, t
    WHERE k.confrelid = t.oid AND k.plain AND NOT k.outgoing
        AND k.confkey && (SELECT array_agg(a.attnum) FROM attributes a WHERE a.going)

    -- Grants whose grantor would now grant in the owner's name.
    UNION ALL
    SELECT DISTINCT 'grantor', format('grant by %I to %s', pg_get_userbyid(e.grantor),
        CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END)
    FROM t
    CROSS JOIN (
        SELECT a.attacl AS acl FROM attributes a WHERE $4 OR a.going
        UNION ALL SELECT s.relacl FROM sequences s WHERE $4 AND s.of_identity
        UNION ALL SELECT t.relacl FROM t WHERE $4) lists
    CROSS JOIN aclexplode(lists.acl) e
    WHERE e.grantor <> t.relowner AND pg_has_role(e.grantor, t.relowner, 'USAGE')
)
SELECT kind, object FROM found ORDER BY kind, object
