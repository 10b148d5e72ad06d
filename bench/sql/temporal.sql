-- A temporal table of phases: each row with the positions from which and up to which it was current.
CREATE TABLE public.phase_history (
    project_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, start_date date NOT NULL, end_date date NOT NULL,
    description text, capital_budget numeric(15, 2) NOT NULL, expense_budget numeric(15, 2) NOT NULL,
    total_budget numeric(15, 2) NOT NULL, from_position bigint NOT NULL, to_position bigint);
