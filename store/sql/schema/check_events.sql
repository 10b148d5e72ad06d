-- Checks events and computes the values that the log and the projection need, in one pass:
--   contents  the content hash of each event (docs/events.md), NULL for one that no command writes
--   distinct_streams, distinct_ids, distinct_phases  the numbers of streams, event ids and phases; a single event counts as
--                                                    one of each
-- An event is valid if its payload and metadata are, byte for byte, those that the program would write for a command: they are
-- parsed, written again, and compared. So the program and the database read each event in the same way: no unknown
-- type or field, no duplicate key, no \u0000, no number for a string, no date outside the calendar of the program.
-- A new type of event needs its line in the CASE, or in rare_payload, and its effect on rows in
-- projections/sql/schema/project_inline.sql; the test store/tests/it/command_events.rs compares the CASE with phaseline_domain::TimelineEvent.
-- Text that is no JSON raises an error of class 22 or 54. The caller provides for generic plans.
DROP FUNCTION IF EXISTS phaseline.read_events(uuid[], bigint[], uuid[], text[], integer[], text[], text[], bytea[], text);
CREATE OR REPLACE FUNCTION phaseline.check_events(
    streams uuid[], versions bigint[], ids uuid[], types text[], schema_versions integer[], payloads text[],
    metadata text[], salts bytea[], login text,
    OUT contents bytea[], OUT distinct_streams bigint, OUT distinct_ids bigint, OUT distinct_phases bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- The fixed hashed parts: lengths and tags, by decode() because the meaning of a bytea literal depends on session settings.
    content_tag  constant bytea := decode('00000014', 'hex') || convert_to('phaseline/content/v2', 'UTF8')
                                || decode('00000008', 'hex') || convert_to('Timeline', 'UTF8') || decode('00000010', 'hex');
    metadata_tag constant bytea := decode('00000015', 'hex') || convert_to('phaseline/metadata/v1', 'UTF8')
                                || decode('00000010', 'hex');
    -- Every event that is written has schema version 1.
    schema_part  constant bytea := decode('0000000400000001', 'hex');
    eight        constant bytea := decode('00000008', 'hex');
    sixteen      constant bytea := decode('00000010', 'hex');
    thirty_two   constant bytea := decode('00000020', 'hex');
    login_part   constant bytea := int4send(octet_length(convert_to(login, 'UTF8'))) || convert_to(login, 'UTF8');
BEGIN
    IF 1 <> ANY (schema_versions) THEN
        contents := array_fill(NULL::bytea, ARRAY[cardinality(ids)]);
        RETURN;
    END IF;
    -- No aggregate: setting one up would take as long as the check of a single event.
    contents := ARRAY(SELECT CASE WHEN
               e.payload = CASE e.event_type
                   WHEN 'PhaseRenamed' THEN
                       '{"phase_id":"' || e.phase_id || '","name":' || to_json(e.name) || '}'
                   WHEN 'PhaseBudgeted' THEN
                       '{"phase_id":"' || e.phase_id || '","capital_budget":"' || e.capital_budget
                       || '","expense_budget":"' || e.expense_budget || '"}'
                   WHEN 'PhaseResized' THEN
                       '{"phase_id":"' || e.phase_id || '","start_date":"' || to_char(e.start_date, 'YYYY-MM-DD')
                       || '","end_date":"' || to_char(e.end_date, 'YYYY-MM-DD') || '"}'
                   WHEN 'PhaseDescribed' THEN
                       '{"phase_id":"' || e.phase_id || '","description":'
                       || coalesce(to_json(e.description)::text, 'null') || '}'
                   ELSE
                       phaseline.rare_payload(e.event_type, e.stream, e.phase_id, e.name, e.start_date, e.end_date,
                           e.description, e.capital_budget, e.expense_budget, e.created_at, e.updated_at)
               END
               -- The ranges of the domain's values (domain/src/value.rs): PhaseName, Description, DateRange, Money, Budget. A
               -- name needs a character that is no white space; most begin with one in ASCII.
               AND (e.name IS NULL OR char_length(e.name) <= 100
                    AND (ascii(e.name) BETWEEN 33 AND 126 OR encode(convert_to(e.name, 'UTF8'), 'hex') COLLATE "C" !~
                    '^(09|0a|0b|0c|0d|20|c285|c2a0|e19a80|e2808[0-9a]|e280a[89f]|e2819f|e38080)*$'))
               AND (e.description IS NULL OR char_length(e.description) <= 500)
               AND (e.start_date IS NULL
                    OR e.start_date >= date '0001-01-01' AND e.start_date <= e.end_date AND e.end_date <= date '9999-12-31')
               AND (e.capital_budget IS NULL OR e.capital_budget >= 0 AND e.expense_budget >= 0
                    AND e.capital_budget + e.expense_budget <= 9999999999999.99)
               AND octet_length(e.salt) = 16
               AND e.metadata = '{' || concat_ws(',', '"actor":' || to_json(e.actor), '"actor_name":' || to_json(e.actor_name),
                    '"reason":' || to_json(e.reason), '"source":' || to_json(e.source),
                    '"command_id":' || to_json(e.command_id), '"correlation_id":' || to_json(e.correlation_id),
                    '"request_id":' || to_json(e.request_id), '"trace_id":' || to_json(e.trace_id),
                    '"restored_from":' || to_json(e.restored_from)) || '}'
           THEN
               sha256(content_tag || uuid_send(e.stream) || eight || int8send(e.version) || sixteen || uuid_send(e.id)
                   || int4send(octet_length(e.event_type)) || convert_to(e.event_type, 'UTF8') || schema_part
                   || int4send(octet_length(convert_to(e.payload, 'UTF8'))) || convert_to(e.payload, 'UTF8')
                   || thirty_two || sha256(metadata_tag || e.salt
                       || int4send(octet_length(convert_to(e.metadata, 'UTF8'))) || convert_to(e.metadata, 'UTF8'))
                   || login_part)
           END
      FROM ROWS FROM (
               jsonb_to_recordset(('[' || array_to_string(payloads, ',') || ']')::jsonb)
                   AS (phase_id uuid, name text, start_date date, end_date date, description text,
                       capital_budget numeric(15,2), expense_budget numeric(15,2), created_at timestamp,
                       updated_at timestamp),
               jsonb_to_recordset(('[' || array_to_string(metadata, ',') || ']')::jsonb)
                   AS (actor text, actor_name text, reason text, source text, command_id text, correlation_id text,
                       request_id text, trace_id text, restored_from text),
               unnest(streams), unnest(versions), unnest(ids), unnest(types), unnest(payloads),
               unnest(metadata), unnest(salts))
           AS e (phase_id, name, start_date, end_date, description, capital_budget, expense_budget, created_at, updated_at,
                 actor, actor_name, reason, source, command_id, correlation_id, request_id, trace_id, restored_from,
                 stream, version, id, event_type, payload, metadata, salt));
    IF cardinality(ids) = 1 THEN
        distinct_streams := 1;
        distinct_ids := 1;
        distinct_phases := 1;
    ELSE
        -- In payloads of the program the phase is the first member.
        SELECT count(DISTINCT e.stream), count(DISTINCT e.id),
               count(DISTINCT substr(e.payload, 14, 36)) FILTER (WHERE e.payload LIKE '{"phase_id":"%')
          INTO distinct_streams, distinct_ids, distinct_phases FROM unnest(streams, ids, payloads) AS e (stream, id, payload);
    END IF;
END $$;
