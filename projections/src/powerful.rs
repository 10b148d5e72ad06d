//! Powerful roles: others must not get their rights.

/// The condition on a row `r` of `pg_roles` that makes this role and its members powerful. CREATEROLE gives itself the rights of other
/// roles. The functions of schema `phaseline` have the same condition, which a test checks.
const CONDITION: &str = "r.rolsuper OR r.rolcreaterole OR r.rolname IN \
     ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')";

/// SQL that is true if the role with this `oid` (an expression) is powerful, or a member of a powerful role.
pub fn is_powerful(oid: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE ({CONDITION}) AND pg_catalog.pg_has_role({oid}, r.oid, 'MEMBER'))"
    )
}

#[cfg(test)]
mod tests {
    use super::CONDITION;

    #[test]
    fn the_functions_of_the_schema_have_the_same_condition() {
        let words = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let function = include_str!("../sql/schema/refuse_foreign_triggers.sql");
        assert!(words(function).contains(&words(CONDITION)));
    }
}
