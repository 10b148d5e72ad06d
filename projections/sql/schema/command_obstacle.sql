-- What blocks every command: the table on which another session holds a lock for half a second or longer; NULL if there is none.
-- For the service's health check, whose role may not lock these tables. Locks of tables are read from pg_locks, which needs no
-- privilege on them; the head's row is locked, and in a transaction that is rolled back that writes nothing.
CREATE OR REPLACE FUNCTION phaseline.command_obstacle() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    wanted text;
    tries  integer;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['phaseline.head', 'phaseline.events', 'public.projects', 'public.project_phases'] LOOP
        tries := 0;
        WHILE EXISTS (
            SELECT FROM pg_locks l
             WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
               AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
               AND l.relation = to_regclass(wanted)
               -- Commands lock rows of the head and of projects, and write to the others.
               AND (l.mode IN ('ExclusiveLock', 'AccessExclusiveLock')
                    OR wanted IN ('phaseline.events', 'public.project_phases')
                       AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock')))
        LOOP
            tries := tries + 1;
            IF tries > 10 THEN
                RETURN wanted;
            END IF;
            PERFORM pg_sleep(0.05);
        END LOOP;
    END LOOP;
    wanted := 'phaseline.head';
    -- Rolling back the block releases the lock, so that a caller's open transaction blocks no writer.
    BEGIN
        PERFORM phaseline.lock_head();
        RAISE EXCEPTION 'the head is free' USING ERRCODE = 'PL009';
    EXCEPTION
        WHEN SQLSTATE 'PL009' THEN RETURN NULL;
    END;
EXCEPTION
    WHEN lock_not_available THEN RETURN wanted;
END $$;
