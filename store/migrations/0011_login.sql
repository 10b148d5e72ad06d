-- The login that wrote an event, in the database's own word, under the content hash of version 2. Events written before have
-- none, and hashes of version 1 (docs/events.md).
ALTER TABLE phaseline.events ADD COLUMN IF NOT EXISTS login text;

-- A key belongs to the login that used it. Keys that are there belong to every login, for the 24 hours that they last.
ALTER TABLE phaseline.idempotency_keys ADD COLUMN IF NOT EXISTS login text NOT NULL DEFAULT '';
ALTER TABLE phaseline.idempotency_keys ALTER COLUMN login DROP DEFAULT;
ALTER TABLE phaseline.idempotency_keys DROP CONSTRAINT IF EXISTS idempotency_keys_pkey;
ALTER TABLE phaseline.idempotency_keys ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key, login);
