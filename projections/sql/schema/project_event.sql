-- The inline projection of one event that changes a phase's name, budget or description: the same as phaseline.project_inline does for
-- it, without the cost of arrays. False if there is no such row: phaseline.project_inline reports why. p is the event's payload.
CREATE OR REPLACE FUNCTION phaseline.project_event(event_type text, project uuid, p jsonb, recorded_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- As in phaseline.project_inline: no code of others runs with the rights of a powerful owner.
    LOCK TABLE public.project_phases IN ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_trigger g
                WHERE g.tgrelid = 'public.project_phases'::regclass AND g.tgenabled <> 'D'
                  AND (NOT g.tgisinternal
                       OR g.tgfoid <> ALL (ARRAY['"RI_FKey_check_ins"', '"RI_FKey_check_upd"']::regproc[]))) THEN
        PERFORM phaseline.refuse_foreign_triggers('public.project_phases');
    END IF;
    UPDATE public.project_phases ph
       SET capital_budget = coalesce((p ->> 'capital_budget')::numeric, ph.capital_budget),
           expense_budget = coalesce((p ->> 'expense_budget')::numeric, ph.expense_budget),
           total_budget = coalesce((p ->> 'capital_budget')::numeric + (p ->> 'expense_budget')::numeric, ph.total_budget),
           updated_at = recorded_at AT TIME ZONE 'UTC', name = coalesce(p ->> 'name', ph.name),
           description = CASE event_type WHEN 'PhaseDescribed' THEN p ->> 'description' ELSE ph.description END
     WHERE ph.id = (p ->> 'phase_id')::uuid AND ph.project_id IS NOT DISTINCT FROM project;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN true;
END $$;
