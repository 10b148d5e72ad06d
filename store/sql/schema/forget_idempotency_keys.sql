-- Deletes expired keys, and returns their number. A service calls it periodically. Commands without effect are cheap for a caller,
-- so of their keys only the newest 1 000 per scope and login are kept.
CREATE OR REPLACE FUNCTION phaseline.forget_idempotency_keys() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM phaseline.idempotency_keys used
     WHERE used.recorded_at < clock_timestamp() - interval '24 hours'
        OR (used.scope, used.key, used.login) IN (
               SELECT kept.scope, kept.key, kept.login
                 FROM (SELECT k.scope, k.key, k.login,
                              row_number() OVER (PARTITION BY k.login, k.scope ORDER BY k.recorded_at DESC, k.key) AS n
                         FROM phaseline.idempotency_keys k WHERE k.events = 0) kept
                WHERE kept.n > 1000);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
