-- Rows for a sample legacy database, between the two halves of legacy_schema.sql. Every value is a function of the
-- seed and the row's number, so the same options give the same rows in the same heap order.
--
-- Reads the settings phaseline_sample.seed, phaseline_sample.projects and phaseline_sample.assignments.

CREATE TEMPORARY TABLE sample_options ON COMMIT DROP AS
SELECT current_setting('phaseline_sample.seed')::bigint AS seed,
       current_setting('phaseline_sample.projects')::bigint AS projects,
       current_setting('phaseline_sample.assignments')::bigint AS assignments,
       10 + current_setting('phaseline_sample.projects')::bigint / 5 AS resources;

-- A number in 0 .. choices - 1 for row n; `topic` keeps the choices of one row independent of each other.
CREATE FUNCTION pg_temp.pick(seed bigint, topic bigint, n bigint, choices bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(n, hashint8extended(topic, seed)) & 9223372036854775807) % choices;

-- A version 4 id for row n of a kind.
CREATE FUNCTION pg_temp.row_id(seed bigint, kind text, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN overlay(overlay(md5(concat_ws('/', seed, kind, n)) PLACING '4' FROM 13) PLACING 'a' FROM 17)::uuid;

INSERT INTO public.alembic_version (version_num) VALUES ('976e6adbac6f');

-- Labour rates -------------------------------------------------------------------------------------------------

INSERT INTO public.worker_types (type, description, id, created_at, updated_at)
SELECT t.type, t.description, pg_temp.row_id(o.seed, 'worker type', t.n), t.created_at, t.created_at
  FROM sample_options AS o,
       LATERAL (SELECT w.*, timestamp '2022-01-03 08:00:00.131790' + w.n * interval '1 microsecond' AS created_at
                  FROM (VALUES (1, 'Engineer', 'Builds and runs software'),
                               (2, 'Analyst', 'Specifies requirements and accepts results'),
                               (3, 'Architect', 'Designs systems across projects'),
                               (4, 'Project Manager', 'Plans and reports')) AS w (n, type, description)) AS t
 ORDER BY t.n;

INSERT INTO public.rates (worker_type_id, rate_amount, start_date, end_date, id, created_at, updated_at)
SELECT pg_temp.row_id(o.seed, 'worker type', n),
       600 + 50 * pg_temp.pick(o.seed, 10, n, 10) + 45.50 * y,
       make_date((2021 + y)::int, 1, 1),
       CASE y WHEN 1 THEN date '2022-12-31' END,
       pg_temp.row_id(o.seed, 'rate', 2 * n + y),
       timestamp '2022-01-03 08:00:00.145712' + (2 * n + y) * interval '1 microsecond',
       timestamp '2022-01-03 08:00:00.145713' + (2 * n + y) * interval '1 microsecond'
  FROM sample_options AS o, generate_series(1, 4) AS n, generate_series(1, 2) AS y
 ORDER BY n, y;

-- Resources: four of five are people, each with a worker of the same number -----------------------------------

INSERT INTO public.resources (name, resource_type, description, id, created_at, updated_at)
SELECT CASE WHEN n % 5 = 0
            THEN (ARRAY['Cloud Hosting', 'Software Licences', 'Server Hardware', 'Test Devices'])[1 + n / 5 % 4]
                 || ' ' || n
            ELSE 'Worker ' || n END,
       (CASE WHEN n % 5 = 0 THEN 'NON_LABOR' ELSE 'LABOR' END)::public.resourcetype,
       CASE WHEN n % 3 <> 0 THEN 'Resource ' || n || ' of the sample' END,
       pg_temp.row_id(o.seed, 'resource', n),
       timestamp '2022-01-03 08:00:01.166468' + n * interval '1 microsecond',
       timestamp '2022-01-03 08:00:01.166473' + n * interval '1 microsecond'
  FROM sample_options AS o, generate_series(1, o.resources) AS n
 ORDER BY n;

INSERT INTO public.workers (worker_type_id, external_id, name, id, created_at, updated_at)
SELECT pg_temp.row_id(o.seed, 'worker type', 1 + pg_temp.pick(o.seed, 11, n, 4)),
       'EMP' || lpad(n::text, 6, '0'),
       'Worker ' || n,
       pg_temp.row_id(o.seed, 'worker', n),
       timestamp '2022-01-03 08:00:01.159738' + n * interval '1 microsecond',
       timestamp '2022-01-03 08:00:01.159744' + n * interval '1 microsecond'
  FROM sample_options AS o, generate_series(1, o.resources) AS n
 WHERE n % 5 <> 0
 ORDER BY n;

-- Projects -----------------------------------------------------------------------------------------------------
-- Of a hundred: 76 with both phases (one of them two days long), 15 with EXECUTION alone, 6 with PLANNING alone,
-- 2 with two EXECUTION, 1 with PLANNING and two EXECUTION. `boundary` is the day on which the work actually went from
-- planning to execution, which the planner does not record.

CREATE TEMPORARY TABLE sample_projects ON COMMIT DROP AS
SELECT p.n, p.shape,
       pg_temp.row_id(o.seed, 'project', p.n) AS id,
       s.start_date,
       d.days,
       d.days * (10 + pg_temp.pick(o.seed, 22, p.n, 36)) / 100 AS boundary,
       CASE p.shape WHEN 'one execution' THEN ARRAY['EXECUTION']
                    WHEN 'one planning' THEN ARRAY['PLANNING']
                    WHEN 'two executions' THEN ARRAY['EXECUTION', 'EXECUTION']
                    WHEN 'three' THEN ARRAY['PLANNING', 'EXECUTION', 'EXECUTION']
                    ELSE ARRAY['PLANNING', 'EXECUTION'] END::public.phasetype[] AS phase_types,
       s.start_date - pg_temp.pick(o.seed, 23, p.n, 5000000000000) * interval '1 microsecond' AS created_at
  FROM sample_options AS o,
       LATERAL (SELECT n, CASE WHEN s.slot < 15 THEN 'one execution'
                               WHEN s.slot < 21 THEN 'one planning'
                               WHEN s.slot < 23 THEN 'two executions'
                               WHEN s.slot < 24 THEN 'three'
                               WHEN s.slot < 25 THEN 'two days'
                               ELSE 'both' END AS shape
                  FROM generate_series(1, o.projects) AS n,
                       LATERAL (SELECT (n * 37 + pg_temp.pick(o.seed, 24, 0, 100)) % 100 AS slot) AS s) AS p,
       LATERAL (SELECT CASE p.shape WHEN 'two days' THEN 2
                                    ELSE 45 + pg_temp.pick(o.seed, 21, p.n, 700) END AS days) AS d,
       LATERAL (SELECT date '2022-03-07' + pg_temp.pick(o.seed, 20, p.n, 1100)::int AS start_date) AS s;
ALTER TABLE sample_projects ADD PRIMARY KEY (n);
ANALYZE sample_projects;

INSERT INTO public.programs (name, business_sponsor, program_manager, technical_lead, start_date, end_date,
                             description, id, created_at, updated_at)
SELECT (ARRAY['Customer', 'Supply Chain', 'Finance', 'Platform', 'Field Service', 'Data'])[1 + g.n % 6]
           || ' Programme ' || g.n,
       'Business sponsor ' || g.n, 'Program manager ' || g.n, 'Technical lead ' || g.n,
       g.start_date, g.end_date,
       CASE WHEN g.n % 4 <> 0 THEN 'Projects that share a budget line' END,
       pg_temp.row_id(o.seed, 'program', g.n),
       timestamp '2022-01-04 08:58:33.096135' + g.n * interval '1 microsecond',
       timestamp '2022-01-04 08:58:33.096141' + g.n * interval '1 microsecond'
  FROM sample_options AS o,
       (SELECT 1 + (n - 1) / 25 AS n, min(start_date) AS start_date, max(start_date + days::int - 1) AS end_date
          FROM sample_projects GROUP BY 1) AS g
 ORDER BY g.n;

INSERT INTO public.projects (program_id, name, business_sponsor, project_manager, technical_lead, start_date,
                             end_date, cost_center_code, description, id, created_at, updated_at)
SELECT pg_temp.row_id(o.seed, 'program', 1 + (p.n - 1) / 25),
       (ARRAY['Billing', 'Customer Portal', 'Warehouse', 'Order Intake', 'Reporting', 'Identity', 'Mobile App',
              'Data Centre', 'Contract Archive', 'Pricing'])[1 + pg_temp.pick(o.seed, 30, p.n, 10)] || ' '
           || (ARRAY['Migration', 'Redesign', 'Rollout', 'Consolidation', 'Upgrade', 'Pilot', 'Replacement']
              )[1 + pg_temp.pick(o.seed, 31, p.n, 7)] || ' ' || p.n,
       'Business sponsor ' || 1 + (p.n - 1) / 25,
       'Project manager ' || 1 + pg_temp.pick(o.seed, 32, p.n, 200),
       'Technical lead ' || 1 + pg_temp.pick(o.seed, 33, p.n, 200),
       p.start_date, p.start_date + p.days::int - 1,
       'CC-' || lpad(p.n::text, 6, '0'),
       CASE WHEN p.n % 5 <> 0 THEN 'Sample project ' || p.n END,
       p.id, p.created_at, p.created_at + (1 + p.n % 5) * interval '1 microsecond'
  FROM sample_options AS o, sample_projects AS p
 ORDER BY p.n;

-- The two EXECUTION of a project have the same created_at: only their ids distinguish them.
INSERT INTO public.project_phases (project_id, phase_type, capital_budget, expense_budget, total_budget, id,
                                   created_at, updated_at)
SELECT p.id, p.phase_types[k], b.capital, b.expense, b.capital + b.expense,
       pg_temp.row_id(o.seed, 'phase', 4 * p.n + k),
       t.created_at,
       t.created_at + CASE WHEN pg_temp.pick(o.seed, 43, 4 * p.n + k, 4) = 0
                           THEN (1 + pg_temp.pick(o.seed, 44, 4 * p.n + k, 100000000)) * interval '31 milliseconds'
                           ELSE interval '1 microsecond' END
  FROM sample_options AS o, sample_projects AS p, generate_series(1, cardinality(p.phase_types)) AS k,
       LATERAL (SELECT CASE WHEN pg_temp.pick(o.seed, 40, 4 * p.n + k, 20) = 0 THEN 0.00
                            ELSE (100000 + pg_temp.pick(o.seed, 41, 4 * p.n + k, 50000000)) / 100.00 END AS capital,
                       pg_temp.pick(o.seed, 42, 4 * p.n + k, 30000000) / 100.00 AS expense) AS b,
       LATERAL (SELECT p.created_at + CASE WHEN p.shape = 'two executions' THEN 11 ELSE 10 + k END
                                      * interval '1 microsecond' AS created_at) AS t
 ORDER BY p.n, k;

-- Assignments --------------------------------------------------------------------------------------------------
-- A booking is one resource on one phase for ten days in a row. Most bookings are on their phase's side of the project's
-- boundary, one in twelve is not; one in fourteen repeats the previous booking in the other
-- phase (same resource, same days); one in twenty-five is before or after its project, and some end after it.

CREATE TEMPORARY TABLE sample_bookings ON COMMIT DROP AS
SELECT b.n, p.id AS project_id,
       pg_temp.row_id(o.seed, 'phase', 4 * p.n + CASE WHEN cardinality(p.phase_types) = 1 THEN 1
           WHEN (s.is_early <> s.is_astray) <> b.is_repeat THEN 1
           ELSE 2 + pg_temp.pick(o.seed, 51, b.n, cardinality(p.phase_types) - 1) END) AS project_phase_id,
       r.resource, pg_temp.row_id(o.seed, 'resource', r.resource) AS resource_id,
       p.start_date + s.first_day::int AS start_date,
       (ARRAY[100, 80, 75, 50, 25, 12.5])[1 + pg_temp.pick(o.seed, 53, b.n, 6)] AS allocation,
       (ARRAY[60, 70, 40, 0, 100, 33.33])[1 + pg_temp.pick(o.seed, 54, b.n, 6)] AS capital,
       p.created_at + pg_temp.pick(o.seed, 55, b.n, 20000000000000) * interval '1 microsecond' AS created_at
  FROM sample_options AS o,
       sample_projects AS p,
       LATERAL (SELECT n, r.is_repeat, CASE WHEN r.is_repeat THEN n - 1 ELSE n END AS source
                  FROM generate_series(0, (o.assignments + 9) / 10 - 1) AS n,
                       LATERAL (SELECT n > 0 AND pg_temp.pick(o.seed, 50, n, 14) = 0 AS is_repeat) AS r) AS b,
       LATERAL (SELECT pg_temp.pick(o.seed, 57, b.source, p.days) AS inside,
                       pg_temp.pick(o.seed, 58, b.source, 50) AS place) AS i,
       LATERAL (SELECT d.first_day, d.first_day < p.boundary AS is_early,
                       pg_temp.pick(o.seed, 59, b.source, 12) = 0 AS is_astray
                  FROM (SELECT CASE i.place WHEN 0 THEN -15 - i.inside % 60
                                            WHEN 1 THEN p.days + i.inside % 90
                                            ELSE i.inside END AS first_day) AS d) AS s,
       LATERAL (SELECT 1 + pg_temp.pick(o.seed, 52, b.source, o.resources) AS resource) AS r
 WHERE p.n = 1 + pg_temp.pick(o.seed, 56, b.source, o.projects);
ALTER TABLE sample_bookings ADD PRIMARY KEY (n);
ANALYZE sample_bookings;

INSERT INTO public.resource_assignments (resource_id, project_id, project_phase_id, assignment_date,
                                         allocation_percentage, capital_percentage, expense_percentage, id,
                                         created_at, updated_at)
SELECT b.resource_id, b.project_id, b.project_phase_id,
       b.start_date + ((day.n - 1) % 10)::int,
       b.allocation, b.capital, 100 - b.capital,
       pg_temp.row_id(o.seed, 'assignment', day.n),
       t.created_at,
       t.created_at + CASE WHEN pg_temp.pick(o.seed, 60, day.n, 20) = 0
                           THEN (1 + pg_temp.pick(o.seed, 61, day.n, 100000000)) * interval '17 milliseconds'
                           ELSE day.n % 4 * interval '1 microsecond' END
  FROM sample_options AS o, sample_bookings AS b,
       generate_series(b.n * 10 + 1, least(b.n * 10 + 10, o.assignments)) AS day (n),
       LATERAL (SELECT b.created_at + day.n % 10 * interval '1 microsecond' AS created_at) AS t
 ORDER BY day.n;

-- Actuals: a tenth of the days of bookings of people; one in fifty refers to no assignment.
INSERT INTO public.actuals (project_id, resource_assignment_id, external_worker_id, worker_name, actual_date,
                            allocation_percentage, actual_cost, capital_amount, expense_amount, id, created_at,
                            updated_at)
SELECT b.project_id,
       CASE WHEN b.n % 50 <> 7 THEN pg_temp.row_id(o.seed, 'assignment', a.n) END,
       'EMP' || lpad(b.resource::text, 6, '0'), 'Worker ' || b.resource,
       b.start_date + a.day::int,
       b.allocation, c.cost, c.capital, c.cost - c.capital,
       pg_temp.row_id(o.seed, 'actual', a.n), t.created_at, t.created_at + interval '1 microsecond'
  FROM sample_options AS o, sample_bookings AS b,
       LATERAL (SELECT d.day, b.n * 10 + 1 + d.day AS n
                  FROM (SELECT pg_temp.pick(o.seed, 70, b.n, 10) AS day) AS d) AS a,
       LATERAL (SELECT k.cost, round(k.cost * b.capital / 100, 2) AS capital
                  FROM (SELECT (6000 + pg_temp.pick(o.seed, 71, b.n, 120000)) / 100.00 AS cost) AS k) AS c,
       LATERAL (SELECT b.created_at + (b.n % 1000) * interval '1 second' AS created_at) AS t
 WHERE b.resource % 5 <> 0 AND a.n <= o.assignments
 ORDER BY b.n;

DROP FUNCTION pg_temp.row_id(bigint, text, bigint);
DROP FUNCTION pg_temp.pick(bigint, bigint, bigint, bigint);
