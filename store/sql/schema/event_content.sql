-- The content hash of an event (docs/events.md), NULL for one that no command writes. p and m are the parsed payload and metadata.
-- An event is valid if its payload and metadata are, byte for byte, those that the program would write for a command: they are
-- parsed, written again, and compared. So the program and the database read each event in the same way: no unknown
-- type or field, no duplicate key, no number for a string, no date outside the calendar of the program.
-- A new type of event needs its line in the first CASE, or in rare_payload, and its effect on rows in
-- projections/sql/schema/project_inline.sql; the test store/tests/it/command_events.rs compares the CASE with phaseline_domain::TimelineEvent.
-- Values that are no dates, numbers or ids raise an error of class 22.
-- One expression without settings of its own, so that PostgreSQL inlines it into the calling function, whose settings apply.
CREATE OR REPLACE FUNCTION phaseline.event_content(
    stream uuid, version bigint, id uuid, event_type text, payload text, metadata text, salt bytea, login text, p jsonb, m jsonb
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN
           payload = CASE event_type
               WHEN 'PhaseRenamed' THEN
                   '{"phase_id":"' || (p ->> 'phase_id')::uuid || '","name":' || to_json(p ->> 'name') || '}'
               WHEN 'PhaseBudgeted' THEN
                   '{"phase_id":"' || (p ->> 'phase_id')::uuid || '","capital_budget":"'
                   || (p ->> 'capital_budget')::numeric(15,2) || '","expense_budget":"'
                   || (p ->> 'expense_budget')::numeric(15,2) || '"}'
               WHEN 'PhaseResized' THEN
                   '{"phase_id":"' || (p ->> 'phase_id')::uuid || '","start_date":"'
                   || to_char((p ->> 'start_date')::date, 'YYYY-MM-DD') || '","end_date":"'
                   || to_char((p ->> 'end_date')::date, 'YYYY-MM-DD') || '"}'
               WHEN 'PhaseDescribed' THEN
                   '{"phase_id":"' || (p ->> 'phase_id')::uuid || '","description":'
                   || coalesce(to_json(p ->> 'description')::text, 'null') || '}'
               ELSE
                   phaseline.rare_payload(event_type, stream, (p ->> 'phase_id')::uuid, p ->> 'name', (p ->> 'start_date')::date,
                       (p ->> 'end_date')::date, p ->> 'description', (p ->> 'capital_budget')::numeric(15,2),
                       (p ->> 'expense_budget')::numeric(15,2), (p ->> 'created_at')::timestamp, (p ->> 'updated_at')::timestamp)
           END
           -- The ranges of the domain's values (domain/src/value.rs): PhaseName, Description, DateRange, Money, Budget. A
           -- name needs a character that is no white space; most begin with one in ASCII.
           -- The types that are left out have no such member: the comparison above has made sure.
           AND CASE event_type
               WHEN 'PhaseBudgeted' THEN true
               WHEN 'PhaseResized' THEN true
               WHEN 'PhaseDescribed' THEN true
               ELSE p ->> 'name' IS NULL OR char_length(p ->> 'name') <= 100
                    AND (ascii(p ->> 'name') BETWEEN 33 AND 126 OR encode(convert_to(p ->> 'name', 'UTF8'), 'hex') COLLATE "C" !~
                    '^(09|0a|0b|0c|0d|20|c285|c2a0|e19a80|e2808[0-9a]|e280a[89f]|e2819f|e38080)*$')
           END
           AND CASE event_type
               WHEN 'PhaseRenamed' THEN true
               WHEN 'PhaseBudgeted' THEN true
               WHEN 'PhaseResized' THEN true
               ELSE p ->> 'description' IS NULL OR char_length(p ->> 'description') <= 500
           END
           AND CASE event_type
               WHEN 'PhaseRenamed' THEN true
               WHEN 'PhaseBudgeted' THEN true
               WHEN 'PhaseDescribed' THEN true
               ELSE p ->> 'start_date' IS NULL OR (p ->> 'start_date')::date >= date '0001-01-01'
                    AND (p ->> 'start_date')::date <= (p ->> 'end_date')::date AND (p ->> 'end_date')::date <= date '9999-12-31'
           END
           AND CASE event_type
               WHEN 'PhaseRenamed' THEN true
               WHEN 'PhaseResized' THEN true
               WHEN 'PhaseDescribed' THEN true
               ELSE p ->> 'capital_budget' IS NULL OR (p ->> 'capital_budget')::numeric(15,2) >= 0
                    AND (p ->> 'expense_budget')::numeric(15,2) >= 0
                    AND (p ->> 'capital_budget')::numeric(15,2) + (p ->> 'expense_budget')::numeric(15,2) <= 9999999999999.99
           END
           AND octet_length(salt) = 16
           AND metadata = '{' || concat_ws(',', '"actor":' || to_json(m ->> 'actor'), '"actor_name":' || to_json(m ->> 'actor_name'),
                '"reason":' || to_json(m ->> 'reason'), '"source":' || to_json(m ->> 'source'),
                '"command_id":' || to_json(m ->> 'command_id'), '"correlation_id":' || to_json(m ->> 'correlation_id'),
                '"request_id":' || to_json(m ->> 'request_id'), '"trace_id":' || to_json(m ->> 'trace_id'),
                '"restored_from":' || to_json(m ->> 'restored_from')) || '}'
       THEN
           -- The fixed parts are lengths, of four bytes each, and tags: 'phaseline/content/v2', 'Timeline', 'phaseline/metadata/v1'; by
           -- decode(), because the meaning of a bytea literal depends on session settings. The schema version is always 1.
           sha256(decode('0000001470686173656c696e652f636f6e74656e742f76320000000854696d656c696e6500000010', 'hex')
               || uuid_send(stream) || decode('00000008', 'hex') || int8send(version) || decode('00000010', 'hex') || uuid_send(id)
               || int4send(octet_length(event_type)) || convert_to(event_type, 'UTF8') || decode('0000000400000001', 'hex')
               || int4send(octet_length(convert_to(payload, 'UTF8'))) || convert_to(payload, 'UTF8') || decode('00000020', 'hex')
               || sha256(decode('0000001570686173656c696e652f6d657461646174612f763100000010', 'hex') || salt
                      || int4send(octet_length(convert_to(metadata, 'UTF8'))) || convert_to(metadata, 'UTF8'))
               || int4send(octet_length(convert_to(login, 'UTF8'))) || convert_to(login, 'UTF8'))
       END
$$;
