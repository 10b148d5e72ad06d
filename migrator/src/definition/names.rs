//! Names that must be free for the objects of a run.

use sqlx::PgConnection;

use super::capture::empty_search_path;
use super::{DefinitionError, Obstacle, QualifiedName};

/// A name that a run will use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeededName {
    /// A schema.
    Schema(String),
    /// A table or an index: they share one space of names with views and sequences.
    Relation(QualifiedName),
    /// A constraint of a table.
    Constraint {
        /// The table.
        table: QualifiedName,
        /// The constraint's name.
        name: String,
    },
    /// The constraint that `NOT NULL` makes for a column; before PostgreSQL 18 it makes none.
    NotNull {
        /// The table.
        table: QualifiedName,
        /// The column's name.
        column: String,
    },
    /// An extended statistics object.
    Statistics(QualifiedName),
}

impl NeededName {
    /// The index that a run creates in a table's schema.
    pub fn relation(schema: &str, name: &str) -> Self {
        Self::Relation(QualifiedName { schema: schema.into(), name: name.into() })
    }

    /// The constraint of a `NOT NULL` that a run creates on a table.
    pub fn not_null(schema: &str, table: &str, column: &str) -> Self {
        let table = QualifiedName { schema: schema.into(), name: table.into() };
        Self::NotNull { table, column: column.into() }
    }

    /// The constraint that a run creates on a table.
    pub fn constraint(schema: &str, table: &str, name: &str) -> Self {
        let table = QualifiedName { schema: schema.into(), name: table.into() };
        Self::Constraint { table, name: name.into() }
    }
}

/// The names that are not free. The caller leaves out names that the run itself frees. Must run in a transaction; a role
/// that may only read suffices.
pub async fn names_taken(
    conn: &mut PgConnection,
    needed: &[NeededName],
) -> Result<Vec<Obstacle>, DefinitionError> {
    empty_search_path(conn).await?;
    let mut obstacles = Vec::new();
    for name in needed {
        let (sql, schema, table, name) = match name {
            NeededName::Schema(name) => (
                "SELECT 'schema ' || quote_ident(nspname) FROM pg_catalog.pg_namespace \
                 WHERE $1 = '' AND $2 = '' AND nspname = $3",
                "",
                "",
                name,
            ),
            NeededName::Relation(name) => (
                "SELECT pg_describe_object('pg_catalog.pg_class'::regclass, c.oid, 0) FROM pg_catalog.pg_class c \
                 WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) \
                 AND $2 = '' AND c.relname = $3",
                name.schema.as_str(),
                "",
                &name.name,
            ),
            NeededName::Constraint { table, name } => (
                "SELECT pg_describe_object('pg_catalog.pg_constraint'::regclass, con.oid, 0) \
                 FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_class c ON c.oid = con.conrelid \
                 WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) \
                 AND c.relname = $2 AND con.conname = $3",
                table.schema.as_str(),
                table.name.as_str(),
                name,
            ),
            NeededName::NotNull { table, column } => (
                "SELECT pg_describe_object('pg_catalog.pg_constraint'::regclass, con.oid, 0) \
                 FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_class c ON c.oid = con.conrelid \
                 WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) \
                 AND c.relname = $2 AND con.conname = format('%s_%s_not_null', $2, $3) \
                 AND current_setting('server_version_num')::int4 >= 180000",
                table.schema.as_str(),
                table.name.as_str(),
                column,
            ),
            NeededName::Statistics(name) => (
                "SELECT pg_describe_object('pg_catalog.pg_statistic_ext'::regclass, s.oid, 0) \
                 FROM pg_catalog.pg_statistic_ext s \
                 WHERE s.stxnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) \
                 AND $2 = '' AND s.stxname = $3",
                name.schema.as_str(),
                "",
                &name.name,
            ),
        };
        let taken: Option<String> =
            sqlx::query_scalar(sql).bind(schema).bind(table).bind(name).fetch_optional(&mut *conn).await?;
        if let Some(object) = taken {
            obstacles.push(Obstacle {
                table: if table.is_empty() { schema.into() } else { format!("{schema}.{table}") },
                reason: "the migration needs this name".into(),
                remedy: format!("rename the {object}, or drop it if it is not needed"),
                object,
            });
        }
    }
    Ok(obstacles)
}
