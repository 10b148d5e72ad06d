-- All that the planner's tables say about a project: {"dates": [start_date, end_date] or null if there is no such
-- project, "rows": [[a value as text for each column], ...] by id}. What stands there may be anything, so everything is
-- text, in one form whatever the session's settings. NULL while the log takes no commands: then the table is the old one.
-- Whoever writes commands needs it to adopt a project whose rows others wrote, and has no rights on the planner's tables.
CREATE OR REPLACE FUNCTION phaseline.unadopted(project uuid) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' AS $$
BEGIN
    IF NOT coalesce((SELECT h.accepts_commands FROM phaseline.head h WHERE h.id = 1), false) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT json_build_object(
        'dates', (SELECT json_build_array(p.start_date::text, p.end_date::text)
                    FROM public.projects p WHERE p.id = project),
        'rows', coalesce((SELECT json_agg(json_build_array(ph.project_id::text, ph.capital_budget::text,
                                     ph.expense_budget::text, ph.total_budget::text, ph.id::text,
                                     ph.created_at::text, ph.updated_at::text, ph.name::text, ph.start_date::text,
                                     ph.end_date::text, ph.description::text) ORDER BY ph.id)
                            FROM public.project_phases ph WHERE ph.project_id = project), '[]'::json)));
END $$;

-- The project that a row of project_phases belongs to; for those who have no rights on that table.
CREATE OR REPLACE FUNCTION phaseline.project_of(phase uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT ph.project_id FROM public.project_phases ph WHERE ph.id = phase);
END $$;

-- The inline projection of public.project_phases: what one command changes, in the append's own transaction.
--   project: the project whose rows may change; no other's are touched, whatever the changes say
--   changes: {"adopted": what phaseline.unadopted said, as text, when the project was adopted; or absent,
--             "project": {"start_date", "end_date"} or absent,
--             "removed": [phase id, ...],
--             "rows": [{"id", "name", "start_date", ..., "created_at" or null}, ...]}
-- Times come from the log (UTC, no zone, as the planner writes them), never from now().
CREATE OR REPLACE FUNCTION phaseline.project_inline(project uuid, changes json, recorded_at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at      timestamp := recorded_at AT TIME ZONE 'UTC';
    offered integer   := json_array_length(changes -> 'rows');
    written integer;
BEGIN
    IF changes ->> 'adopted' IS NOT NULL THEN
        PERFORM 1 FROM public.project_phases ph WHERE ph.project_id = project ORDER BY ph.id FOR UPDATE;
        IF phaseline.unadopted(project)::text IS DISTINCT FROM changes ->> 'adopted' THEN
            RAISE EXCEPTION 'the rows of project % changed while it was being adopted', project
                USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
        END IF;
    END IF;

    IF changes -> 'project' IS NOT NULL THEN
        UPDATE public.projects p
           SET start_date = (changes -> 'project' ->> 'start_date')::date,
               end_date   = (changes -> 'project' ->> 'end_date')::date,
               updated_at = at
         WHERE p.id = project;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'project % is not in public.projects', project
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    END IF;

    DELETE FROM public.project_phases ph
     WHERE ph.project_id = project
       AND ph.id IN (SELECT value::uuid FROM json_array_elements_text(changes -> 'removed'));

    IF offered > 0 THEN
        INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id,
            created_at, updated_at, name, start_date, end_date, description)
        SELECT project, r.capital_budget, r.expense_budget, r.total_budget, r.id,
               coalesce(r.created_at, at), at, r.name, r.start_date, r.end_date, r.description
          FROM json_to_recordset(changes -> 'rows') AS r(capital_budget numeric,
               expense_budget numeric, total_budget numeric, id uuid, created_at timestamp, name text,
               start_date date, end_date date, description text)
        ON CONFLICT (id) DO UPDATE
           SET capital_budget = excluded.capital_budget,
               expense_budget = excluded.expense_budget,
               total_budget   = excluded.total_budget,
               updated_at     = excluded.updated_at,
               name           = excluded.name,
               start_date     = excluded.start_date,
               end_date       = excluded.end_date,
               description    = excluded.description
         WHERE project_phases.project_id = excluded.project_id;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> offered THEN
            RAISE EXCEPTION 'a phase id in this command belongs to another project'
                USING ERRCODE = 'unique_violation';
        END IF;
    END IF;
END $$;

-- Whatever default privileges gave away goes: only the owner and the grant below remain.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT p.oid::regprocedure::text AS object, a.grantee
          FROM pg_catalog.pg_proc p,
               pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
         WHERE p.pronamespace = 'phaseline'::regnamespace AND a.grantee <> p.proowner
           AND p.proname IN ('project_inline', 'unadopted', 'project_of')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.object,
            CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(given.grantee)) END);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'phaseline_writer') THEN
        GRANT EXECUTE ON FUNCTION phaseline.unadopted(uuid), phaseline.project_of(uuid) TO phaseline_writer;
    END IF;
END $$;
