//! Owners of the log, and dangerous ones.

use super::*;

#[tokio::test]
async fn the_log_belongs_to_the_tables_owner_not_to_a_superuser() {
    let planner = Planner::new().await;
    planner.database.psql("ALTER TABLE resource_assignments OWNER TO postgres");
    try_migrate(planner.database.url()).await.unwrap();
    let owners = "SELECT string_agg(DISTINCT pg_get_userbyid(owner), ' ') FROM (
        SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'phaseline'::regnamespace
        UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'phaseline'
        UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace
            AND proname NOT IN ('assignments_of', 'assignment_days', 'assignment_count', 'assignment_counts')) x";
    assert_eq!(planner.database.psql(owners), planner.role);
    // This does not change after an installation by any role.
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    phaseline_projections::upgrade(&mut connection).await.unwrap();
    assert_eq!(planner.database.psql(owners), planner.role);
    // If a superuser owns the tables, the log belongs to a role that is not a superuser.
    let Some(path) = planner_sql() else { return };
    let database = crate::fixture::database_from(&std::fs::read_to_string(path).unwrap());
    try_migrate(database.url()).await.unwrap();
    let of_log = "SELECT string_agg(DISTINCT pg_get_userbyid(owner), ' ') FROM (
        SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'phaseline'::regnamespace
        UNION ALL SELECT proowner FROM pg_proc WHERE oid = ANY (ARRAY['phaseline.refuse_change()'::regprocedure::oid])
        UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace AND proname = 'append') x";
    assert_eq!(database.psql(of_log), "phaseline_owner");
    assert_eq!(
        database.psql("SELECT rolsuper OR rolcanlogin FROM pg_roles WHERE rolname = 'phaseline_owner'"),
        "f"
    );
}

#[tokio::test]
async fn owners_and_their_dangers_are_named() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    let before = ownership(&mut connection).await.unwrap();
    assert_eq!(
        before.to_string(),
        format!(
            "{role} owns public.project_phases, public.projects, public.resource_assignments; {role} will own schema phaseline"
        )
    );
    let [superuser] = &before.dangers[..] else { panic!("{:?}", before.dangers) };
    assert!(
        superuser.contains("the login postgres has the rights of a superuser")
            && superuser.contains(&format!("{role}, which owns "))
            && superuser.contains("public.project_phases"),
        "{superuser}"
    );
    let mut owner = handle(&planner.url_of(role)).connect("test").await.unwrap();
    assert_eq!(ownership(&mut owner).await.unwrap().dangers, Vec::<String>::new());
    let others = |dangers: &[String]| {
        dangers.iter().filter(|danger| !danger.starts_with("the login")).cloned().collect::<Vec<_>>()
    };
    // Foreign functions that the owner's tables call can be replaced by their owners.
    planner.database.psql(&format!(
        "GRANT CREATE ON SCHEMA public TO {writer}; GRANT TRIGGER ON public.projects TO {writer}"
    ));
    let planted = "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
                   CREATE TRIGGER theirs BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.theirs()";
    planner.database.cluster().binaries().psql(&planner.url_of(writer), planted).unwrap();
    let [danger] = &others(&ownership(&mut connection).await.unwrap().dangers)[..] else { panic!() };
    let expected = format!(
        "runs function public.theirs(), which belongs to {writer} and would have the rights of {role}"
    );
    assert!(
        danger.contains("trigger theirs on table public.projects") && danger.contains(&expected),
        "{danger}"
    );
    // The other tables belong to another owner.
    planner.database.psql("ALTER TABLE public.projects OWNER TO postgres");
    let found = ownership(&mut connection).await.unwrap();
    assert!(found.to_string().contains("postgres (a superuser) owns public.projects"), "{found}");
    let [trigger, function] = &others(&found.dangers)[..] else { panic!("{found:#?}") };
    assert!(trigger.contains(&format!("REVOKE TRIGGER ON public.projects FROM {writer}")), "{trigger}");
    assert!(function.contains("would have the rights of postgres"), "{function}");
    let plan = plan::plan(&mut connection, &PlanOptions::default()).await.unwrap();
    for note in
        [format!("Owners: {found}"), format!("Dangerous: {trigger}"), format!("Dangerous: {function}")]
    {
        assert!(plan.notes.contains(&note), "{:#?}", plan.notes);
    }
    planner.database.psql(&format!(
        "ALTER TABLE public.projects OWNER TO {role}; DROP TRIGGER theirs ON public.projects"
    ));
    try_migrate(planner.database.url()).await.unwrap();
    let after = ownership(&mut connection).await.unwrap().to_string();
    assert_eq!(
        after,
        format!(
            "{role} owns public.project_phases, public.projects, public.resource_assignments, schema phaseline"
        )
    );
}

/// The functions run with their owner's rights, so their owner counts as an owner of the planner's tables.
#[tokio::test]
async fn the_functions_that_read_users_belong_to_the_owner_of_their_table() {
    let planner = Planner::new().await;
    planner.database.psql(&format!(
        "CREATE TABLE public.users (id uuid, username text, is_active boolean); ALTER TABLE public.users OWNER TO {}",
        planner.role
    ));
    try_migrate(planner.database.url()).await.unwrap();
    let owner = "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE oid = 'phaseline.planner_user(uuid)'::regprocedure";
    assert_eq!(planner.database.psql(owner), planner.role);
    let mut writer = handle(&planner.url_of(&planner.writer)).connect("test").await.unwrap();
    phaseline_projections::refuse_excess_rights(&mut writer).await.unwrap();

    planner.database.psql("ALTER TABLE public.users OWNER TO postgres");
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    let wrong = phaseline_projections::wrong_owners(&mut connection).await.unwrap();
    let wrong: Vec<(&str, &str)> =
        wrong.iter().map(|wrong| (wrong.object.as_str(), wrong.wanted.as_str())).collect();
    let readers = ["phaseline.planner_user(uuid)", "phaseline.user_names(uuid[])"];
    assert_eq!(wrong, readers.map(|reader| (reader, "postgres")));
    phaseline_projections::upgrade(&mut connection).await.unwrap();
    assert_eq!(planner.database.psql(owner), "postgres");
    let refused = phaseline_projections::refuse_excess_rights(&mut writer).await.unwrap_err().to_string();
    assert!(refused.contains("the owner of public.users"), "{refused}");
}
