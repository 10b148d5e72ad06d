-- The hash that chains an event to the one before it; the same as in docs/events.md. All parts but the tag have a
-- fixed length, so the length prefixes are constants.
CREATE OR REPLACE FUNCTION phaseline.chain_hash(
    previous bytea, "position" bigint, recorded_at timestamptz, content bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog AS $$
    SELECT sha256(
        int4send(18) || convert_to('phaseline/chain/v1', 'UTF8')
        || int4send(32) || previous
        || int4send(8) || int8send("position")
        || int4send(8) || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint)
        || int4send(32) || content)
$$;
