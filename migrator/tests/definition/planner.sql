-- The part of the planner's schema at 976e6adbac6f that the migration touches, with a few rows.
CREATE TYPE public.phasetype AS ENUM ('PLANNING', 'EXECUTION');
CREATE TABLE public.projects (
    name character varying(255) NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    id uuid CONSTRAINT projects_pkey PRIMARY KEY,
    CONSTRAINT check_project_dates CHECK (start_date < end_date)
);
CREATE TABLE public.resources (name character varying(255) NOT NULL, id uuid CONSTRAINT resources_pkey PRIMARY KEY);
CREATE TABLE public.project_phases (
    project_id uuid NOT NULL,
    phase_type public.phasetype NOT NULL,
    capital_budget numeric(15,2) NOT NULL,
    expense_budget numeric(15,2) NOT NULL,
    total_budget numeric(15,2) NOT NULL,
    id uuid NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    CONSTRAINT check_budget_sum CHECK (capital_budget + expense_budget = total_budget),
    CONSTRAINT check_capital_budget_positive CHECK (capital_budget >= 0),
    CONSTRAINT check_expense_budget_positive CHECK (expense_budget >= 0),
    CONSTRAINT check_total_budget_positive CHECK (total_budget >= 0)
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
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    CONSTRAINT check_accounting_split CHECK (capital_percentage + expense_percentage = 100)
);
CREATE TABLE public.actuals (
    resource_assignment_id uuid,
    actual_cost numeric(15,2) NOT NULL,
    id uuid CONSTRAINT actuals_pkey PRIMARY KEY
);
ALTER TABLE ONLY public.project_phases ADD CONSTRAINT project_phases_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.resource_assignments ADD CONSTRAINT resource_assignments_pkey PRIMARY KEY (id);
CREATE INDEX ix_project_phases_id ON public.project_phases (id);
CREATE INDEX ix_project_phases_project_id ON public.project_phases (project_id);
CREATE INDEX ix_resource_assignments_id ON public.resource_assignments (id);
CREATE INDEX ix_resource_assignments_project_id ON public.resource_assignments (project_id);
CREATE INDEX ix_resource_assignments_project_phase_id ON public.resource_assignments (project_phase_id);
CREATE INDEX ix_resource_assignments_resource_id ON public.resource_assignments (resource_id);
ALTER TABLE public.project_phases ADD CONSTRAINT project_phases_project_id_fkey
    FOREIGN KEY (project_id) REFERENCES public.projects (id);
ALTER TABLE public.resource_assignments ADD CONSTRAINT resource_assignments_project_id_fkey
    FOREIGN KEY (project_id) REFERENCES public.projects (id);
ALTER TABLE public.resource_assignments ADD CONSTRAINT resource_assignments_project_phase_id_fkey
    FOREIGN KEY (project_phase_id) REFERENCES public.project_phases (id);
ALTER TABLE public.resource_assignments ADD CONSTRAINT resource_assignments_resource_id_fkey
    FOREIGN KEY (resource_id) REFERENCES public.resources (id);
ALTER TABLE public.actuals ADD CONSTRAINT actuals_resource_assignment_id_fkey
    FOREIGN KEY (resource_assignment_id) REFERENCES public.resource_assignments (id);

INSERT INTO public.projects SELECT 'p' || i, '2025-01-01', '2025-12-31', md5('project' || i)::uuid
    FROM generate_series(1, 3) i;
INSERT INTO public.resources SELECT 'r' || i, md5('resource' || i)::uuid FROM generate_series(1, 2) i;
INSERT INTO public.project_phases
    SELECT md5('project' || i)::uuid, t.v, 10 * i, 5, 10 * i + 5, md5('phase' || i || t.v)::uuid,
        '2025-01-01', '2025-01-02'
    FROM generate_series(1, 3) i, unnest(enum_range(NULL::public.phasetype)) t(v);
INSERT INTO public.resource_assignments
    SELECT md5('resource' || 1 + i % 2)::uuid, p.project_id, p.id, date '2025-01-01' + i, 50, 60, 40,
        md5(i::text || p.id)::uuid, '2025-01-01', '2025-01-02'
    FROM generate_series(1, 5) i, public.project_phases p;
INSERT INTO public.actuals SELECT id, 1, md5('actual' || id)::uuid FROM public.resource_assignments LIMIT 7;
