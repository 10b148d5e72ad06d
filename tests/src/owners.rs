//! Roles that own the planner's tables.

use phaseline_embedded::testing::TestDatabase;

/// Gives all tables and enums of a schema to an existing role.
pub fn give_schema(database: &TestDatabase, schema: &str, role: &str) {
    database.psql(&format!(
        "DO $$ DECLARE t record; BEGIN
             FOR t IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind = 'r'
             LOOP EXECUTE format('ALTER TABLE %s OWNER TO {role}', t.name); END LOOP;
             FOR t IN SELECT y.oid::regtype AS name FROM pg_type y WHERE y.typnamespace = '{schema}'::regnamespace AND y.typtype = 'e'
             LOOP EXECUTE format('ALTER TYPE %s OWNER TO {role}', t.name); END LOOP;
         END $$"
    ));
}

/// Creates a role that can log in with the password `x`, is not a superuser, and owns all objects of the planner in schema `public`.
pub fn make_planner(database: &TestDatabase, role: &str) {
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        database.name()
    ));
    give_schema(database, "public", role);
}

/// The URL of the same database for a role with the password `x`.
pub fn url_of(database: &TestDatabase, role: &str) -> String {
    let (_, host) = database.url().rsplit_once('@').expect("a test database's URL has a login");
    format!("postgres://{role}:x@{host}")
}
