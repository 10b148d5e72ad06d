-- Sets a project's dates, unless it has them already.
CREATE OR REPLACE FUNCTION phaseline.set_project_dates(project uuid, first_day date, last_day date, at timestamp)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.projects IN ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_trigger g
                WHERE g.tgrelid = 'public.projects'::regclass AND NOT g.tgisinternal AND g.tgenabled <> 'D') THEN
        PERFORM phaseline.refuse_foreign_triggers('public.projects');
        -- Triggers that these triggers defer run at the end of project_inline, with the rights of that function's owner.
        IF (SELECT count(DISTINCT c.relowner) FROM pg_class c
             WHERE c.oid IN ('public.projects'::regclass, 'public.project_phases'::regclass)) > 1 THEN
            RAISE EXCEPTION 'public.projects has triggers, and another owner than public.project_phases: they could run with that '
                'owner''s rights'
                USING ERRCODE = 'PL004', HINT = 'Nothing was written. Give both tables to one owner and run: phaseline doctor --repair, or '
                    'drop the triggers.';
        END IF;
    END IF;
    UPDATE public.projects p SET start_date = first_day, end_date = last_day, updated_at = at
     WHERE p.id = project AND (p.start_date, p.end_date) IS DISTINCT FROM (first_day, last_day);
    IF NOT FOUND AND NOT EXISTS (SELECT FROM public.projects p WHERE p.id = project) THEN
        RAISE EXCEPTION 'project % is not in public.projects', project USING ERRCODE = 'foreign_key_violation';
    END IF;
    -- At the end of the transaction deferred triggers would run with the privileges of the role that ends it.
    SET CONSTRAINTS ALL IMMEDIATE;
END $$;
