-- Roles belong to the whole server, and an installation in another database may create the same ones concurrently.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['phaseline_writer', 'phaseline_reader', 'phaseline_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'role % does not exist and may not be created by %', role_name, current_user;
            END;
        END IF;
    END LOOP;
END $$;
