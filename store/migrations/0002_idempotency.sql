-- What commands with a key led to, so that the same request sent again is not carried out again. A row is written in the
-- transaction that writes the command's events, and is of no use after 24 hours.
CREATE TABLE IF NOT EXISTS phaseline.idempotency_keys (
    scope        text        NOT NULL,
    key          text        NOT NULL,
    fingerprint  bytea       NOT NULL,
    stream_id    uuid        NOT NULL,
    version      bigint      NOT NULL,
    events       integer     NOT NULL,
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_keys_version CHECK (version >= events AND events >= 0)
);

COMMENT ON TABLE phaseline.idempotency_keys IS
    'Keys of commands, kept for 24 hours: whose (scope), which request (fingerprint), and the stream''s version after it.';

CREATE INDEX IF NOT EXISTS idempotency_keys_recorded_at_idx ON phaseline.idempotency_keys (recorded_at);
