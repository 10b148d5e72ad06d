-- The log. Every statement may be run again: what is there already stays as it is, so that a schema of which only
-- phaseline.events was saved is made whole by running this once more.

CREATE TABLE IF NOT EXISTS phaseline.events (
    position       bigint      NOT NULL,
    stream_type    text        NOT NULL,
    stream_id      uuid        NOT NULL,
    version        bigint      NOT NULL,
    event_id       uuid        NOT NULL,
    event_type     text        NOT NULL,
    schema_version integer     NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    salt           bytea       NOT NULL,
    recorded_at    timestamptz NOT NULL,
    hash           bytea       NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_stream_version_key UNIQUE (stream_type, stream_id, version),
    CONSTRAINT events_position_positive CHECK (position > 0),
    CONSTRAINT events_version_positive CHECK (version > 0),
    CONSTRAINT events_hash_length CHECK (octet_length(hash) = 32)
);

COMMENT ON TABLE phaseline.events IS
    'The log: every change to every timeline, in commit order, chained by hash. Append only.';

-- Payloads of thousands of ids do not compress well and cost the import half its time when they are tried.
ALTER TABLE phaseline.events ALTER COLUMN payload SET STORAGE EXTERNAL;

-- postgres-es asks by aggregate_id as text.
CREATE INDEX IF NOT EXISTS events_timeline_text_id_idx
    ON phaseline.events ((stream_id::text), version) WHERE stream_type = 'Timeline';

-- One row, locked by every writer for the length of its transaction and hardly ever updated: who holds it decides
-- the next position. An updated row would leave dead versions behind that an open snapshot keeps alive.
CREATE TABLE IF NOT EXISTS phaseline.head (
    id                smallint NOT NULL DEFAULT 1,
    log_id            uuid     NOT NULL,
    accepts_commands  boolean  NOT NULL,
    CONSTRAINT head_pkey PRIMARY KEY (id),
    CONSTRAINT head_one_row CHECK (id = 1)
);

COMMENT ON TABLE phaseline.head IS
    'One row: the lock that orders writers, the id of this log, and whether commands are taken (not in the legacy shape).';
