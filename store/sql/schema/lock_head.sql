-- Locks the head's row, which every append does, until the end of the transaction.
CREATE OR REPLACE FUNCTION phaseline.lock_head() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM phaseline.head h WHERE h.id = 1 FOR UPDATE;
END $$;
