-- The last event of a project's timeline: its version, position and type; no row if the log does not have the project.
-- Without settings of its own, so that PostgreSQL inlines it into the calling statement, whose settings apply.
CREATE OR REPLACE FUNCTION phaseline.timeline_tip(project uuid)
    RETURNS TABLE (version bigint, "position" bigint, event_type text) LANGUAGE sql STABLE AS $$
    SELECT e.version, e.position, e.event_type::pg_catalog.text FROM phaseline.events e
     WHERE e.stream_type OPERATOR(pg_catalog.=) 'Timeline' AND e.stream_id OPERATOR(pg_catalog.=) project
     ORDER BY e.version DESC LIMIT 1
$$;
