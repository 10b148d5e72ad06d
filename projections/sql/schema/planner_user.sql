-- The user of the planner with this id: {"name", "is_active"}; NULL if there is none. For services that refuse the tokens of users who
-- were deactivated: their role has no privileges on the table, which has the hashes of passwords, too.
CREATE OR REPLACE FUNCTION phaseline.planner_user(subject uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT json_build_object('name', u.username, 'is_active', u.is_active) FROM public.users u WHERE u.id = subject);
END $$;
