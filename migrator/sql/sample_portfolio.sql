-- Gives the projects of a generated sample names, people and dates. Assignments and actuals move with their project and keep their
-- distance from its dates.
--
-- Reads the settings phaseline_sample.portfolio (the projects in order, a JSON array) and phaseline_sample.today.

CREATE TEMPORARY TABLE sample_given ON COMMIT DROP AS
SELECT p.id, g.name, g.business_sponsor, g.project_manager, g.technical_lead, g.description, g.start_date, g.end_date,
       g.end_date - g.start_date + 1 AS days,
       p.start_date AS old_start, p.end_date - p.start_date + 1 AS old_days
  FROM (SELECT e.n, r.*
          FROM json_array_elements(current_setting('phaseline_sample.portfolio')::json) WITH ORDINALITY AS e (project, n),
               json_to_record(e.project) AS r (name text, business_sponsor text, project_manager text, technical_lead text,
                                               description text, start_date date, end_date date)) AS g
  JOIN public.projects AS p ON p.cost_center_code = 'CC-' || lpad(g.n::text, 6, '0');
ALTER TABLE sample_given ADD PRIMARY KEY (id);
ANALYZE sample_given;

-- The day of a project that takes the place of a day before; one inside the project stays inside.
CREATE FUNCTION pg_temp.moved(day date, given sample_given) RETURNS date
    LANGUAGE sql IMMUTABLE
    RETURN given.start_date + CASE WHEN day < given.old_start THEN day - given.old_start
                                   WHEN day < given.old_start + given.old_days THEN (day - given.old_start) % given.days
                                   ELSE given.days + (day - given.old_start - given.old_days) END;

UPDATE public.resource_assignments AS a SET assignment_date = pg_temp.moved(a.assignment_date, g)
  FROM sample_given AS g WHERE g.id = a.project_id;
UPDATE public.actuals AS a SET actual_date = pg_temp.moved(a.actual_date, g)
  FROM sample_given AS g WHERE g.id = a.project_id;

-- Rows were created before their project began, and before today.
UPDATE public.project_phases AS f
   SET created_at = f.created_at + m.moved, updated_at = least(f.updated_at + m.moved, m.today)
  FROM (SELECT p.id, t.today,
               least(p.created_at + (g.start_date - g.old_start) * interval '1 day', t.today - interval '90 days')
                   - p.created_at AS moved
          FROM sample_given AS g JOIN public.projects AS p ON p.id = g.id,
               (SELECT current_setting('phaseline_sample.today')::timestamp AS today) AS t) AS m
 WHERE m.id = f.project_id;

UPDATE public.projects AS p
   SET name = g.name, business_sponsor = g.business_sponsor, project_manager = g.project_manager,
       technical_lead = g.technical_lead, description = g.description, start_date = g.start_date, end_date = g.end_date,
       created_at = p.created_at + m.moved, updated_at = p.updated_at + m.moved
  FROM sample_given AS g
  JOIN LATERAL (SELECT q.id, least(q.created_at + (g.start_date - g.old_start) * interval '1 day',
                             current_setting('phaseline_sample.today')::timestamp - interval '90 days') - q.created_at AS moved
                  FROM public.projects AS q WHERE q.id = g.id) AS m ON true
 WHERE g.id = p.id;

UPDATE public.programs AS r SET start_date = s.start_date, end_date = s.end_date
  FROM (SELECT program_id, min(start_date) AS start_date, max(end_date) AS end_date FROM public.projects GROUP BY 1) AS s
 WHERE s.program_id = r.id;

DROP FUNCTION pg_temp.moved(date, sample_given);
