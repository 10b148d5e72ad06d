-- Who owns what in schema phaseline, and who may call what. Run after every installation; what is right already is left alone.
--   A function that touches a table of the planner's belongs to that table's owner.
--   All else belongs to the owner of public.project_phases or, if that is a superuser, to the role phaseline_owner, which is none.
-- So nothing here runs with the rights of the role that installs it. A role that may not give something away keeps it;
-- `phaseline doctor` reports it.
DO $$
DECLARE
    phases_owner oid;
    log_owner    oid;
    thing        record;
    may_give     boolean;
    is_16        constant boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
    SELECT r.oid, CASE WHEN NOT r.rolsuper THEN r.oid END INTO phases_owner, log_owner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'project_phases' AND c.relkind = 'r';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF log_owner IS NULL THEN
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_owner') THEN
            BEGIN
                CREATE ROLE phaseline_owner NOLOGIN;
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'role phaseline_owner does not exist and may not be created by %', current_user;
            END;
        END IF;
        -- A role of that name that can do more than own is not used.
        SELECT r.oid INTO log_owner FROM pg_catalog.pg_roles r
         WHERE r.rolname = 'phaseline_owner' AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcanlogin);
    END IF;

    -- The functions call each other, and read the log.
    FOR thing IN
        SELECT p.oid::regprocedure::text AS function, pg_catalog.pg_get_userbyid(g.role) AS grantee
          FROM (VALUES ('project_dates', phases_owner), ('set_project_dates', phases_owner),
                       ('assignment_count', phases_owner), ('lock_projects', log_owner), ('project_inline', log_owner))
               AS g (name, role)
          JOIN pg_catalog.pg_proc p ON p.pronamespace = 'phaseline'::regnamespace AND p.proname = g.name
         WHERE g.role IS NOT NULL AND NOT pg_catalog.has_function_privilege(g.role, p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', thing.function, thing.grantee);
    END LOOP;
    IF NOT pg_catalog.has_schema_privilege(phases_owner, 'phaseline', 'USAGE')
        OR NOT pg_catalog.has_table_privilege(phases_owner, 'phaseline.events', 'SELECT')
        OR NOT pg_catalog.has_table_privilege(phases_owner, 'phaseline.head', 'SELECT') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA phaseline TO %I', pg_catalog.pg_get_userbyid(phases_owner));
        EXECUTE format('GRANT SELECT ON phaseline.events, phaseline.head TO %I', pg_catalog.pg_get_userbyid(phases_owner));
    END IF;

    FOR thing IN
        WITH planner AS (
            SELECT c.relname::text AS name, c.relowner AS owner FROM pg_catalog.pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
               AND c.relname IN ('projects', 'project_phases', 'resource_assignments')),
        functions (name, planner) AS (VALUES
            ('project_dates', 'projects'), ('lock_projects', 'projects'), ('set_project_dates', 'projects'),
            ('assignments_of', 'resource_assignments'), ('assignment_days', 'resource_assignments'),
            ('assignment_count', 'resource_assignments'),
            ('project_inline', 'project_phases'), ('unadopted', 'project_phases'), ('project_of', 'project_phases'),
            ('phases_of', 'project_phases')),
        things (turn, kind, object, owner, wanted) AS (
            SELECT 1, 'FUNCTION', p.oid::regprocedure::text, p.proowner, coalesce(t.owner, log_owner)
              FROM pg_catalog.pg_proc p
              LEFT JOIN functions f ON f.name = p.proname
              LEFT JOIN planner t ON t.name = f.planner
             WHERE p.pronamespace = 'phaseline'::regnamespace
            UNION ALL
            SELECT 2, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner, log_owner
              FROM pg_catalog.pg_class c
             WHERE c.relnamespace = 'phaseline'::regnamespace AND c.relkind IN ('r', 'v')
            UNION ALL
            SELECT 3, 'SCHEMA', 'phaseline', n.nspowner, log_owner
              FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline')
        SELECT * FROM things WHERE wanted IS NOT NULL AND owner <> wanted ORDER BY turn, object
    LOOP
        may_give := pg_catalog.pg_has_role(thing.owner, 'USAGE');
        IF is_16 THEN
            may_give := may_give AND pg_catalog.pg_has_role(thing.wanted, 'SET');
        ELSE
            may_give := may_give AND pg_catalog.pg_has_role(thing.wanted, 'MEMBER');
        END IF;
        CONTINUE WHEN NOT may_give;
        IF thing.turn < 3 THEN
            -- A new owner must be able to create there, for the moment.
            EXECUTE format('GRANT CREATE ON SCHEMA phaseline TO %I', pg_catalog.pg_get_userbyid(thing.wanted));
        END IF;
        EXECUTE format('ALTER %s %s OWNER TO %I', thing.kind, thing.object, pg_catalog.pg_get_userbyid(thing.wanted));
    END LOOP;
    FOR thing IN
        SELECT pg_catalog.pg_get_userbyid(a.grantee) AS role
          FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
         WHERE n.nspname = 'phaseline' AND a.privilege_type = 'CREATE' AND a.grantee NOT IN (0, n.nspowner)
    LOOP
        EXECUTE format('REVOKE CREATE ON SCHEMA phaseline FROM %I', thing.role);
    END LOOP;
END $$;
