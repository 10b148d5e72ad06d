-- The age of the oldest transaction that keeps dead row versions of this database alive, by a snapshot or by an id of its own, in
-- seconds; NULL if there is none, or if the log's owner may not see other sessions (pg_read_all_stats). While it is held, newer row
-- versions cannot be removed. The snapshot of a replication slot or a standby has no known age.
CREATE OR REPLACE FUNCTION phaseline.oldest_snapshot() RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT extract(epoch FROM max(clock_timestamp() - held.since))::double precision
              FROM (SELECT coalesce(a.xact_start, a.query_start) AS since FROM pg_stat_activity a
                     WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
                       AND (a.backend_type = 'walsender' AND a.xact_start IS NOT NULL
                            OR a.datname = current_database() AND a.backend_type = 'client backend')
                    UNION ALL
                    SELECT x.prepared FROM pg_prepared_xacts x WHERE x.database = current_database()) held);
END $$;
