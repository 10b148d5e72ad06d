-- Folds the log by one query: one row per remaining phase, into a temporary table, so that PostgreSQL can use
-- all its workers. Each value is the last one that an event gave the phase: the greatest of
-- [position, value], which one hash aggregate finds without sorting the rows.
SET LOCAL work_mem = '256MB';

CREATE TEMPORARY TABLE folded ON COMMIT DROP AS
SELECT project_id,
       budget[2]::numeric(15,2) AS capital_budget,
       budget[3]::numeric(15,2) AS expense_budget,
       budget[2]::numeric(15,2) + budget[3]::numeric(15,2) AS total_budget,
       id,
       created_at,
       updated_at,
       name[2] AS name,
       days[2]::date AS start_date,
       days[3]::date AS end_date,
       description[2] AS description
  FROM (SELECT e.stream_id AS project_id,
               v.phase_id AS id,
               min(coalesce(v.created_at, e.recorded_at AT TIME ZONE 'UTC')) AS created_at,
               max(coalesce(v.updated_at, e.recorded_at AT TIME ZONE 'UTC')) AS updated_at,
               max(ARRAY[e.at, v.name]) FILTER (WHERE v.name IS NOT NULL) AS name,
               max(ARRAY[e.at, v.start_date, v.end_date]) FILTER (WHERE v.start_date IS NOT NULL) AS days,
               max(ARRAY[e.at, v.capital_budget, v.expense_budget]) FILTER (WHERE v.capital_budget IS NOT NULL) AS budget,
               max(ARRAY[e.at, v.description])
                   FILTER (WHERE e.event_type IN ('PhaseCreated', 'LegacyPhaseAdopted', 'PhaseDescribed')) AS description,
               bool_or(e.event_type = 'PhaseRemoved') AS removed
          FROM (SELECT stream_id, event_type, recorded_at, payload,
                       lpad(position::text, 12, '0') COLLATE "C" AS at
                  FROM phaseline.events
                 WHERE stream_type = 'Timeline' AND event_type <> 'TimelineOpened') AS e,
               LATERAL json_to_record(e.payload) AS v (phase_id uuid, name text, start_date text, end_date text,
                       capital_budget text, expense_budget text, description text, created_at timestamp,
                       updated_at timestamp)
         GROUP BY e.stream_id, v.phase_id) AS phases
 WHERE NOT removed;
