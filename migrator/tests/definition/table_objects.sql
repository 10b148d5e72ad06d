-- Objects that administrators add to tables. ROLE is replaced by a prefix that makes the roles' names unique in the cluster.
CREATE ROLE "ROLE_owner";
CREATE ROLE "ROLE_alice";
CREATE ROLE "ROLE_bob";
CREATE ROLE "ROLE odd ""Carol""";
CREATE SCHEMA stats;
GRANT USAGE, CREATE ON SCHEMA stats TO "ROLE_owner", "ROLE_alice";
GRANT USAGE, CREATE ON SCHEMA public TO "ROLE_owner";

CREATE FUNCTION public.noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION public."Odd fn"(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE SEQUENCE public.ticket;
CREATE COLLATION public."Odd coll" FROM "C";

-- Columns of the planner's own that were added since, all on resource_assignments.
ALTER TABLE public.resource_assignments
    ADD COLUMN dropped_since integer,
    ADD COLUMN "Odd ""Col" text COLLATE public."Odd coll" DEFAULT E'it''s \\ "x"',
    ADD COLUMN ticket bigint DEFAULT nextval('public.ticket'::regclass) NOT NULL,
    ADD COLUMN share numeric GENERATED ALWAYS AS (capital_percentage / 100) STORED,
    ADD COLUMN parent_id uuid,
    ADD COLUMN status character varying(20) DEFAULT 'open' NOT NULL,
    ADD COLUMN tags text[],
    ADD COLUMN counter serial,
    ADD COLUMN numbered integer GENERATED ALWAYS AS IDENTITY (START 7 CYCLE);
ALTER TABLE public.resource_assignments DROP COLUMN dropped_since;
ALTER TABLE public.resource_assignments ALTER COLUMN "Odd ""Col" SET STORAGE EXTERNAL;
ALTER TABLE public.resource_assignments ALTER COLUMN tags SET COMPRESSION pglz;
ALTER TABLE public.resource_assignments ALTER COLUMN project_phase_id SET STATISTICS 321;
ALTER TABLE public.resource_assignments ALTER COLUMN project_phase_id SET (n_distinct = -0.25);
ALTER TABLE public.resource_assignments ALTER COLUMN project_phase_id SET DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE public.resource_assignments ALTER COLUMN resource_id SET STATISTICS 0;
ALTER TABLE public.project_phases ALTER COLUMN phase_type SET DEFAULT 'EXECUTION';
ALTER TABLE public.project_phases ALTER COLUMN phase_type SET STATISTICS 77;
ALTER TABLE public.project_phases ALTER COLUMN total_budget SET STORAGE PLAIN;
ALTER TABLE public.project_phases ALTER COLUMN total_budget SET DEFAULT 0;

-- Storage options.
ALTER TABLE public.project_phases SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE public.resource_assignments SET (autovacuum_enabled = off, toast.autovacuum_enabled = off,
    toast.autovacuum_vacuum_threshold = 99);

-- Indexes and keys.
CREATE INDEX "Odd idx ""q""" ON public.resource_assignments ("Odd ""Col" COLLATE "POSIX" text_pattern_ops DESC NULLS LAST);
CREATE INDEX ra_partial ON public.resource_assignments (assignment_date) WHERE project_phase_id IS NOT NULL;
CREATE INDEX ra_varchar_in ON public.resource_assignments (assignment_date)
    WHERE status IN ('open', 'it''s, [x] (closed) ::text');
CREATE INDEX ra_expression ON public.resource_assignments (public."Odd fn"(share), lower("Odd ""Col")) WITH (fillfactor = 55);
ALTER INDEX public.ra_expression ALTER COLUMN 1 SET STATISTICS 444;
CREATE INDEX ra_covering ON public.resource_assignments (resource_id) INCLUDE (project_phase_id, project_id);
CREATE UNIQUE INDEX ra_phase_and_id ON public.resource_assignments (project_phase_id, id);
CREATE INDEX ra_gin ON public.resource_assignments USING gin (tags) WITH (fastupdate = off);
CREATE INDEX ra_brin ON public.resource_assignments USING brin (created_at) WITH (pages_per_range = 16);
CREATE INDEX ra_hash ON public.resource_assignments USING hash (id);
CREATE UNIQUE INDEX ra_nulls ON public.resource_assignments (parent_id, id) NULLS NOT DISTINCT;
ALTER INDEX public.ra_hash DEPENDS ON EXTENSION plpgsql;
CREATE INDEX pp_phase_type ON public.project_phases (phase_type, project_id DESC NULLS LAST);
CREATE INDEX pp_for_planning ON public.project_phases (total_budget) WHERE phase_type = 'PLANNING';
CREATE UNIQUE INDEX pp_id_and_project ON public.project_phases (id, project_id);
CREATE UNIQUE INDEX pp_type_and_id ON public.project_phases (id, phase_type);
ALTER TABLE public.project_phases ADD CONSTRAINT "pp Unique" UNIQUE (id, project_id) INCLUDE (total_budget)
    WITH (fillfactor = 60) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE public.project_phases ADD CONSTRAINT pp_no_twins EXCLUDE USING btree (id WITH =) INCLUDE (phase_type)
    WITH (fillfactor = 50) WHERE (capital_budget > 0) DEFERRABLE;
ALTER TABLE public.resource_assignments ADD CONSTRAINT ra_nulls_key UNIQUE NULLS NOT DISTINCT (id, "Odd ""Col");
ALTER TABLE public.project_phases REPLICA IDENTITY USING INDEX pp_type_and_id;
ALTER TABLE public.project_phases CLUSTER ON pp_phase_type;
ALTER TABLE public.resource_assignments CLUSTER ON ra_nulls_key;
ALTER TABLE public.resource_assignments REPLICA IDENTITY USING INDEX ra_phase_and_id;

-- A tablespace, for the table and for indexes with and without a constraint.
ALTER TABLE public.resource_assignments SET TABLESPACE "ROLE space";
ALTER INDEX public.ra_brin SET TABLESPACE "ROLE space";
ALTER INDEX public.project_phases_pkey SET TABLESPACE "ROLE space";
ALTER INDEX public.pp_no_twins SET TABLESPACE "ROLE space";

-- Constraints.
ALTER TABLE public.project_phases ADD CONSTRAINT "Odd ""check" CHECK (total_budget < 5) NOT VALID;
ALTER TABLE public.project_phases ADD CONSTRAINT pp_type_check CHECK (phase_type <> 'PLANNING' OR id IS NOT NULL) NO INHERIT;
ALTER TABLE public.resource_assignments ADD CONSTRAINT ra_status CHECK (status IN ('open', 'closed'));
ALTER TABLE public.resource_assignments ADD CONSTRAINT ra_parent FOREIGN KEY (parent_id)
    REFERENCES public.resource_assignments (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE public.resource_assignments ADD CONSTRAINT "ra Phase twice" FOREIGN KEY (project_phase_id, project_id)
    REFERENCES public.project_phases (id, project_id) MATCH FULL NOT VALID;
ALTER TABLE public.project_phases DROP CONSTRAINT project_phases_project_id_fkey;
ALTER TABLE public.project_phases ADD CONSTRAINT project_phases_project_id_fkey FOREIGN KEY (project_id)
    REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE;
CREATE TABLE stats."Phase notes" (phase uuid, project uuid, id uuid PRIMARY KEY);
ALTER TABLE stats."Phase notes" ADD CONSTRAINT "to Phases" FOREIGN KEY (phase) REFERENCES public.project_phases
    ON DELETE CASCADE NOT VALID;

-- Statistics, in two schemas and by two owners.
CREATE STATISTICS public.pp_stats (ndistinct, mcv) ON phase_type, project_id FROM public.project_phases;
ALTER STATISTICS public.pp_stats SET STATISTICS 123;
CREATE STATISTICS stats."Odd stats" ON (total_budget * 2), capital_budget FROM public.project_phases;
CREATE STATISTICS stats.ra_stats (dependencies) ON resource_id, project_id FROM public.resource_assignments;

-- Triggers in all four states, constraint triggers, arguments, conditions, transition tables.
CREATE TRIGGER a_origin BEFORE INSERT OR UPDATE OF total_budget ON public.project_phases
    FOR EACH ROW WHEN (NEW.total_budget > 0) EXECUTE FUNCTION public.noop('it''s', 'b');
CREATE TRIGGER "b Disabled" AFTER DELETE ON public.project_phases REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION public.noop();
CREATE TRIGGER c_replica AFTER TRUNCATE ON public.project_phases EXECUTE FUNCTION public.noop();
CREATE TRIGGER d_always BEFORE UPDATE ON public.project_phases FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION public.noop();
CREATE CONSTRAINT TRIGGER e_constraint AFTER INSERT ON public.resource_assignments FROM public.projects
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.noop();
CREATE TRIGGER refuses BEFORE INSERT ON public.resource_assignments FOR EACH ROW EXECUTE FUNCTION public.noop();
ALTER TABLE public.project_phases DISABLE TRIGGER "b Disabled";
ALTER TABLE public.project_phases ENABLE REPLICA TRIGGER c_replica;
ALTER TABLE public.project_phases ENABLE ALWAYS TRIGGER d_always;
ALTER TRIGGER d_always ON public.project_phases DEPENDS ON EXTENSION plpgsql;

-- Row security.
CREATE POLICY "Odd policy" ON public.project_phases AS RESTRICTIVE FOR UPDATE TO "ROLE_bob", "ROLE odd ""Carol"""
    USING (total_budget > 0) WITH CHECK (id IN (SELECT p.id FROM public.projects p));
CREATE POLICY everyone ON public.project_phases USING (true);
CREATE POLICY writers ON public.resource_assignments FOR INSERT TO CURRENT_USER WITH CHECK (status IN ('open', 'new'));
ALTER TABLE public.project_phases ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.project_phases FORCE ROW LEVEL SECURITY;
ALTER TABLE public.resource_assignments ENABLE ROW LEVEL SECURITY;

-- Publications.
CREATE PUBLICATION "ROLE Odd pub" FOR TABLE public.project_phases (id, total_budget) WHERE (total_budget > 3),
    TABLE public.resource_assignments WITH (publish = 'insert');
CREATE PUBLICATION "ROLE_all" FOR ALL TABLES WITH (publish = 'insert');
CREATE PUBLICATION "ROLE_schema" FOR TABLES IN SCHEMA public WITH (publish = 'insert');

-- Comments on everything.
COMMENT ON TABLE public.project_phases IS E'Phases.\nIt''s "two" lines, with a \\ in it.';
COMMENT ON COLUMN public.project_phases.phase_type IS 'goes';
COMMENT ON COLUMN public.resource_assignments.project_phase_id IS 'goes as well';
COMMENT ON COLUMN public.resource_assignments."Odd ""Col" IS 'stays';
COMMENT ON CONSTRAINT "Odd ""check" ON public.project_phases IS 'check';
COMMENT ON CONSTRAINT "pp Unique" ON public.project_phases IS 'the constraint';
COMMENT ON INDEX public."pp Unique" IS 'its index';
COMMENT ON CONSTRAINT pp_no_twins ON public.project_phases IS 'exclusion';
COMMENT ON CONSTRAINT project_phases_pkey ON public.project_phases IS 'key';
COMMENT ON CONSTRAINT resource_assignments_project_phase_id_fkey ON public.resource_assignments IS 'foreign key';
COMMENT ON CONSTRAINT "to Phases" ON stats."Phase notes" IS 'incoming foreign key';
COMMENT ON INDEX public.pp_phase_type IS 'index';
COMMENT ON INDEX public."Odd idx ""q""" IS 'odd index';
COMMENT ON STATISTICS public.pp_stats IS 'statistics';
COMMENT ON TRIGGER "b Disabled" ON public.project_phases IS 'trigger';
COMMENT ON POLICY "Odd policy" ON public.project_phases IS 'policy';

-- Owners.
ALTER TABLE public.project_phases OWNER TO "ROLE_owner";
ALTER TABLE public.resource_assignments OWNER TO "ROLE odd ""Carol""";
ALTER STATISTICS stats."Odd stats" OWNER TO "ROLE_alice";

-- Grants: with grant option, by other grantors, on columns, to PUBLIC; the owner's own cut down.
SET ROLE "ROLE_owner";
GRANT SELECT, INSERT ON public.project_phases TO "ROLE_bob";
GRANT SELECT, UPDATE ON public.project_phases TO "ROLE_alice" WITH GRANT OPTION;
GRANT DELETE ON public.project_phases TO "ROLE_alice";
GRANT REFERENCES ON public.project_phases TO PUBLIC;
GRANT SELECT (phase_type), UPDATE (total_budget) ON public.project_phases TO "ROLE odd ""Carol""" WITH GRANT OPTION;
REVOKE TRUNCATE, TRIGGER ON public.project_phases FROM "ROLE_owner";
SET ROLE "ROLE_alice";
GRANT SELECT ON public.project_phases TO "ROLE_bob" WITH GRANT OPTION;
GRANT UPDATE (phase_type, total_budget) ON public.project_phases TO PUBLIC;
SET ROLE "ROLE_bob";
GRANT SELECT ON public.project_phases TO "ROLE odd ""Carol""";
SET ROLE "ROLE odd ""Carol""";
GRANT SELECT (phase_type) ON public.project_phases TO "ROLE_alice";
REVOKE ALL ON public.resource_assignments FROM "ROLE odd ""Carol""";
GRANT SELECT ON public.resource_assignments TO "ROLE_alice" WITH GRANT OPTION;
GRANT INSERT (project_phase_id, status) ON public.resource_assignments TO "ROLE_bob";
GRANT USAGE ON SEQUENCE public.resource_assignments_numbered_seq TO "ROLE_alice" WITH GRANT OPTION;
SET ROLE "ROLE_alice";
GRANT USAGE ON SEQUENCE public.resource_assignments_numbered_seq TO "ROLE_bob";
RESET ROLE;

-- Default privileges of new tables must not apply to the rebuilt ones.
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO "ROLE_bob";
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "ROLE_bob", PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT DELETE ON TABLES TO "ROLE_alice" WITH GRANT OPTION;
