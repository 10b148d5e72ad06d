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

-- Refuses to write to a table that belongs to a superuser while it has a trigger that runs a function of somebody who is none: who
-- may put triggers on a table need not own it, and the functions that write there have the owner's rights. The caller holds a lock on
-- the table that keeps new triggers away.
CREATE OR REPLACE FUNCTION phaseline.refuse_foreign_triggers(written regclass) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    planted record;
BEGIN
    SELECT g.tgname, p.oid::regprocedure AS function, pg_get_userbyid(p.proowner) AS author, owner.rolname AS owner
      INTO planted
      FROM pg_trigger g
      JOIN pg_class c ON c.oid = g.tgrelid
      JOIN pg_roles owner ON owner.oid = c.relowner AND owner.rolsuper
     CROSS JOIN LATERAL (
         SELECT g.tgfoid AS oid
         UNION ALL
         -- WHEN (condition), in which each function is named by its number.
         SELECT called.number[1]::oid
           FROM regexp_matches(g.tgqual::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') AS called (number)) f
      JOIN pg_proc p ON p.oid = f.oid
      JOIN pg_roles author ON author.oid = p.proowner AND NOT author.rolsuper
     WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D'
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trigger % on table % runs %, which belongs to % and would have the rights of %, a superuser',
            planted.tgname, written, planted.function, planted.author, planted.owner
            USING ERRCODE = 'PL004', HINT = format('Nothing was written. Drop the trigger, or have %I read the function and take '
                'it over, or give the table to a role that is no superuser and run: phaseline doctor --repair', planted.owner);
    END IF;
END $$;

-- Gives a project its dates. One that has them already is left alone.
CREATE OR REPLACE FUNCTION phaseline.set_project_dates(project uuid, first_day date, last_day date, at timestamp)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.projects IN ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_trigger g
                WHERE g.tgrelid = 'public.projects'::regclass AND NOT g.tgisinternal AND g.tgenabled <> 'D') THEN
        PERFORM phaseline.refuse_foreign_triggers('public.projects');
    END IF;
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

-- How a project's phases cover its days: gaps and overlaps between neighbours, the first day and the last one.
CREATE OR REPLACE FUNCTION phaseline.coverage(project uuid, OUT breaks bigint, OUT first_day date, OUT last_day date)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT count(*) FILTER (WHERE ph.start_date <> ph.previous + 1), min(ph.start_date), max(ph.end_date)
      INTO breaks, first_day, last_day
      FROM (SELECT o.start_date, o.end_date, lag(o.end_date) OVER (ORDER BY o.start_date, o.end_date) AS previous
              FROM public.project_phases o WHERE o.project_id = project) ph;
END $$;

-- The events of a batch in which a phase has several, with one for each phase: what its row is to be after all of them, as the
-- fold has it (Timeline::evolve). A phase that is removed stays removed until it is created again.
CREATE OR REPLACE FUNCTION phaseline.merged_events(
    INOUT event_types text[], INOUT projects uuid[], INOUT payloads text[], INOUT places tid[]
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH event AS (
        SELECT e.*, (e.payload::json ->> 'phase_id')::uuid AS phase
          FROM unnest(event_types, projects, payloads, places) WITH ORDINALITY AS e (event_type, project, payload, place, n)
    ), placed AS (
        SELECT e.*, max(e.n) FILTER (WHERE e.event_type IN ('PhaseCreated', 'PhaseRemoved'))
                   OVER (PARTITION BY e.project, e.phase) AS turn
          FROM event e WHERE e.phase IS NOT NULL AND e.event_type <> 'PhaseAdopted'
    ), merged AS (
        -- Of equal keys in one object the last one counts.
        SELECT coalesce(max(p.event_type) FILTER (WHERE p.n = p.turn), 'PhaseChanged') AS event_type, p.project,
               '{' || string_agg(substr(p.payload, 2, length(p.payload) - 2), ',' ORDER BY p.n) || ',"described":'
               || bool_or(p.event_type IN ('PhaseCreated', 'PhaseDescribed')) || '}' AS payload,
               (array_agg(p.place))[1] AS place
          FROM placed p
         WHERE p.turn IS NULL OR p.n = p.turn OR p.n > p.turn AND event_types[p.turn] = 'PhaseCreated'
         GROUP BY p.project, p.phase
    )
    SELECT array_agg(m.event_type), array_agg(m.project), array_agg(m.payload),
           CASE WHEN places IS NOT NULL THEN array_agg(m.place) END
      INTO event_types, projects, payloads, places
      FROM (SELECT merged.event_type, merged.project, merged.payload, merged.place FROM merged
            UNION ALL
            SELECT e.event_type, e.project, e.payload, e.place FROM event e
             WHERE e.phase IS NULL OR e.event_type = 'PhaseAdopted') m;
END $$;

-- The inline projection of public.project_phases: what the events of a batch of commands change, in the append's own
-- transaction. Rows follow from the events alone, so that no writer can write a row that its events do not say.
--   event_types, projects, payloads: the events, in the order of the log, each with its stream's project
--   places:    where their rows are (ctid) as far as known, or NULL as a whole if places do not matter
--   adopted, witnesses: projects that are adopted, and what phaseline.unadopted returned of each when that was decided
--   repeated:  whether a phase may have several events. A row is written once a batch, however often it is changed.
-- Times come from the log (UTC, no zone, as the planner writes them), never from now().
-- A row is looked for by its id, which clears dead versions off the pages on the way: nearly all changes stay on their page and
-- out of the indexes. But while somebody holds an old snapshot nothing can be cleared, and that search passes every version that
-- the row ever had. Whoever knows of such a snapshot sends places with the events, NULL at first, and gets
-- {"phase id": place, ...} of the rows written, to be sent with the next change, so that nothing is searched. A place that is
-- wrong is noticed, and the row is looked for by id. Without places the answer is NULL.
-- Planning each call would take half a millisecond, so the plans are generic; phaseline.append, which calls this, has the
-- settings for it.
-- Errors: 40001 if rows to adopt are not what the events say, PL001 if a phase's row is another project's, PL003 if a
-- phase has no row, or the phases would not cover their project's days, PL004 if a trigger of others would have a superuser's rights.
DROP FUNCTION IF EXISTS phaseline.project_inline(uuid[], text[], timestamptz);
CREATE OR REPLACE FUNCTION phaseline.project_inline(
    event_types text[], projects uuid[], payloads text[], places tid[], adopted uuid[], witnesses text[], repeated boolean,
    recorded_at timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    utc     timestamp := recorded_at AT TIME ZONE 'UTC';
    told    json;
    asked   boolean := places IS NOT NULL;
    opened  boolean := event_types && '{TimelineOpened,TimelineRescheduled}';
    -- Without these no phase comes, goes or changes its days.
    dated   boolean := opened OR event_types && '{PhaseResized,PhaseCreated,PhaseRemoved}';
    change  record;
    before  json;
    offered bigint;
    written bigint;
    rows_at text;
BEGIN
    LOCK TABLE public.project_phases IN ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_trigger g
                WHERE g.tgrelid = 'public.project_phases'::regclass AND NOT g.tgisinternal AND g.tgenabled <> 'D') THEN
        PERFORM phaseline.refuse_foreign_triggers('public.project_phases');
    END IF;
    -- A command that comes alone and changes one row where it is, as most do. Where that row is not found, what follows says why.
    IF NOT dated AND NOT asked AND cardinality(event_types) = 1 THEN
        told := payloads[1];
        UPDATE public.project_phases ph
           SET capital_budget = coalesce((told ->> 'capital_budget')::numeric, ph.capital_budget),
               expense_budget = coalesce((told ->> 'expense_budget')::numeric, ph.expense_budget),
               total_budget = coalesce((told ->> 'capital_budget')::numeric + (told ->> 'expense_budget')::numeric,
                                       ph.total_budget),
               updated_at = utc, name = coalesce(told ->> 'name', ph.name),
               description = CASE event_types[1] WHEN 'PhaseDescribed' THEN told ->> 'description' ELSE ph.description END
         WHERE ph.id = (told ->> 'phase_id')::uuid AND ph.project_id IS NOT DISTINCT FROM projects[1];
        IF FOUND THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            RETURN NULL;
        END IF;
    END IF;
    told := '[' || array_to_string(payloads, ',') || ']';
    IF dated THEN
        before := (
            SELECT json_agg(json_build_object('project', d.project, 'moved', d.moved, 'breaks', c.breaks,
                                              'first_day', c.first_day, 'last_day', c.last_day))
              FROM (SELECT e.project, bool_or(e.event_type LIKE 'Timeline%') AS moved
                      FROM unnest(event_types, projects) AS e (event_type, project)
                     WHERE e.event_type LIKE 'Timeline%'
                        OR e.event_type IN ('PhaseResized', 'PhaseCreated', 'PhaseRemoved')
                     GROUP BY e.project) d
              JOIN LATERAL phaseline.coverage(d.project) c ON true);
    END IF;
    IF opened THEN
        FOR change IN
            SELECT r.*, adopted @> ARRAY[r.project] AS has_witness
              FROM ROWS FROM (json_to_recordset(told) AS (start_date date, end_date date), unnest(event_types),
                       unnest(projects)) WITH ORDINALITY AS r (start_date, end_date, event_type, project, n)
             WHERE r.event_type IN ('TimelineOpened', 'TimelineRescheduled') ORDER BY r.n
        LOOP
            IF change.event_type = 'TimelineOpened' THEN
                PERFORM 1 FROM public.project_phases ph WHERE ph.project_id = change.project ORDER BY ph.id FOR UPDATE;
                IF change.has_witness AND phaseline.unadopted(change.project)::text
                        IS DISTINCT FROM witnesses[array_position(adopted, change.project)]
                    -- Rows that are there already have been adopted as they stand.
                    OR EXISTS (
                        SELECT FROM (SELECT a.*
                                       FROM ROWS FROM (json_to_recordset(told) AS (phase_id uuid, name text,
                                                start_date date, end_date date, description text, capital_budget numeric,
                                                expense_budget numeric, created_at timestamp, updated_at timestamp),
                                                unnest(event_types), unnest(projects))
                                            AS a (phase_id, name, start_date, end_date, description, capital_budget,
                                                  expense_budget, created_at, updated_at, event_type, project)
                                      WHERE a.event_type = 'PhaseAdopted' AND a.project = change.project) a
                          FULL JOIN (SELECT * FROM public.project_phases WHERE project_id = change.project) ph
                            ON ph.id = a.phase_id
                         WHERE (ph.id, ph.name::text, ph.start_date, ph.end_date, ph.description::text, ph.capital_budget,
                                ph.expense_budget, ph.total_budget, ph.created_at, ph.updated_at)
                               IS DISTINCT FROM
                               (a.phase_id, a.name, a.start_date, a.end_date, a.description, a.capital_budget,
                                a.expense_budget, a.capital_budget + a.expense_budget, a.created_at, a.updated_at))
                THEN
                    RAISE EXCEPTION 'the rows of project % changed while it was being adopted', change.project
                        USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
                END IF;
            END IF;
            PERFORM phaseline.set_project_dates(change.project, change.start_date, change.end_date, utc);
        END LOOP;
    END IF;

    IF repeated THEN
        SELECT m.event_types, m.projects, m.payloads, m.places INTO event_types, projects, payloads, places
          FROM phaseline.merged_events(event_types, projects, payloads, places) m;
        told := '[' || array_to_string(payloads, ',') || ']';
    END IF;
    IF NOT dated THEN
        -- The comparisons with IS NOT DISTINCT FROM have no index, so that the row is looked for at its place.
        WITH found AS (
            UPDATE public.project_phases ph
               SET capital_budget = coalesce(s.capital_budget, ph.capital_budget),
                   expense_budget = coalesce(s.expense_budget, ph.expense_budget),
                   total_budget = coalesce(s.capital_budget + s.expense_budget, ph.total_budget),
                   updated_at = utc, name = coalesce(s.name, ph.name),
                   description = CASE WHEN coalesce(s.described, s.event_type = 'PhaseDescribed') THEN s.description
                                      ELSE ph.description END
              FROM ROWS FROM (json_to_recordset(told) AS (phase_id uuid, described boolean, name text, description text,
                       capital_budget numeric, expense_budget numeric), unnest(event_types), unnest(projects), unnest(places))
                   AS s (phase_id, described, name, description, capital_budget, expense_budget, event_type, project, place)
             WHERE ph.project_id IS NOT DISTINCT FROM s.project
               AND ph.ctid = coalesce(CASE WHEN s.place IS NOT NULL THEN
                                          (SELECT o.ctid FROM public.project_phases o
                                            WHERE o.ctid = s.place AND o.id = s.phase_id AND o.project_id = s.project) END,
                                      (SELECT o.ctid FROM public.project_phases o WHERE o.id = s.phase_id))
               AND ph.id IS NOT DISTINCT FROM s.phase_id
            RETURNING ph.id, ph.ctid
        )
        SELECT cardinality(event_types), count(*), (json_object_agg(found.id, found.ctid) FILTER (WHERE asked))::text
          INTO offered, written, rows_at FROM found;
    ELSE
        WITH said AS MATERIALIZED (
            SELECT s.*, coalesce(s.described, s.event_type IN ('PhaseDescribed', 'PhaseCreated')) AS says_description
              FROM ROWS FROM (json_to_recordset(told) AS (phase_id uuid, described boolean, name text, start_date date,
                       end_date date, description text, capital_budget numeric, expense_budget numeric),
                       unnest(event_types), unnest(projects), unnest(places))
                   AS s (phase_id, described, name, start_date, end_date, description, capital_budget, expense_budget,
                         event_type, project, place)
             WHERE s.phase_id IS NOT NULL AND s.event_type <> 'PhaseAdopted'
        ), gone AS (
            DELETE FROM public.project_phases ph USING said s
             WHERE s.event_type = 'PhaseRemoved' AND ph.id = s.phase_id AND ph.project_id = s.project
        ), found AS (
            UPDATE public.project_phases ph
               SET capital_budget = coalesce(s.capital_budget, ph.capital_budget),
                   expense_budget = coalesce(s.expense_budget, ph.expense_budget),
                   total_budget = coalesce(s.capital_budget + s.expense_budget, ph.total_budget),
                   created_at = CASE s.event_type WHEN 'PhaseCreated' THEN utc ELSE ph.created_at END, updated_at = utc,
                   name = coalesce(s.name, ph.name), start_date = coalesce(s.start_date, ph.start_date),
                   end_date = coalesce(s.end_date, ph.end_date),
                   description = CASE WHEN s.says_description THEN s.description ELSE ph.description END
              FROM said s
             WHERE s.event_type <> 'PhaseRemoved' AND ph.project_id IS NOT DISTINCT FROM s.project
               AND ph.ctid = coalesce(CASE WHEN s.place IS NOT NULL THEN
                                          (SELECT o.ctid FROM public.project_phases o
                                            WHERE o.ctid = s.place AND o.id = s.phase_id AND o.project_id = s.project) END,
                                      (SELECT o.ctid FROM public.project_phases o WHERE o.id = s.phase_id))
               AND ph.id IS NOT DISTINCT FROM s.phase_id
            RETURNING ph.id, ph.ctid
        ), put AS (
            INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
                updated_at, name, start_date, end_date, description)
            SELECT s.project, s.capital_budget, s.expense_budget, s.capital_budget + s.expense_budget, s.phase_id, utc, utc,
                   s.name, s.start_date, s.end_date, s.description
              FROM said s
             WHERE s.event_type = 'PhaseCreated' AND s.phase_id NOT IN (SELECT f.id FROM found f)
            ON CONFLICT (id) DO UPDATE
               SET capital_budget = excluded.capital_budget, expense_budget = excluded.expense_budget,
                   total_budget = excluded.total_budget, created_at = excluded.created_at,
                   updated_at = excluded.updated_at, name = excluded.name, start_date = excluded.start_date,
                   end_date = excluded.end_date, description = excluded.description
             WHERE project_phases.project_id = excluded.project_id
            RETURNING id, ctid
        ), standing AS (SELECT f.id, f.ctid FROM found f UNION ALL SELECT p.id, p.ctid FROM put p)
        SELECT (SELECT count(*) FROM said s WHERE s.event_type <> 'PhaseRemoved'), count(*),
               (json_object_agg(standing.id, standing.ctid) FILTER (WHERE asked))::text
          INTO offered, written, rows_at FROM standing;
    END IF;
    IF written <> offered THEN
        FOR change IN
            SELECT r.project, r.phase_id, ph.id IS NULL AS missing
              FROM ROWS FROM (json_to_recordset(told) AS (phase_id uuid), unnest(event_types), unnest(projects))
                   AS r (phase_id, event_type, project)
              LEFT JOIN public.project_phases ph ON ph.id = r.phase_id
             WHERE r.phase_id IS NOT NULL AND r.event_type NOT IN ('PhaseRemoved', 'PhaseAdopted')
               AND ph.project_id IS DISTINCT FROM r.project LIMIT 1
        LOOP
            RAISE EXCEPTION 'phase % of project % %', change.phase_id, change.project,
                CASE WHEN change.missing THEN 'has no row in project_phases' ELSE 'belongs to another project' END
                USING ERRCODE = CASE WHEN change.missing THEN 'PL003' ELSE 'PL001' END;
        END LOOP;
        RAISE EXCEPTION '% phases changed, % rows written', offered, written
            USING ERRCODE = 'PL003';
    END IF;

    -- A trigger that waits for the end of the transaction would run with the rights of whoever ends it.
    SET CONSTRAINTS ALL IMMEDIATE;

    -- Neighbours meet, and the first and the last day are the project's. Others may have brought rows into disorder before:
    -- that may stay as it is, and not become worse.
    IF dated THEN
        FOR change IN
            SELECT b.project
              FROM json_to_recordset(before) AS b (project uuid, moved boolean, breaks bigint, first_day date, last_day date)
              JOIN LATERAL phaseline.coverage(b.project) c ON true
              JOIN LATERAL phaseline.project_dates(b.project) AS dates ON true
             WHERE c.breaks > b.breaks
                OR ((c.first_day, c.last_day) = ((dates ->> 0)::date, (dates ->> 1)::date)
                    OR NOT b.moved AND (c.first_day, c.last_day) = (b.first_day, b.last_day)) IS NOT TRUE
             LIMIT 1
        LOOP
            RAISE EXCEPTION 'the phases of project % would not cover its days without gap or overlap', change.project
                USING ERRCODE = 'PL003', HINT = 'Nothing was written.';
        END LOOP;
    END IF;
    RETURN rows_at;
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
    -- The lock goes when the block is undone, so that a caller who leaves the transaction open holds up nobody.
    BEGIN
        PERFORM 1 FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
        RAISE EXCEPTION 'the head is free' USING ERRCODE = 'PL009';
    EXCEPTION
        WHEN SQLSTATE 'PL009' THEN RETURN NULL;
    END;
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
           AND p.proname IN ('project_inline', 'merged_events', 'coverage', 'unadopted', 'project_of', 'phases_of',
                             'assignments_of', 'assignment_days', 'assignment_count', 'project_dates', 'lock_projects',
                             'set_project_dates', 'command_obstacle', 'refuse_foreign_triggers')
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
