//! The roles that own, grant and read in generated databases.
//!
//! Roles belong to the cluster, and tests run in parallel on one: so there is a fixed set, created by the
//! first test, never altered, never granted to each other and never dropped. They cannot log in; a test that acts as one of
//! them uses `SET ROLE`, or [`url_as`] for programs that take a URL.

/// Owns tables instead of the planner's role.
pub const OWNER: &str = "phaseline_test_owner";
/// Has grant options, and grants with them.
pub const GRANTOR: &str = "phaseline_test_grantor";
/// Has privileges by grants.
pub const READER: &str = "phaseline_test_reader";
/// Runs programs without owning an object.
pub const OPERATOR: &str = "phaseline_test_operator";
/// Has a name that needs quoting; as SQL, so with its quotes doubled.
pub const ODD: &str = r#""phaseline ""test"" Rôle""#;

/// The statement that creates all of them, safe for concurrent sessions. An advisory lock would not suffice:
/// it holds within one database only.
pub fn create() -> String {
    let attempts = [OWNER, GRANTOR, READER, OPERATOR, ODD].map(|role| {
        // Owners of tables on which row security is forced.
        let bypass = if [OWNER, ODD].contains(&role) { "BYPASSRLS" } else { "" };
        format!(
            "BEGIN CREATE ROLE {role} NOLOGIN {bypass};
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;"
        )
    });
    format!("DO $$ BEGIN {} END $$", attempts.join("\n"))
}

/// The URL with which a session starts as this role.
pub fn url_as(url: &str, role: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3D{role}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::load;
    use phaseline_embedded::testing::TestCluster;

    #[test]
    fn concurrent_sessions_can_create_the_roles() {
        let databases: Vec<_> = (0..8).map(|_| TestCluster::shared().database()).collect();
        std::thread::scope(|scope| {
            for database in &databases {
                scope.spawn(|| (0..5).for_each(|_| load(database.url(), [create()])));
            }
        });
    }

    #[test]
    fn a_url_can_act_as_a_role() {
        let cluster = TestCluster::shared();
        let database = cluster.database();
        load(database.url(), [create()]);
        let user = cluster.binaries().psql(&url_as(database.url(), OPERATOR), "SELECT current_user");
        assert_eq!(user.unwrap(), OPERATOR);
    }
}
