-- The missing privileges of role $1 (NULL: the current one), for needs given as kinds $2, objects $3, details $4: a sentence, and the
-- statement that grants each.
-- A superuser can lack only roles that do not exist. search_path must be empty.
WITH me AS (
    SELECT r.oid, r.rolname, r.rolinherit, r.rolbypassrls, current_setting('server_version_num')::int AS version
    FROM pg_catalog.pg_roles r
    WHERE r.rolname = coalesce($1, current_user) AND NOT r.rolsuper
),
-- Names are looked up only for the kinds that have them: PostgreSQL 15 fails on text that is not a name.
needs AS MATERIALIZED (
    SELECT n.kind, n.object, n.detail,
        CASE WHEN n.kind IN ('referencing', 'references', 'trigger') THEN to_regclass(n.object)
            WHEN n.kind = 'grantor' THEN to_regclass(n.detail) END AS relation,
        CASE WHEN n.kind = 'function' THEN to_regprocedure(n.object) END AS function,
        CASE WHEN n.kind = 'type' THEN to_regtype(n.object) END AS type,
        CASE WHEN n.kind IN ('shadow', 'schema')
            THEN (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = n.object) END AS schema,
        r.role,
        (SELECT p.oid FROM pg_catalog.pg_roles p WHERE p.rolname = r.role) AS role_oid
    FROM unnest($2::text[], $3::text[], $4::text[]) n(kind, object, detail)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN n.kind IN ('table', 'schema') THEN nullif(n.detail, '')
            WHEN n.kind IN ('statistics', 'view', 'grantor', 'role') THEN n.object END AS role) r
),
-- The current or future owners of objects that must belong to the role, or to one whose rights it has.
owners AS (
    SELECT o.*, r.rolsuper
    FROM (
        SELECT n.kind, n.role_oid AS owner, 'table ' || n.object AS what, 'TABLE ' || n.object AS object
        FROM needs n WHERE n.kind = 'table'
        UNION ALL
        SELECT n.kind, n.role_oid, 'statistics ' || n.detail, 'STATISTICS ' || n.detail
        FROM needs n WHERE n.kind = 'statistics'
        UNION ALL
        SELECT n.kind, n.role_oid, format('view %s, whose definition is replaced', n.detail), 'VIEW ' || n.detail
        FROM needs n WHERE n.kind = 'view'
        UNION ALL
        SELECT n.kind, c.relowner, format('table %s, whose foreign key %s is dropped and added again', n.object, n.detail),
            'TABLE ' || n.object
        FROM needs n JOIN pg_catalog.pg_class c ON c.oid = n.relation
        WHERE n.kind = 'referencing'
        UNION ALL
        SELECT n.kind, p.pubowner, format('publication %I', p.pubname), format('PUBLICATION %I', p.pubname)
        FROM needs n JOIN pg_catalog.pg_publication p ON p.pubname = n.object
        WHERE n.kind = 'publication'
    ) o
    JOIN pg_catalog.pg_roles r ON r.oid = o.owner
),
missing_roles AS (
    SELECT format('there is no role %I', $1) AS reason, format('CREATE ROLE %I', $1) AS statement
    WHERE $1 NOT IN (SELECT r.rolname FROM pg_catalog.pg_roles r)
    UNION ALL
    SELECT format('there is no role %I any more, but restored objects name it as their owner, grantor or grantee', n.role),
        format('CREATE ROLE %I', n.role)
    FROM needs n
    WHERE n.role IS NOT NULL AND n.role_oid IS NULL
),
missing AS (
    -- Rights of the owner are exercised by inheriting them. Those of a superuser should not be granted.
    SELECT format('%I does not have the rights of %I, the owner of %s', me.rolname, pg_get_userbyid(o.owner), o.what) AS reason,
        CASE WHEN o.rolsuper THEN format('ALTER %s OWNER TO %I', o.object, me.rolname)
            WHEN me.version >= 160000 THEN format('GRANT %I TO %I WITH INHERIT TRUE', pg_get_userbyid(o.owner), me.rolname)
            ELSE concat_ws('; ',
                CASE WHEN me.rolinherit OR NOT EXISTS (
                        SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = o.owner AND m.member = me.oid)
                    THEN format('GRANT %I TO %I', pg_get_userbyid(o.owner), me.rolname) END,
                CASE WHEN NOT me.rolinherit THEN format('ALTER ROLE %I INHERIT', me.rolname) END) END AS statement
    FROM me, owners o
    WHERE NOT pg_has_role(me.oid, o.owner, 'USAGE')
    UNION ALL
    -- Only a role that can SET ROLE to the other can give it ownership, or grant in its name.
    SELECT format('%I may not SET ROLE to %I, %s', me.rolname, pg_get_userbyid(o.role), o.purpose),
        format('GRANT %I TO %I%s', pg_get_userbyid(o.role), me.rolname,
            CASE WHEN me.version >= 160000 THEN ' WITH SET TRUE' ELSE '' END)
    FROM me, (
        SELECT w.owner AS role, 'the owner of ' || w.what AS purpose
        FROM owners w WHERE w.kind IN ('table', 'statistics') AND NOT w.rolsuper
        UNION ALL
        SELECT n.role_oid, 'who granted privileges on ' || n.detail FROM needs n WHERE n.kind = 'grantor'
    ) o
    WHERE CASE WHEN me.version >= 160000 THEN NOT pg_has_role(me.oid, o.role, 'SET')
        ELSE NOT pg_has_role(me.oid, o.role, 'MEMBER') END
    UNION ALL
    SELECT format('%I may not create schema %I', me.rolname, n.object),
        format('GRANT CREATE ON DATABASE %I TO %I', current_database(), me.rolname)
    FROM me, needs n
    WHERE n.kind = 'shadow' AND n.schema IS NULL
        AND NOT has_database_privilege(me.oid, current_database(), 'CREATE')
    UNION ALL
    SELECT format('%I may not create objects in schema %I', r.rolname, n.object),
        format('GRANT CREATE ON SCHEMA %I TO %I', n.object, r.rolname)
    FROM me
    CROSS JOIN needs n
    -- PostgreSQL requires the same of the new owner.
    JOIN pg_catalog.pg_roles r ON r.oid = me.oid OR r.oid = n.role_oid
    WHERE n.kind IN ('shadow', 'schema') AND NOT has_schema_privilege(r.oid, n.schema, 'CREATE')
    UNION ALL
    SELECT format('%I may not use schema %I, where it granted privileges on %s', n.object, s.nspname, n.detail),
        format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, n.object)
    FROM me
    CROSS JOIN needs n
    JOIN pg_catalog.pg_class c ON c.oid = n.relation
    JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
    WHERE n.kind = 'grantor' AND NOT has_schema_privilege(n.role_oid, s.oid, 'USAGE')
    UNION ALL
    SELECT format('%I may not use schema %I of table %s', me.rolname, s.nspname, n.object),
        format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, me.rolname)
    FROM me
    CROSS JOIN needs n
    JOIN pg_catalog.pg_class c ON c.oid = n.relation
    JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
    WHERE n.kind IN ('referencing', 'references', 'trigger') AND NOT has_schema_privilege(me.oid, s.oid, 'USAGE')
    UNION ALL
    SELECT format('%I may not add foreign key %s to table %s', me.rolname, n.detail, n.object),
        format('GRANT REFERENCES ON %s TO %I', n.object, me.rolname)
    FROM me, needs n
    WHERE n.kind = 'references' AND NOT has_any_column_privilege(me.oid, n.relation, 'REFERENCES')
    UNION ALL
    SELECT format('%I may not name table %s in trigger %s', me.rolname, n.object, n.detail),
        format('GRANT TRIGGER ON %s TO %I', n.object, me.rolname)
    FROM me, needs n
    WHERE n.kind = 'trigger' AND NOT has_table_privilege(me.oid, n.relation, 'TRIGGER')
    UNION ALL
    SELECT format('%I may not execute function %s of trigger %s', me.rolname, n.object, n.detail),
        format('GRANT EXECUTE ON FUNCTION %s TO %I', n.object, me.rolname)
    FROM me, needs n
    WHERE n.kind = 'function' AND NOT has_function_privilege(me.oid, n.function, 'EXECUTE')
    UNION ALL
    SELECT format('%I may not use type %s of column %s', me.rolname, n.object, n.detail),
        format('GRANT USAGE ON TYPE %s TO %I', n.object, me.rolname)
    FROM me, needs n
    WHERE n.kind = 'type' AND NOT has_type_privilege(me.oid, n.type, 'USAGE')
    UNION ALL
    SELECT format('%I may not create in tablespace %I', me.rolname, s.spcname),
        format('GRANT CREATE ON TABLESPACE %I TO %I', s.spcname, me.rolname)
    FROM me, needs n
    JOIN pg_catalog.pg_tablespace s ON s.spcname = n.object
    WHERE n.kind = 'tablespace' AND NOT has_tablespace_privilege(me.oid, s.oid, 'CREATE')
    UNION ALL
    SELECT format('%I cannot read all rows of %s, where row security is forced on its owner', me.rolname, n.object),
        format('ALTER ROLE %I BYPASSRLS', me.rolname)
    FROM me, needs n
    WHERE n.kind = 'forced' AND NOT me.rolbypassrls
)
SELECT DISTINCT found.reason, found.statement, found.creates_role
FROM (
    SELECT reason, statement, true AS creates_role FROM missing_roles
    UNION ALL
    SELECT reason, statement, false FROM missing
) found
ORDER BY reason, statement
