-- Checks `most` timelines in the log, by project from `after` on, for open ones of projects that were deleted:
-- {"deleted": [project, ...], "next": the last project checked, or null at the end}. NULL while the log accepts no commands.
-- A few probes of indexes per timeline, so that a service can check all of them in small parts.
CREATE OR REPLACE FUNCTION phaseline.deleted_projects(after uuid, most integer) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    last    uuid := coalesce(after, '00000000-0000-0000-0000-000000000000');
    next    uuid;
    deleted uuid[] := '{}';
BEGIN
    IF NOT phaseline.accepts_commands() THEN
        RETURN NULL;
    END IF;
    FOR n IN 1 .. least(most, 10000) LOOP
        next := phaseline.next_timeline(last);
        EXIT WHEN next IS NULL;
        last := next;
        -- Nearly every project has rows, so the more expensive function is called for few.
        IF NOT EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id = last)
            AND phaseline.project_dates(last) IS NULL
            AND 'TimelineClosed' <> (SELECT t.event_type FROM phaseline.timeline_tip(last) t) THEN
            deleted := deleted || last;
        END IF;
    END LOOP;
    RETURN json_build_object('deleted', deleted, 'next', next);
END $$;
