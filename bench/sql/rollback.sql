-- The rollback as a good administrator would write it: both tables rewritten once, with their columns in the old
-- order, and indexed after the rows are in. An UPDATE would leave two versions of every row and fill eight indexes row
-- by row.
BEGIN;
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '256MB';
LOCK TABLE public.project_phases, public.resource_assignments IN ACCESS EXCLUSIVE MODE;
ANALYZE public.kept_links;
ANALYZE public.kept_types;

CREATE TABLE public.old_phases AS
SELECT ph.project_id, k.phase_type, ph.capital_budget, ph.expense_budget, ph.total_budget, ph.id, ph.created_at,
       ph.updated_at
  FROM public.project_phases AS ph JOIN public.kept_types AS k ON k.phase_id = ph.id;
CREATE TABLE public.old_assignments AS
SELECT a.resource_id, a.project_id, k.project_phase_id, a.assignment_date, a.allocation_percentage,
       a.capital_percentage, a.expense_percentage, a.id, a.created_at, a.updated_at
  FROM public.resource_assignments AS a JOIN public.kept_links AS k ON k.assignment_id = a.id;

ALTER TABLE public.actuals DROP CONSTRAINT actuals_resource_assignment_id_fkey;
DROP TABLE public.resource_assignments, public.project_phases;
ALTER TABLE public.old_phases RENAME TO project_phases;
ALTER TABLE public.old_assignments RENAME TO resource_assignments;

ALTER TABLE public.project_phases
    ALTER COLUMN project_id SET NOT NULL,
    ALTER COLUMN phase_type SET NOT NULL,
    ALTER COLUMN capital_budget SET NOT NULL,
    ALTER COLUMN expense_budget SET NOT NULL,
    ALTER COLUMN total_budget SET NOT NULL,
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT check_budget_sum CHECK (capital_budget + expense_budget = total_budget),
    ADD CONSTRAINT check_capital_budget_positive CHECK (capital_budget >= 0),
    ADD CONSTRAINT check_expense_budget_positive CHECK (expense_budget >= 0),
    ADD CONSTRAINT check_total_budget_positive CHECK (total_budget >= 0),
    ADD CONSTRAINT project_phases_pkey PRIMARY KEY (id),
    ADD CONSTRAINT project_phases_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id);
CREATE INDEX ix_project_phases_id ON public.project_phases (id);
CREATE INDEX ix_project_phases_project_id ON public.project_phases (project_id);

ALTER TABLE public.resource_assignments
    ALTER COLUMN resource_id SET NOT NULL,
    ALTER COLUMN project_id SET NOT NULL,
    ALTER COLUMN project_phase_id SET NOT NULL,
    ALTER COLUMN assignment_date SET NOT NULL,
    ALTER COLUMN allocation_percentage SET NOT NULL,
    ALTER COLUMN capital_percentage SET NOT NULL,
    ALTER COLUMN expense_percentage SET NOT NULL,
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT check_accounting_split CHECK (capital_percentage + expense_percentage = 100),
    ADD CONSTRAINT check_allocation_percentage CHECK (allocation_percentage >= 0 AND allocation_percentage <= 100),
    ADD CONSTRAINT check_capital_percentage CHECK (capital_percentage >= 0 AND capital_percentage <= 100),
    ADD CONSTRAINT check_expense_percentage CHECK (expense_percentage >= 0 AND expense_percentage <= 100),
    ADD CONSTRAINT resource_assignments_pkey PRIMARY KEY (id);
CREATE INDEX ix_resource_assignments_assignment_date ON public.resource_assignments (assignment_date);
CREATE INDEX ix_resource_assignments_id ON public.resource_assignments (id);
CREATE INDEX ix_resource_assignments_project_date ON public.resource_assignments (project_id, assignment_date);
CREATE INDEX ix_resource_assignments_project_id ON public.resource_assignments (project_id);
CREATE INDEX ix_resource_assignments_project_phase_id ON public.resource_assignments (project_phase_id);
CREATE INDEX ix_resource_assignments_resource_date ON public.resource_assignments (resource_id, assignment_date);
CREATE INDEX ix_resource_assignments_resource_id ON public.resource_assignments (resource_id);
ALTER TABLE public.resource_assignments
    ADD CONSTRAINT resource_assignments_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id),
    ADD CONSTRAINT resource_assignments_project_phase_id_fkey
        FOREIGN KEY (project_phase_id) REFERENCES public.project_phases (id),
    ADD CONSTRAINT resource_assignments_resource_id_fkey
        FOREIGN KEY (resource_id) REFERENCES public.resources (id);
ALTER TABLE public.actuals ADD CONSTRAINT actuals_resource_assignment_id_fkey
    FOREIGN KEY (resource_assignment_id) REFERENCES public.resource_assignments (id);

DROP TABLE public.kept_links, public.kept_types;
UPDATE public.alembic_version SET version_num = '976e6adbac6f';
COMMIT;
