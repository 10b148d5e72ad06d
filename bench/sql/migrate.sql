-- The migration as a good administrator would write it: set by set, in one transaction, and keeping what the timeline shape
-- has no place for (each assignment's phase and each phase's type), so that it can be rolled back.
BEGIN;
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '256MB';

CREATE TABLE public.kept_links AS
SELECT id AS assignment_id, project_phase_id FROM public.resource_assignments;
CREATE TABLE public.kept_types AS
SELECT id AS phase_id, phase_type FROM public.project_phases;

-- n phases share the project's days as evenly as whole days allow, by type, then time, then id.
ALTER TABLE public.project_phases
    ADD COLUMN name varchar(100),
    ADD COLUMN start_date date,
    ADD COLUMN end_date date,
    ADD COLUMN description varchar(500);
UPDATE public.project_phases AS ph
   SET name = initcap(ph.phase_type::text),
       start_date = s.start_date + s.k * s.each + least(s.k, s.extra),
       end_date = s.start_date + (s.k + 1) * s.each + least(s.k + 1, s.extra) - 1
  FROM (SELECT f.id, p.start_date, (f.k)::int AS k,
               (p.end_date - p.start_date + 1) / f.n::int AS each,
               (p.end_date - p.start_date + 1) % f.n::int AS extra
          FROM (SELECT id, project_id,
                       row_number() OVER (PARTITION BY project_id ORDER BY phase_type, created_at, id) - 1 AS k,
                       count(*) OVER (PARTITION BY project_id) AS n
                  FROM public.project_phases) AS f
          JOIN public.projects AS p ON p.id = f.project_id) AS s
 WHERE s.id = ph.id;
ALTER TABLE public.project_phases
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN start_date SET NOT NULL,
    ALTER COLUMN end_date SET NOT NULL,
    ADD CONSTRAINT check_phase_dates CHECK (start_date <= end_date),
    DROP COLUMN phase_type;
CREATE INDEX ix_project_phases_start_date ON public.project_phases (start_date);
CREATE INDEX ix_project_phases_end_date ON public.project_phases (end_date);

-- Its index and foreign key go with it.
ALTER TABLE public.resource_assignments DROP COLUMN project_phase_id;
UPDATE public.alembic_version SET version_num = '92023c163a26';
COMMIT;
