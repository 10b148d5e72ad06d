-- The project of the first timeline after this one, by project id; NULL at the end.
CREATE OR REPLACE FUNCTION phaseline.next_timeline(after uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT e.stream_id FROM phaseline.events e WHERE e.stream_type = 'Timeline' AND e.stream_id > after
             ORDER BY e.stream_id, e.version LIMIT 1);
END $$;
