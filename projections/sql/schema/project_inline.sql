-- The inline projection of public.project_phases: writes what the events of a batch of commands change, in the transaction of the
-- append. Rows follow from the events alone, so that no writer can write any other row.
--   event_types, projects, payloads: the events, in the order of the log, each with its stream's project
--   places:    the known locations (ctid) of their rows, NULL for an unknown one, or NULL as a whole if locations are not used
--   adopted, witnesses: projects that are adopted, and what phaseline.unadopted returned for each when the command was decided
--   repeated:  whether a phase may have several events. A row is written once per batch, however often it is changed.
-- Timestamps come from the log (UTC, no zone, as the planner writes them), never from now().
-- Finding a row by its id also removes dead versions from its pages: nearly all changes are HOT updates. But while a session holds an
-- old snapshot, nothing can be removed, and the index scan reads every version of the row. A caller that detected such a snapshot sends
-- locations with the events, NULL at first, and gets {"phase id": location, ...} of the written rows for the next change. A wrong
-- location is detected, and the row is found by its id. Without locations the result is NULL.
-- Planning each call would take longer than the call, so the plans are generic; phaseline.append, which calls this, has the settings
-- for it.
-- Errors: 40001 if the rows to adopt differ from the events, PL001 if a phase's row belongs to another project, PL003 if a phase has
-- no row, if the phases would not cover their project's dates, or if the project of a closed timeline exists, PL004 if a trigger of
-- others would run with a superuser's privileges.
DROP FUNCTION IF EXISTS phaseline.project_inline(uuid[], text[], timestamptz);
CREATE OR REPLACE FUNCTION phaseline.project_inline(
    event_types text[], projects uuid[], payloads text[], places tid[], adopted uuid[], witnesses text[], repeated boolean,
    recorded_at timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    utc     timestamp := recorded_at AT TIME ZONE 'UTC';
    events_json    json;
    with_places   boolean := places IS NOT NULL;
    opened  boolean := event_types && '{TimelineOpened,TimelineRescheduled}';
    -- Whether a phase may be added, removed, or get other dates.
    dated   boolean := opened OR event_types && '{PhaseResized,PhaseCreated,PhaseRemoved}';
    change  record;
    before  json;
    offered bigint;
    written bigint;
    rows_at text;
BEGIN
    -- TimelineClosed is the only event of its batch and writes no rows: the project was deleted with its phases.
    IF event_types[1] = 'TimelineClosed' THEN
        IF phaseline.deletion_of(projects[1]) IS NULL THEN
            RAISE EXCEPTION 'project % was not deleted, so its timeline is not closed', projects[1] USING ERRCODE = 'PL003';
        END IF;
        RETURN NULL;
    END IF;
    -- Code of others must not run with the rights of a powerful owner. The check costs more than everything else here, so it runs only
    -- if there is something to check: triggers, or PostgreSQL's own triggers of foreign keys that refer to the table.
    LOCK TABLE public.project_phases IN ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_trigger g
                WHERE g.tgrelid = 'public.project_phases'::regclass AND g.tgenabled <> 'D'
                  AND (NOT g.tgisinternal
                       OR g.tgfoid <> ALL (ARRAY['"RI_FKey_check_ins"', '"RI_FKey_check_upd"']::regproc[]))) THEN
        PERFORM phaseline.refuse_foreign_triggers('public.project_phases');
    END IF;
    -- Deferred triggers of that table run below.
    IF opened THEN
        PERFORM phaseline.refuse_foreign_triggers('public.projects');
    END IF;
    -- The most frequent case: one event, which changes one row and no dates. If the row is not found, the code below reports why.
    IF NOT dated AND NOT with_places AND cardinality(event_types) = 1 THEN
        events_json := payloads[1];
        UPDATE public.project_phases ph
           SET capital_budget = coalesce((events_json ->> 'capital_budget')::numeric, ph.capital_budget),
               expense_budget = coalesce((events_json ->> 'expense_budget')::numeric, ph.expense_budget),
               total_budget = coalesce((events_json ->> 'capital_budget')::numeric + (events_json ->> 'expense_budget')::numeric,
                                       ph.total_budget),
               updated_at = utc, name = coalesce(events_json ->> 'name', ph.name),
               description = CASE event_types[1] WHEN 'PhaseDescribed' THEN events_json ->> 'description' ELSE ph.description END
         WHERE ph.id = (events_json ->> 'phase_id')::uuid AND ph.project_id IS NOT DISTINCT FROM projects[1];
        IF FOUND THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            RETURN NULL;
        END IF;
    END IF;
    events_json := '[' || array_to_string(payloads, ',') || ']';
    IF dated THEN
        before := (
            SELECT json_agg(json_build_object('project', d.project, 'moved', d.moved, 'breaks', c.breaks,
                                              'first_day', c.first_day, 'last_day', c.last_day))
              FROM (SELECT e.project, bool_or(e.event_type IN ('TimelineOpened', 'TimelineRescheduled')) AS moved
                      FROM unnest(event_types, projects) AS e (event_type, project)
                     WHERE e.event_type IN ('TimelineOpened', 'TimelineRescheduled', 'PhaseResized', 'PhaseCreated', 'PhaseRemoved')
                     GROUP BY e.project) d
              JOIN LATERAL phaseline.coverage(d.project) c ON true);
    END IF;
    IF opened THEN
        FOR change IN
            SELECT r.*, adopted @> ARRAY[r.project] AS has_witness,
                   row_number() OVER (PARTITION BY r.project ORDER BY r.n DESC) = 1 AS is_last
              FROM ROWS FROM (json_to_recordset(events_json) AS (start_date date, end_date date), unnest(event_types),
                       unnest(projects)) WITH ORDINALITY AS r (start_date, end_date, event_type, project, n)
             WHERE r.event_type IN ('TimelineOpened', 'TimelineRescheduled') ORDER BY r.n
        LOOP
            IF change.event_type = 'TimelineOpened' THEN
                PERFORM 1 FROM public.project_phases ph WHERE ph.project_id = change.project ORDER BY ph.id FOR UPDATE;
                IF change.has_witness AND phaseline.unadopted(change.project)::text
                        IS DISTINCT FROM witnesses[array_position(adopted, change.project)]
                    -- The events must adopt exactly the existing rows.
                    OR EXISTS (
                        SELECT FROM (SELECT a.*
                                       FROM ROWS FROM (json_to_recordset(events_json) AS (phase_id uuid, name text,
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
            IF change.is_last THEN
                PERFORM phaseline.set_project_dates(change.project, change.start_date, change.end_date, utc);
            END IF;
        END LOOP;
    END IF;

    IF repeated THEN
        SELECT m.event_types, m.projects, m.payloads, m.places INTO event_types, projects, payloads, places
          FROM phaseline.merged_events(event_types, projects, payloads, places) m;
        events_json := '[' || array_to_string(payloads, ',') || ']';
    END IF;
    IF NOT dated AND NOT with_places THEN
        UPDATE public.project_phases ph
           SET capital_budget = coalesce(s.capital_budget, ph.capital_budget),
               expense_budget = coalesce(s.expense_budget, ph.expense_budget),
               total_budget = coalesce(s.capital_budget + s.expense_budget, ph.total_budget),
               updated_at = utc, name = coalesce(s.name, ph.name),
               description = CASE WHEN coalesce(s.described, s.event_type = 'PhaseDescribed') THEN s.description
                                  ELSE ph.description END
          FROM ROWS FROM (jsonb_to_recordset(events_json::jsonb) AS (phase_id uuid, described boolean, name text, description text,
                   capital_budget numeric, expense_budget numeric), unnest(event_types), unnest(projects))
               AS s (phase_id, described, name, description, capital_budget, expense_budget, event_type, project)
         WHERE ph.id = s.phase_id AND ph.project_id IS NOT DISTINCT FROM s.project;
        GET DIAGNOSTICS written = ROW_COUNT;
        offered := cardinality(event_types);
    ELSIF NOT dated THEN
        -- The comparisons with IS NOT DISTINCT FROM have no index, so that the row is read at its location.
        WITH updated AS (
            UPDATE public.project_phases ph
               SET capital_budget = coalesce(s.capital_budget, ph.capital_budget),
                   expense_budget = coalesce(s.expense_budget, ph.expense_budget),
                   total_budget = coalesce(s.capital_budget + s.expense_budget, ph.total_budget),
                   updated_at = utc, name = coalesce(s.name, ph.name),
                   description = CASE WHEN coalesce(s.described, s.event_type = 'PhaseDescribed') THEN s.description
                                      ELSE ph.description END
              FROM ROWS FROM (json_to_recordset(events_json) AS (phase_id uuid, described boolean, name text, description text,
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
        SELECT cardinality(event_types), count(*), json_object_agg(updated.id, updated.ctid)::text
          INTO offered, written, rows_at FROM updated;
    ELSE
        WITH command_events AS MATERIALIZED (
            SELECT s.*, coalesce(s.described, s.event_type IN ('PhaseDescribed', 'PhaseCreated')) AS sets_description
              FROM ROWS FROM (json_to_recordset(events_json) AS (phase_id uuid, described boolean, name text, start_date date,
                       end_date date, description text, capital_budget numeric, expense_budget numeric),
                       unnest(event_types), unnest(projects), unnest(places))
                   AS s (phase_id, described, name, start_date, end_date, description, capital_budget, expense_budget,
                         event_type, project, place)
             WHERE s.phase_id IS NOT NULL AND s.event_type <> 'PhaseAdopted'
        ), deleted AS (
            DELETE FROM public.project_phases ph USING command_events s
             WHERE s.event_type = 'PhaseRemoved' AND ph.id = s.phase_id AND ph.project_id = s.project
        ), updated AS (
            UPDATE public.project_phases ph
               SET capital_budget = coalesce(s.capital_budget, ph.capital_budget),
                   expense_budget = coalesce(s.expense_budget, ph.expense_budget),
                   total_budget = coalesce(s.capital_budget + s.expense_budget, ph.total_budget),
                   created_at = CASE s.event_type WHEN 'PhaseCreated' THEN utc ELSE ph.created_at END, updated_at = utc,
                   name = coalesce(s.name, ph.name), start_date = coalesce(s.start_date, ph.start_date),
                   end_date = coalesce(s.end_date, ph.end_date),
                   description = CASE WHEN s.sets_description THEN s.description ELSE ph.description END
              FROM command_events s
             WHERE s.event_type <> 'PhaseRemoved' AND ph.project_id IS NOT DISTINCT FROM s.project
               AND ph.ctid = coalesce(CASE WHEN s.place IS NOT NULL THEN
                                          (SELECT o.ctid FROM public.project_phases o
                                            WHERE o.ctid = s.place AND o.id = s.phase_id AND o.project_id = s.project) END,
                                      (SELECT o.ctid FROM public.project_phases o WHERE o.id = s.phase_id))
               AND ph.id IS NOT DISTINCT FROM s.phase_id
            RETURNING ph.id, ph.ctid
        ), inserted AS (
            INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
                updated_at, name, start_date, end_date, description)
            SELECT s.project, s.capital_budget, s.expense_budget, s.capital_budget + s.expense_budget, s.phase_id, utc, utc,
                   s.name, s.start_date, s.end_date, s.description
              FROM command_events s
             WHERE s.event_type = 'PhaseCreated' AND s.phase_id NOT IN (SELECT u.id FROM updated u)
            ON CONFLICT (id) DO UPDATE
               SET capital_budget = excluded.capital_budget, expense_budget = excluded.expense_budget,
                   total_budget = excluded.total_budget, created_at = excluded.created_at,
                   updated_at = excluded.updated_at, name = excluded.name, start_date = excluded.start_date,
                   end_date = excluded.end_date, description = excluded.description
             WHERE project_phases.project_id = excluded.project_id
            RETURNING id, ctid
        ), rows_written AS (SELECT u.id, u.ctid FROM updated u UNION ALL SELECT i.id, i.ctid FROM inserted i)
        SELECT (SELECT count(*) FROM command_events s WHERE s.event_type <> 'PhaseRemoved'), count(*),
               (json_object_agg(rows_written.id, rows_written.ctid) FILTER (WHERE with_places))::text
          INTO offered, written, rows_at FROM rows_written;
    END IF;
    IF written <> offered THEN
        FOR change IN
            SELECT r.project, r.phase_id, ph.id IS NULL AS missing
              FROM ROWS FROM (json_to_recordset(events_json) AS (phase_id uuid), unnest(event_types), unnest(projects))
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

    -- At the end of the transaction deferred triggers would run with the privileges of the role that ends it.
    SET CONSTRAINTS ALL IMMEDIATE;

    -- Phases must cover the project's dates without gap or overlap. Violations that other programs caused may stay, but a command may
    -- add none.
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
            RAISE EXCEPTION 'the phases of project % would not cover its dates without gap or overlap', change.project
                USING ERRCODE = 'PL003', HINT = 'Nothing was written.';
        END LOOP;
    END IF;
    RETURN rows_at;
END $$;
