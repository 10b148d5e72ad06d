CREATE OR REPLACE FUNCTION phaseline.refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'phaseline.events is append-only: % refused', tg_op
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Events are facts. Correct them by a new command.';
END $$;

CREATE OR REPLACE TRIGGER events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON phaseline.events
    FOR EACH STATEMENT EXECUTE FUNCTION phaseline.refuse_change();

ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only;
