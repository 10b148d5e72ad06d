-- The project in whose timeline a phase was, also when it is gone. Only the events that bring a phase into a timeline are in the
-- index, so that no other event pays for it. The payload is searched as text: one that PostgreSQL cannot take apart would otherwise
-- end the making of the index, and every search. Readers go on while it is made.
CREATE INDEX IF NOT EXISTS events_phase_id_idx
    ON phaseline.events (substring(payload::text, '"phase_id" *: *"([^"]*)"'))
    WHERE stream_type = 'Timeline'
      AND event_type IN ('PhaseCreated', 'PhaseAdopted', 'LegacyPhaseAdopted', 'DefaultPhaseSupplied');
