-- Creates the role that owns the log where the planner's tables belong to a superuser, and grants the owners of functions the calls and
-- reads that these need. Run after every installation; owned.sql has the required owners.
DO $$
DECLARE
    phases_owner oid;
    projects_owner oid;
    log_owner    oid;
    thing        record;
BEGIN
    SELECT r.oid, CASE WHEN NOT r.rolsuper THEN r.oid END INTO phases_owner, log_owner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'project_phases' AND c.relkind = 'r';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT c.relowner INTO projects_owner FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'projects' AND c.relkind = 'r';
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
        -- A role of that name with other rights is not used.
        SELECT r.oid INTO log_owner FROM pg_catalog.pg_roles r
         WHERE r.rolname = 'phaseline_owner' AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcanlogin);
        -- phaseline.oldest_snapshot looks at the snapshots of all sessions.
        IF log_owner IS NOT NULL AND NOT pg_catalog.pg_has_role(log_owner, 'pg_read_all_stats', 'USAGE') THEN
            BEGIN
                GRANT pg_read_all_stats TO phaseline_owner;
            EXCEPTION
                -- The installation in another database grants the same concurrently.
                WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
            END;
        END IF;
    END IF;

    -- The functions call each other, and read the log.
    FOR thing IN
        SELECT p.oid::regprocedure::text AS function, pg_catalog.pg_get_userbyid(g.role) AS grantee
          FROM (VALUES ('project_dates', phases_owner), ('set_project_dates', phases_owner),
                       ('assignment_count', phases_owner), ('lock_projects', log_owner), ('moved_projects', log_owner), ('project_inline', log_owner),
                       ('project_event', log_owner),
                       ('refuse_foreign_triggers', phases_owner), ('refuse_foreign_triggers', projects_owner))
               AS g (name, role)
          JOIN pg_catalog.pg_proc p ON p.pronamespace = 'phaseline'::regnamespace AND p.proname = g.name
         WHERE g.role IS NOT NULL AND NOT pg_catalog.has_function_privilege(g.role, p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', thing.function, thing.grantee);
    END LOOP;
    IF NOT pg_catalog.has_schema_privilege(projects_owner, 'phaseline', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA phaseline TO %I', pg_catalog.pg_get_userbyid(projects_owner));
    END IF;
    IF NOT pg_catalog.has_schema_privilege(phases_owner, 'phaseline', 'USAGE')
        OR NOT pg_catalog.has_table_privilege(phases_owner, 'phaseline.events', 'SELECT')
        OR NOT pg_catalog.has_table_privilege(phases_owner, 'phaseline.head', 'SELECT') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA phaseline TO %I', pg_catalog.pg_get_userbyid(phases_owner));
        EXECUTE format('GRANT SELECT ON phaseline.events, phaseline.head TO %I', pg_catalog.pg_get_userbyid(phases_owner));
    END IF;
END $$;
