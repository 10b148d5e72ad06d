-- Names of the planner's users with these ids. Nothing without the planner's table, and for a table of another owner or form than the
-- function's owner knows: names are shown beside ids only. For services, whose role has no privileges on the table.
CREATE OR REPLACE FUNCTION phaseline.user_names(ids uuid[]) RETURNS TABLE (id uuid, name text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = on AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'public' AND c.relname = 'users' AND c.relkind = 'r'
                      AND pg_get_userbyid(c.relowner) = current_user) THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT u.id, u.username::text FROM public.users u WHERE u.id = ANY (ids) AND u.username IS NOT NULL;
EXCEPTION WHEN undefined_column OR undefined_function OR undefined_table OR datatype_mismatch THEN
    RETURN;
END $$;
