-- The index by which postgres-es finds a stream holds the first event of each stream only. In an index on all events every
-- command paid for a reader that few have. Readers go on while it is made; the old one goes last, in a moment.
CREATE INDEX IF NOT EXISTS events_first_text_id_idx
    ON phaseline.events ((stream_id::text)) WHERE stream_type = 'Timeline' AND version = 1;
DROP INDEX IF EXISTS phaseline.events_timeline_text_id_idx;
