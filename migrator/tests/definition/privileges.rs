//! Missing privileges are listed beforehand, and the listed ones suffice.

use phaseline_migrator::definition::missing_privileges;
use sqlx::{Connection, PgConnection};

use crate::fixture::{Fixture, SHADOW, assert_same_dumps, definition_of, rebuild};

async fn missing(conn: &mut PgConnection, role: Option<&str>) -> Vec<String> {
    let mut tx = conn.begin().await.unwrap();
    let phases = definition_of(&mut tx, "project_phases").await;
    let assignments = definition_of(&mut tx, "resource_assignments").await;
    let missing = missing_privileges(&mut tx, role, SHADOW, &[&phases, &assignments]).await.unwrap();
    missing.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_role_with_the_missing_privileges_can_rebuild_everything() {
    let fixture = Fixture::with_objects();
    let migrator = fixture.role("migrator");
    let [owner, alice, bob] = ["owner", "alice", "bob"].map(|name| fixture.role(name));
    let carol = format!("\"{} odd \"\"Carol\"\"\"", fixture.role("").trim_end_matches('_'));
    let space = format!("\"{} space\"", fixture.role("").trim_end_matches('_'));
    let publication = format!("\"{} Odd pub\"", fixture.role("").trim_end_matches('_'));
    fixture.database.psql(&format!(
        "CREATE ROLE {migrator}; REVOKE EXECUTE ON FUNCTION noop() FROM PUBLIC; REVOKE USAGE ON TYPE phasetype FROM PUBLIC;
         ALTER DEFAULT PRIVILEGES FOR ROLE {migrator} GRANT ALL ON TABLES TO {alice}, PUBLIC"
    ));
    let mut conn = fixture.connect().await;
    assert_eq!(missing(&mut conn, None).await, Vec::<String>::new());
    let lacking = missing(&mut conn, Some(&migrator)).await;
    let database = fixture.database.name();
    let carol_s = r#"public"."resource_assignments"#;
    let has_options = fixture.database.cluster().binaries().major_version() >= 16;
    let inherit = if has_options { " WITH INHERIT TRUE" } else { "" };
    let mut expected = vec![
        format!(
            "{migrator} cannot read all rows of \"public\".\"project_phases\", where row security is forced on its \
                 owner: ALTER ROLE {migrator} BYPASSRLS"
        ),
        format!(
            "{migrator} does not have the rights of {alice}, the owner of statistics \"stats\".\"Odd stats\": \
                 GRANT {alice} TO {migrator}{inherit}"
        ),
        format!(
            "{migrator} does not have the rights of {carol}, the owner of table \"{carol_s}\": \
                 GRANT {carol} TO {migrator}{inherit}"
        ),
        format!(
            "{migrator} does not have the rights of {owner}, the owner of table \"public\".\"project_phases\": \
                 GRANT {owner} TO {migrator}{inherit}"
        ),
        format!(
            "{migrator} does not have the rights of postgres, the owner of publication {publication}: \
                 ALTER PUBLICATION {publication} OWNER TO {migrator}"
        ),
        format!(
            "{migrator} does not have the rights of postgres, the owner of table \"public\".\"actuals\", whose \
                 foreign key \"actuals_resource_assignment_id_fkey\" is dropped and added again: \
                 ALTER TABLE \"public\".\"actuals\" OWNER TO {migrator}"
        ),
    ];
    expected.retain(|sentence| !lacking.contains(sentence));
    assert!(expected.is_empty(), "not listed: {expected:#?}\nlisted: {lacking:#?}");
    for part in [
        format!("{migrator} may not SET ROLE to {bob}, who granted privileges on"),
        format!("{migrator} may not SET ROLE to {alice}, who granted privileges on"),
        format!(
            "{migrator} may not create schema {SHADOW}: GRANT CREATE ON DATABASE {database} TO {migrator}"
        ),
        format!(
            "{migrator} may not create objects in schema public: GRANT CREATE ON SCHEMA public TO {migrator}"
        ),
        format!("{carol} may not create objects in schema public: GRANT CREATE ON SCHEMA public TO {carol}"),
        format!(
            "{migrator} may not add foreign key \"project_phases_project_id_fkey\" to table \"public\".\"projects\""
        ),
        format!("{migrator} may not execute function public.noop() of trigger"),
        format!("{migrator} may not name table \"public\".\"projects\" in trigger \"e_constraint\""),
        format!("{migrator} may not create in tablespace {space}"),
        format!("{migrator} may not use type public.phasetype of column \"phase_type\""),
    ] {
        assert!(
            lacking.iter().any(|sentence| sentence.starts_with(&part)),
            "not listed: {part}\nlisted: {lacking:#?}"
        );
    }

    // Every listed privilege, but not the rights of a superuser.
    fixture.database.psql(&format!(
        "GRANT {owner}, {alice}, {bob}, {carol} TO {migrator};
         ALTER ROLE {migrator} BYPASSRLS;
         GRANT CREATE ON DATABASE {database} TO {migrator};
         GRANT CREATE ON SCHEMA public TO {migrator}, {carol};
         GRANT CREATE ON SCHEMA stats TO {migrator};
         GRANT REFERENCES ON projects, resources TO {migrator};
         GRANT CREATE ON TABLESPACE {space} TO {migrator};
         GRANT EXECUTE ON FUNCTION noop() TO {migrator};
         GRANT USAGE ON TYPE phasetype TO {migrator};
         ALTER TABLE actuals OWNER TO {migrator};
         ALTER TABLE stats.\"Phase notes\" OWNER TO {migrator};
         GRANT USAGE ON SCHEMA stats TO {migrator};
         ALTER PUBLICATION {publication} OWNER TO {migrator};
         ALTER STATISTICS stats.ra_stats OWNER TO {carol};
         ALTER STATISTICS public.pp_stats OWNER TO {owner};
         GRANT ALL ON SCHEMA stats TO {carol}; GRANT TRIGGER ON projects TO {migrator};"
    ));
    assert_eq!(missing(&mut conn, Some(&migrator)).await, Vec::<String>::new());
    let before = fixture.dumps();
    sqlx::raw_sql(&format!("SET SESSION AUTHORIZATION {migrator}")).execute(&mut conn).await.unwrap();
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
}
