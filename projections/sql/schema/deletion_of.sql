-- The deletion of a project: {"actor": user id or null, "at": UTC or null} from the planner's audit log, for the event
-- that closes its timeline. NULL if the project exists or still has rows in project_phases, and while the log accepts no commands.
-- The audit log is read only if it is a plain table of the owner of this function: a view or a policy could be code of others.
CREATE OR REPLACE FUNCTION phaseline.deletion_of(project uuid) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    audited boolean;
    found_  json;
BEGIN
    IF NOT phaseline.accepts_commands()
        OR phaseline.project_dates(project) IS NOT NULL
        OR EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id = project) THEN
        RETURN NULL;
    END IF;
    audited := (
        SELECT count(*) = 5 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.oid = to_regclass('public.audit_logs') AND c.relkind = 'r' AND NOT c.relrowsecurity
           AND pg_get_userbyid(c.relowner) = current_user AND NOT a.attisdropped
           AND (a.attname, a.atttypid) IN (('user_id', 'uuid'::regtype), ('entity_id', 'uuid'::regtype),
               ('entity_type', 'varchar'::regtype), ('operation', 'varchar'::regtype), ('created_at', 'timestamp'::regtype)));
    IF audited THEN
        SELECT json_build_object('actor', a.user_id, 'at', to_char(a.created_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) INTO found_
          FROM ONLY public.audit_logs a
         WHERE a.entity_id = project AND lower(a.operation) = 'delete' AND lower(a.entity_type) IN ('project', 'projects')
         ORDER BY a.created_at DESC LIMIT 1;
    END IF;
    RETURN coalesce(found_, json_build_object('actor', NULL, 'at', NULL));
END $$;
