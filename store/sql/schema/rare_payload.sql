-- The payload of an event of a rarer type, NULL if there is no such type; in its own function, so that other events do not pay for its
-- expressions.
CREATE OR REPLACE FUNCTION phaseline.rare_payload(
    event_type text, stream uuid, phase_id uuid, name text, start_date date, end_date date, description text,
    capital_budget numeric, expense_budget numeric, created_at timestamp, updated_at timestamp
) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_day text := to_char(start_date, 'YYYY-MM-DD');
    last_day  text := to_char(end_date, 'YYYY-MM-DD');
    phase     text := '"phase_id":"' || phase_id || '","name":' || to_json(name) || ',"start_date":"' || first_day
                   || '","end_date":"' || last_day || '","description":' || coalesce(to_json(description)::text, 'null')
                   || ',"capital_budget":"' || capital_budget || '","expense_budget":"' || expense_budget || '"';
    time      timestamp;
    micros    integer;
    times     text[];
BEGIN
    CASE event_type
        WHEN 'PhaseRemoved' THEN
            RETURN '{"phase_id":"' || phase_id || '"}';
        WHEN 'PhaseCreated' THEN
            RETURN '{' || phase || '}';
        WHEN 'PhaseAdopted' THEN
            FOREACH time IN ARRAY ARRAY[created_at, updated_at] LOOP
                IF (time >= timestamp '0001-01-01' AND time < timestamp '10000-01-01') IS NOT TRUE THEN
                    RETURN NULL;
                END IF;
                micros := extract(microseconds FROM time)::integer % 1000000;
                times := times || (to_char(time, 'YYYY-MM-DD"T"HH24:MI:SS') || CASE
                    WHEN micros = 0 THEN '' WHEN micros % 1000 = 0 THEN to_char(time, '.MS') ELSE to_char(time, '.US') END);
            END LOOP;
            RETURN '{' || phase || ',"created_at":"' || times[1] || '","updated_at":"' || times[2] || '"}';
        WHEN 'TimelineOpened' THEN
            RETURN '{"project_id":"' || stream || '","start_date":"' || first_day || '","end_date":"' || last_day || '"}';
        WHEN 'TimelineRescheduled' THEN
            RETURN '{"start_date":"' || first_day || '","end_date":"' || last_day || '"}';
        WHEN 'TimelineClosed' THEN
            RETURN '{"project_id":"' || stream || '"}';
        ELSE
            RETURN NULL;
    END CASE;
END $$;
