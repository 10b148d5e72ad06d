-- Raises an error for an event that no command writes, which names the event and the reason.
CREATE OR REPLACE FUNCTION phaseline.refuse_event(
    command integer, event integer, stream uuid, version bigint, id uuid, type text, schema_version integer, payload text,
    metadata text, salt bytea
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong    text := 'its payload is not what the program writes for an event of this type and schema version';
    readable boolean;
BEGIN
    BEGIN
        readable := (SELECT r.contents[1] IS NOT NULL FROM phaseline.check_events(ARRAY[stream], ARRAY[version], ARRAY[id],
            ARRAY[type], ARRAY[schema_version], ARRAY[payload], ARRAY[metadata], ARRAY[salt], '') r);
        IF readable THEN
            RETURN;
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN NULL;
    END;
    IF octet_length(salt) <> 16 THEN
        wrong := 'its salt has ' || octet_length(salt) || ' bytes instead of 16';
    ELSE
        BEGIN
            IF (SELECT r.contents[1] IS NOT NULL FROM phaseline.check_events(ARRAY[stream], ARRAY[version], ARRAY[id],
                    ARRAY[type], ARRAY[schema_version], ARRAY[payload], ARRAY['{}'], ARRAY[salt], '') r) THEN
                wrong := 'its metadata is not a flat object of strings as the program writes it';
            END IF;
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN NULL;
        END;
    END IF;
    RAISE EXCEPTION 'command %, event % (%, schema version %): %', command, event, left(type, 100), schema_version, wrong
        USING ERRCODE = 'PL002', HINT = 'Nothing was written. docs/events.md describes the arguments of phaseline.append.';
END $$;
