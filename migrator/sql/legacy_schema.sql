-- The legacy planner's schema at revision 976e6adbac6f: the tables that concern a project's timeline, with the
-- planner's own names, column order, types, checks, keys and indexes. Its accounts and audit tables are left out.
--
-- Two halves, separated by the line "-- After loading": first the tables, then, after the rows are in, keys and indexes.
-- No column has a default, and every foreign key is NO ACTION and not deferrable, as in the planner.

CREATE TYPE public.phasetype AS ENUM ('PLANNING', 'EXECUTION');
CREATE TYPE public.resourcetype AS ENUM ('LABOR', 'NON_LABOR');

CREATE TABLE public.alembic_version (
    version_num varchar(32) NOT NULL
);

CREATE TABLE public.programs (
    name varchar(255) NOT NULL,
    business_sponsor varchar(255) NOT NULL,
    program_manager varchar(255) NOT NULL,
    technical_lead varchar(255) NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    description varchar(1000),
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_program_dates CHECK (start_date < end_date)
);

CREATE TABLE public.projects (
    program_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    business_sponsor varchar(255) NOT NULL,
    project_manager varchar(255) NOT NULL,
    technical_lead varchar(255) NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    cost_center_code varchar(50) NOT NULL,
    description varchar(1000),
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_project_dates CHECK (start_date < end_date)
);

CREATE TABLE public.project_phases (
    project_id uuid NOT NULL,
    phase_type public.phasetype NOT NULL,
    capital_budget numeric(15,2) NOT NULL,
    expense_budget numeric(15,2) NOT NULL,
    total_budget numeric(15,2) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_budget_sum CHECK (capital_budget + expense_budget = total_budget),
    CONSTRAINT check_capital_budget_positive CHECK (capital_budget >= 0),
    CONSTRAINT check_expense_budget_positive CHECK (expense_budget >= 0),
    CONSTRAINT check_total_budget_positive CHECK (total_budget >= 0)
);

