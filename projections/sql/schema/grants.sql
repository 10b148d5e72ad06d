-- Revokes what default privileges granted: only the owner and the grant below remain.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT p.oid::regprocedure::text AS object, a.grantee
          FROM pg_catalog.pg_proc p,
               pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
         WHERE p.pronamespace = 'phaseline'::regnamespace AND a.grantee <> p.proowner
           AND p.proname IN ('project_inline', 'project_event', 'merged_events', 'coverage', 'unadopted', 'project_of', 'phases_of',
                             'assignments_of', 'assignment_days', 'assignment_count', 'assignment_counts', 'planner_user',
                             'user_names', 'project_dates', 'named_projects',
                             'lock_projects', 'moved_projects', 'set_project_dates', 'command_obstacle', 'refuse_foreign_triggers',
                             'deletion_of', 'deleted_projects')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.object,
            CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(given.grantee)) END);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_writer') THEN
        GRANT EXECUTE ON FUNCTION phaseline.unadopted(uuid), phaseline.project_of(uuid), phaseline.phases_of(uuid),
            phaseline.assignments_of(uuid, date, date, date, uuid, integer), phaseline.assignment_days(uuid[]),
            phaseline.assignment_counts(uuid[], date[], date[]), phaseline.project_dates(uuid), phaseline.planner_user(uuid), phaseline.user_names(uuid[]),
            phaseline.command_obstacle(),
            phaseline.deletion_of(uuid), phaseline.deleted_projects(uuid, integer),
            phaseline.named_projects(uuid[], text, text, uuid, bigint) TO phaseline_writer;
    END IF;
    -- The log has ids of projects only: who reads it may know what they are called.
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_reader') THEN
        GRANT EXECUTE ON FUNCTION phaseline.named_projects(uuid[], text, text, uuid, bigint) TO phaseline_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_auditor') THEN
        GRANT EXECUTE ON FUNCTION phaseline.named_projects(uuid[], text, text, uuid, bigint) TO phaseline_auditor;
    END IF;
END $$;
