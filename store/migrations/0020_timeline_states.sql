-- Folds of timelines at some of their positions, so that a timeline at an earlier position is folded from the nearest one and not
-- from its beginning. They define nothing: they are made from the log, may be deleted at any time, and are made again.
CREATE TABLE IF NOT EXISTS phaseline.timeline_states (
    project_id  uuid     NOT NULL,
    position    bigint   NOT NULL,
    hash        bytea    NOT NULL,
    form        integer  NOT NULL,
    state       json     NOT NULL,
    CONSTRAINT timeline_states_pkey PRIMARY KEY (project_id, position)
);

COMMENT ON TABLE phaseline.timeline_states IS
    'Timelines as they were at some positions, to shorten folds. A row counts only if the log has the same hash at that position.';

-- How far the states have been made.
CREATE TABLE IF NOT EXISTS phaseline.timeline_states_watermark (
    id        smallint NOT NULL DEFAULT 1,
    position  bigint   NOT NULL,
    hash      bytea    NOT NULL,
    form      integer  NOT NULL,
    CONSTRAINT timeline_states_watermark_pkey PRIMARY KEY (id),
    CONSTRAINT timeline_states_watermark_one_row CHECK (id = 1)
);

COMMENT ON TABLE phaseline.timeline_states_watermark IS
    'One row: up to which position timeline states have been made. Its lock lets one session at a time make them.';

-- Form 0 is no program's: the first session that makes states begins at the log's beginning.
INSERT INTO phaseline.timeline_states_watermark (id, position, hash, form) VALUES (1, 0, '', 0) ON CONFLICT DO NOTHING;
