-- What reads and writes the planner's tables. Each function touches one of them and belongs to that table's owner (owned.sql), with
-- whose rights it runs: triggers, rules, policies and expressions of a table never run with the rights of anybody else.

-- The dates of a project as JSON: [start_date, end_date], or NULL if there is no such project.
CREATE OR REPLACE FUNCTION phaseline.project_dates(project uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' AS $$
BEGIN
    RETURN (SELECT json_build_array(p.start_date::text, p.end_date::text) FROM public.projects p WHERE p.id = project);
END $$;

-- Locks projects' rows by id, so that they stay while phases that refer to them are written.
CREATE OR REPLACE FUNCTION phaseline.lock_projects(projects uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.projects p WHERE p.id = ANY (projects) ORDER BY p.id FOR KEY SHARE;
END $$;

-- Gives a project its dates. One that has them already is left alone.
CREATE OR REPLACE FUNCTION phaseline.set_project_dates(project uuid, first_day date, last_day date, at timestamp)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.projects p SET start_date = first_day, end_date = last_day, updated_at = at
     WHERE p.id = project AND (p.start_date, p.end_date) IS DISTINCT FROM (first_day, last_day);
    IF NOT FOUND AND NOT EXISTS (SELECT FROM public.projects p WHERE p.id = project) THEN
        RAISE EXCEPTION 'project % is not in public.projects', project USING ERRCODE = 'foreign_key_violation';
    END IF;
    -- A trigger that waits for the end of the transaction would run with the rights of whoever ends it.
    SET CONSTRAINTS ALL IMMEDIATE;
END $$;

-- How many assignments a project has on the days from the first to the last, both included.
CREATE OR REPLACE FUNCTION phaseline.assignment_count(project uuid, first_day date, last_day date) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT count(*) FROM public.resource_assignments a
             WHERE a.project_id = project AND a.assignment_date BETWEEN first_day AND last_day);
END $$;

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
        'dates', phaseline.project_dates(project),
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

-- The project's phases as the planner's backend reads them, and how many assignments each has; for those who have no rights
-- on the planner's tables. JSON: {"version": the stream's, 0 if the log does not know the project, "position": of its last
-- event, "dates": [start_date, end_date] or null if there is no such project, "rows": [{columns, "assignment_count"}, ...] by
-- start_date, end_date, id}. One statement, so one moment. NULL while the log takes no commands.
CREATE OR REPLACE FUNCTION phaseline.phases_of(project uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
BEGIN
    IF NOT coalesce((SELECT h.accepts_commands FROM phaseline.head h WHERE h.id = 1), false) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT json_build_object(
        'version', coalesce((SELECT e.version FROM phaseline.events e
                              WHERE e.stream_type = 'Timeline' AND e.stream_id = project
                              ORDER BY e.version DESC LIMIT 1), 0),
        'position', coalesce((SELECT e.position FROM phaseline.events e
                               WHERE e.stream_type = 'Timeline' AND e.stream_id = project
                               ORDER BY e.version DESC LIMIT 1), 0),
        'dates', phaseline.project_dates(project),
        'rows', coalesce((SELECT json_agg(r ORDER BY r.start_date, r.end_date, r.id) FROM (
                    SELECT ph.id, ph.project_id, ph.name, ph.start_date, ph.end_date, ph.description,
                           ph.capital_budget::text AS capital_budget, ph.expense_budget::text AS expense_budget,
                           ph.total_budget::text AS total_budget, ph.created_at, ph.updated_at,
                           phaseline.assignment_count(project, ph.start_date, ph.end_date) AS assignment_count
                      FROM public.project_phases ph WHERE ph.project_id = project) r), '[]'::json)));
END $$;

-- The assignments of a project on the days from the first to the last, both included, by date and id: those behind `after_day`
-- and `after_id`, if these are given, and at most `most` of them; for those who have no rights on the planner's tables.
DROP FUNCTION IF EXISTS phaseline.assignments_of(uuid, date, date);
CREATE OR REPLACE FUNCTION phaseline.assignments_of(project uuid, first_day date, last_day date,
        after_day date DEFAULT NULL, after_id uuid DEFAULT NULL, most integer DEFAULT NULL)
    RETURNS TABLE (id uuid, resource_id uuid, project_id uuid, assignment_date date, allocation_percentage numeric,
                   capital_percentage numeric, expense_percentage numeric, created_at timestamp, updated_at timestamp)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.id, a.resource_id, a.project_id, a.assignment_date, a.allocation_percentage,
                        a.capital_percentage, a.expense_percentage, a.created_at, a.updated_at
                   FROM public.resource_assignments a
                  WHERE a.project_id = project
                    AND a.assignment_date BETWEEN greatest(first_day, after_day) AND last_day
                    AND (after_day IS NULL OR (a.assignment_date, a.id) > (after_day, after_id))
                  ORDER BY a.assignment_date, a.id LIMIT most;
