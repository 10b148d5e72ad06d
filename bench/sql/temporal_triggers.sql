-- Keeps phase_history from now on. The events of a transaction are there before its rows change, so its last position is known.
INSERT INTO public.phase_history
SELECT project_id, id, name, start_date, end_date, description, capital_budget, expense_budget, total_budget,
       (SELECT max(position) FROM phaseline.events), NULL
  FROM public.project_phases;

CREATE FUNCTION public.keep_phase_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at bigint := (SELECT max(position) FROM phaseline.events);
BEGIN
    IF TG_OP <> 'INSERT' THEN
        -- A row that this transaction has changed before was current at no position.
        DELETE FROM public.phase_history h WHERE h.id = OLD.id AND h.to_position IS NULL AND h.from_position = at;
        UPDATE public.phase_history h SET to_position = at WHERE h.id = OLD.id AND h.to_position IS NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO public.phase_history
        VALUES (NEW.project_id, NEW.id, NEW.name, NEW.start_date, NEW.end_date, NEW.description, NEW.capital_budget,
                NEW.expense_budget, NEW.total_budget, at, NULL);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_phase_history AFTER INSERT OR DELETE ON public.project_phases
    FOR EACH ROW EXECUTE FUNCTION public.keep_phase_history();
CREATE TRIGGER keep_changed_phase_history AFTER UPDATE ON public.project_phases FOR EACH ROW
    WHEN ((OLD.project_id, OLD.id, OLD.name, OLD.start_date, OLD.end_date, OLD.description, OLD.capital_budget,
           OLD.expense_budget, OLD.total_budget) IS DISTINCT FROM
          (NEW.project_id, NEW.id, NEW.name, NEW.start_date, NEW.end_date, NEW.description, NEW.capital_budget,
           NEW.expense_budget, NEW.total_budget))
    EXECUTE FUNCTION public.keep_phase_history();