CREATE TABLE public.resources (
    name varchar(255) NOT NULL,
    resource_type public.resourcetype NOT NULL,
    description varchar(1000),
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE TABLE public.resource_assignments (
    resource_id uuid NOT NULL,
    project_id uuid NOT NULL,
    project_phase_id uuid NOT NULL,
    assignment_date date NOT NULL,
    allocation_percentage numeric(5,2) NOT NULL,
    capital_percentage numeric(5,2) NOT NULL,
    expense_percentage numeric(5,2) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_accounting_split CHECK (capital_percentage + expense_percentage = 100),
    CONSTRAINT check_allocation_percentage CHECK (allocation_percentage >= 0 AND allocation_percentage <= 100),
    CONSTRAINT check_capital_percentage CHECK (capital_percentage >= 0 AND capital_percentage <= 100),
    CONSTRAINT check_expense_percentage CHECK (expense_percentage >= 0 AND expense_percentage <= 100)
);

CREATE TABLE public.actuals (
    project_id uuid NOT NULL,
    resource_assignment_id uuid,
    external_worker_id varchar(100) NOT NULL,
    worker_name varchar(255) NOT NULL,
    actual_date date NOT NULL,
    allocation_percentage numeric(5,2) NOT NULL,
    actual_cost numeric(15,2) NOT NULL,
    capital_amount numeric(15,2) NOT NULL,
    expense_amount numeric(15,2) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_actual_allocation_percentage
        CHECK (allocation_percentage >= 0 AND allocation_percentage <= 100),
    CONSTRAINT check_actual_cost_positive CHECK (actual_cost >= 0),
    CONSTRAINT check_actual_cost_split CHECK (capital_amount + expense_amount = actual_cost),
    CONSTRAINT check_capital_amount_positive CHECK (capital_amount >= 0),
    CONSTRAINT check_expense_amount_positive CHECK (expense_amount >= 0)
);

CREATE TABLE public.worker_types (
    type varchar(100) NOT NULL,
    description varchar(1000) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE TABLE public.workers (
    worker_type_id uuid NOT NULL,
    external_id varchar(100) NOT NULL,
    name varchar(255) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE TABLE public.rates (
    worker_type_id uuid NOT NULL,
    rate_amount numeric(15,2) NOT NULL,
    start_date date NOT NULL,
    end_date date,
    id uuid NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    CONSTRAINT check_rate_dates CHECK (end_date IS NULL OR start_date < end_date),
    CONSTRAINT check_rate_positive CHECK (rate_amount > 0)
);

-- After loading

ALTER TABLE public.alembic_version ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE public.programs ADD CONSTRAINT programs_pkey PRIMARY KEY (id);
ALTER TABLE public.projects ADD CONSTRAINT projects_pkey PRIMARY KEY (id);
ALTER TABLE public.project_phases ADD CONSTRAINT project_phases_pkey PRIMARY KEY (id);
ALTER TABLE public.resources ADD CONSTRAINT resources_pkey PRIMARY KEY (id);
ALTER TABLE public.resource_assignments ADD CONSTRAINT resource_assignments_pkey PRIMARY KEY (id);
ALTER TABLE public.actuals ADD CONSTRAINT actuals_pkey PRIMARY KEY (id);
ALTER TABLE public.worker_types ADD CONSTRAINT worker_types_pkey PRIMARY KEY (id);
ALTER TABLE public.workers ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
ALTER TABLE public.rates ADD CONSTRAINT rates_pkey PRIMARY KEY (id);

CREATE INDEX ix_programs_id ON public.programs (id);
CREATE INDEX ix_programs_name ON public.programs (name);

CREATE UNIQUE INDEX ix_projects_cost_center_code ON public.projects (cost_center_code);
CREATE INDEX ix_projects_id ON public.projects (id);
CREATE INDEX ix_projects_name ON public.projects (name);
CREATE INDEX ix_projects_program_id ON public.projects (program_id);

CREATE INDEX ix_project_phases_id ON public.project_phases (id);
CREATE INDEX ix_project_phases_project_id ON public.project_phases (project_id);

CREATE INDEX ix_resources_id ON public.resources (id);
CREATE INDEX ix_resources_name ON public.resources (name);
CREATE INDEX ix_resources_resource_type ON public.resources (resource_type);

CREATE INDEX ix_resource_assignments_assignment_date ON public.resource_assignments (assignment_date);
CREATE INDEX ix_resource_assignments_id ON public.resource_assignments (id);
CREATE INDEX ix_resource_assignments_project_date ON public.resource_assignments (project_id, assignment_date);
CREATE INDEX ix_resource_assignments_project_id ON public.resource_assignments (project_id);
CREATE INDEX ix_resource_assignments_project_phase_id ON public.resource_assignments (project_phase_id);
CREATE INDEX ix_resource_assignments_resource_date ON public.resource_assignments (resource_id, assignment_date);
CREATE INDEX ix_resource_assignments_resource_id ON public.resource_assignments (resource_id);

CREATE INDEX ix_actuals_actual_date ON public.actuals (actual_date);
CREATE INDEX ix_actuals_external_worker_id ON public.actuals (external_worker_id);
CREATE INDEX ix_actuals_id ON public.actuals (id);
CREATE INDEX ix_actuals_project_date ON public.actuals (project_id, actual_date);
CREATE INDEX ix_actuals_project_id ON public.actuals (project_id);
CREATE INDEX ix_actuals_resource_assignment_id ON public.actuals (resource_assignment_id);
CREATE INDEX ix_actuals_worker_date ON public.actuals (external_worker_id, actual_date);

CREATE INDEX ix_worker_types_id ON public.worker_types (id);
CREATE UNIQUE INDEX ix_worker_types_type ON public.worker_types (type);

CREATE UNIQUE INDEX ix_workers_external_id ON public.workers (external_id);
CREATE INDEX ix_workers_id ON public.workers (id);
CREATE INDEX ix_workers_name ON public.workers (name);
CREATE INDEX ix_workers_worker_type_id ON public.workers (worker_type_id);

CREATE INDEX ix_rates_end_date ON public.rates (end_date);
CREATE INDEX ix_rates_id ON public.rates (id);
CREATE INDEX ix_rates_start_date ON public.rates (start_date);
CREATE INDEX ix_rates_worker_type_dates ON public.rates (worker_type_id, start_date, end_date);
CREATE INDEX ix_rates_worker_type_id ON public.rates (worker_type_id);

ALTER TABLE public.projects
    ADD CONSTRAINT projects_program_id_fkey FOREIGN KEY (program_id) REFERENCES public.programs (id);
ALTER TABLE public.project_phases
    ADD CONSTRAINT project_phases_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id);
ALTER TABLE public.resource_assignments
    ADD CONSTRAINT resource_assignments_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id),
    ADD CONSTRAINT resource_assignments_project_phase_id_fkey
        FOREIGN KEY (project_phase_id) REFERENCES public.project_phases (id),
    ADD CONSTRAINT resource_assignments_resource_id_fkey
        FOREIGN KEY (resource_id) REFERENCES public.resources (id);
ALTER TABLE public.actuals
    ADD CONSTRAINT actuals_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id),
    ADD CONSTRAINT actuals_resource_assignment_id_fkey
        FOREIGN KEY (resource_assignment_id) REFERENCES public.resource_assignments (id);
ALTER TABLE public.workers
    ADD CONSTRAINT workers_worker_type_id_fkey FOREIGN KEY (worker_type_id) REFERENCES public.worker_types (id);
ALTER TABLE public.rates
    ADD CONSTRAINT rates_worker_type_id_fkey FOREIGN KEY (worker_type_id) REFERENCES public.worker_types (id);