END $$;

-- How many assignments each of these projects has on each day that has any, by project and day; for those who have no rights
-- on the planner's tables.
CREATE OR REPLACE FUNCTION phaseline.assignment_days(projects uuid[])
    RETURNS TABLE (project uuid, day date, assignments bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT a.project_id, a.assignment_date, count(*) FROM public.resource_assignments a
                  WHERE a.project_id = ANY (projects) GROUP BY a.project_id, a.assignment_date
                  ORDER BY a.project_id, a.assignment_date;
END $$;

-- The inline projection of public.project_phases: what a batch of commands changes, in the append's own transaction.
--   projects: the projects whose rows may change, one for each command; no other's are touched, whatever the changes say
--   changes:  for each command JSON objects with commas between them, each of a kind:
--     {"project", "id", "name", "start_date", ..., "created_at" or null, "place" or null or absent}   a row
--     {"kind": "removed", "project", "id"}
--     {"kind": "dates", "project", "start_date", "end_date"}                                  the project's own
--     {"kind": "adopted", "project", "name"}   what phaseline.unadopted said, as text, when the project was adopted
-- Of several commands the last word about a phase counts: a row is written once a batch, however often it is changed.
-- Times come from the log (UTC, no zone, as the planner writes them), never from now().
-- A row is looked for by its id, which clears dead versions off the pages on the way: nearly all changes stay on their page and
-- out of the indexes. But while somebody holds an old snapshot nothing can be cleared, and that search passes every version that
-- the row ever had. Whoever knows of such a snapshot sends "place" with the rows, null at first, and is told
-- {"phase id": place, ...} of the rows written: where they stand (ctid), to be sent with the next change, so that nothing is
-- searched. A place that is wrong is noticed, and the row is looked for by id. Without "place" the answer is NULL.
-- Measured with 64 rows: parsing all changes at once takes 5 us a row, one by one 18; and planning anew for each call takes
-- half a millisecond, so the plans are generic; phaseline.append, which calls this, has the settings for it.
CREATE OR REPLACE FUNCTION phaseline.project_inline(projects uuid[], changes text[], recorded_at timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    utc     timestamp := recorded_at AT TIME ZONE 'UTC';
    words   text := '[' || array_to_string(changes, ',') || ']';
    told    json := words;
    asked   boolean := strpos(words, '"place":') > 0;
    change  record;
    offered bigint;
    written bigint;
    places  text;
BEGIN
    IF strpos(words, '"kind":"adopted"') > 0 OR strpos(words, '"kind":"dates"') > 0 THEN
        FOR change IN
            SELECT r.* FROM json_to_recordset(told) AS r(kind text, project uuid, name text, start_date date, end_date date)
             WHERE r.kind IN ('adopted', 'dates') AND r.project = ANY (projects)
        LOOP
            IF change.kind = 'adopted' THEN
                PERFORM 1 FROM public.project_phases ph WHERE ph.project_id = change.project ORDER BY ph.id FOR UPDATE;
                IF phaseline.unadopted(change.project)::text IS DISTINCT FROM change.name THEN
                    RAISE EXCEPTION 'the rows of project % changed while it was being adopted', change.project
                        USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
                END IF;
            ELSE
                PERFORM phaseline.set_project_dates(change.project, change.start_date, change.end_date, utc);
            END IF;
        END LOOP;
    END IF;

    -- A command that comes alone and changes one row where it stands, as most do: in a quarter of the time.
    IF cardinality(changes) = 1 AND strpos(words, '},{') = 0 THEN
        UPDATE public.project_phases ph
           SET capital_budget = s.capital_budget, expense_budget = s.expense_budget, total_budget = s.total_budget,
               created_at = coalesce(s.created_at, utc), updated_at = utc, name = s.name, start_date = s.start_date,
               end_date = s.end_date, description = s.description
          FROM json_to_record(told -> 0) AS s (kind text, project uuid, id uuid, place tid, capital_budget numeric,
                   expense_budget numeric, total_budget numeric, created_at timestamp, name text, start_date date,
                   end_date date, description text)
         WHERE s.kind IS NULL AND s.project = projects[1] AND ph.project_id IS NOT DISTINCT FROM s.project
           AND ph.ctid = coalesce(s.place, (SELECT o.ctid FROM public.project_phases o WHERE o.id = s.id))
           AND ph.id IS NOT DISTINCT FROM s.id
        RETURNING CASE WHEN asked THEN json_build_object(ph.id, ph.ctid)::text END INTO places;
        IF FOUND THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            RETURN places;
        END IF;
    END IF;

    -- The comparisons with IS NOT DISTINCT FROM have no index, so that the row is looked for at its place.
    WITH said AS MATERIALIZED (
        SELECT DISTINCT ON (r.project, r.id) r.*
          FROM ROWS FROM (json_to_recordset(told) AS (kind text, project uuid, id uuid, place tid, capital_budget numeric,
                   expense_budget numeric, total_budget numeric, created_at timestamp, name text, start_date date,
                   end_date date, description text)) WITH ORDINALITY
               AS r (kind, project, id, place, capital_budget, expense_budget, total_budget, created_at, name, start_date,
                   end_date, description, n)
         WHERE (r.kind IS NULL OR r.kind = 'removed') AND r.project = ANY (projects)
         ORDER BY r.project, r.id, r.n DESC
    ), gone AS (
        DELETE FROM public.project_phases ph USING said s
         WHERE s.kind = 'removed' AND ph.id = s.id AND ph.project_id = s.project
    ), found AS (
        UPDATE public.project_phases ph
           SET capital_budget = s.capital_budget, expense_budget = s.expense_budget, total_budget = s.total_budget,
               created_at = coalesce(s.created_at, utc), updated_at = utc, name = s.name, start_date = s.start_date,
               end_date = s.end_date, description = s.description
          FROM said s
         WHERE s.kind IS NULL AND ph.project_id IS NOT DISTINCT FROM s.project
           AND ph.ctid = coalesce(s.place, (SELECT o.ctid FROM public.project_phases o WHERE o.id = s.id))
           AND ph.id IS NOT DISTINCT FROM s.id
        RETURNING ph.id, ph.ctid
    ), put AS (
        INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
            updated_at, name, start_date, end_date, description)
        SELECT s.project, s.capital_budget, s.expense_budget, s.total_budget, s.id, coalesce(s.created_at, utc), utc,
               s.name, s.start_date, s.end_date, s.description
          FROM said s
         WHERE s.kind IS NULL AND s.id NOT IN (SELECT f.id FROM found f)
        ON CONFLICT (id) DO UPDATE
           SET capital_budget = excluded.capital_budget, expense_budget = excluded.expense_budget,
               total_budget = excluded.total_budget, created_at = excluded.created_at, updated_at = excluded.updated_at,
               name = excluded.name, start_date = excluded.start_date, end_date = excluded.end_date,
               description = excluded.description
         WHERE project_phases.project_id = excluded.project_id
        RETURNING id, ctid
    ), standing AS (SELECT f.id, f.ctid FROM found f UNION ALL SELECT p.id, p.ctid FROM put p)
    SELECT (SELECT count(*) FROM said s WHERE s.kind IS NULL), count(*),
           (json_object_agg(standing.id, standing.ctid) FILTER (WHERE asked))::text
      INTO offered, written, places FROM standing;
    IF written <> offered THEN
        RAISE EXCEPTION 'a phase id in this command belongs to another project'
            USING ERRCODE = 'PL001', HINT = 'Run: phaseline drift';
    END IF;
    -- A trigger that waits for the end of the transaction would run with the rights of whoever ends it.
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN places;
END $$;

-- What keeps every command from being carried out: the table on which another session holds a lock for half a second or longer;
-- NULL if there is none. For the service's health check, whose role may not lock these. Locks of tables are looked up, which needs no
-- right on them; the head's row is locked, and in a transaction that is rolled back that writes nothing.
CREATE OR REPLACE FUNCTION phaseline.command_obstacle() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    wanted text;
    tries  integer;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['phaseline.head', 'phaseline.events', 'public.projects', 'public.project_phases'] LOOP
        tries := 0;
        WHILE EXISTS (
            SELECT FROM pg_locks l
             WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
               AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
               AND l.relation = to_regclass(wanted)
               -- Commands lock rows of the head and of projects, and write to the others.
               AND (l.mode IN ('ExclusiveLock', 'AccessExclusiveLock')
                    OR wanted IN ('phaseline.events', 'public.project_phases')
                       AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock')))
        LOOP
            tries := tries + 1;
            IF tries > 10 THEN
                RETURN wanted;
            END IF;
            PERFORM pg_sleep(0.05);
        END LOOP;
    END LOOP;
    wanted := 'phaseline.head';
    PERFORM 1 FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
    RETURN NULL;
EXCEPTION
    WHEN lock_not_available THEN RETURN wanted;
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
           AND p.proname IN ('project_inline', 'unadopted', 'project_of', 'phases_of', 'assignments_of',
                             'assignment_days', 'assignment_count', 'project_dates', 'lock_projects',
                             'set_project_dates', 'command_obstacle')
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
            phaseline.command_obstacle() TO phaseline_writer;
    END IF;
END $$;
