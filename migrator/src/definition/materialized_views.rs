//! Materialized views that read tables which are built again: they are made again after the swap, and refreshed if they had rows.
//!
//! No statement replaces the definition of a materialized view, so it cannot stay as a view does. It is described as a table is, by the
//! parts that both have: storage, columns, indexes, statistics, comments, privileges. It is made without rows and gets its owner before
//! anything is computed: `CREATE INDEX` and `REFRESH` run functions with the rights of the owner only, in PostgreSQL's own guard.

use super::canonical_sql::canonical;
use super::capture::{capture_relation, empty_search_path};
use super::ddl::{assignments, set_tablespace};
use super::quote::{quote_ident, quote_literal};
use super::{DefinitionError, Note, RebuiltTable, TableDefinition};
use sqlx::PgConnection;

/// A materialized view that reads one of the tables.
#[derive(Clone, Debug, PartialEq)]
pub struct MaterializedView {
    /// Everything but its query.
    pub definition: TableDefinition,
    /// The query, with qualified names.
    query: String,
    /// Whether it has rows, so that it can be read.
    is_populated: bool,
}

/// The materialized views that read these tables of schema `public` directly, and those that read them, each after those that it reads.
/// Must run in a transaction, and leaves its `search_path` empty.
pub async fn capture_materialized_views(
    conn: &mut PgConnection,
    tables: &[&str],
) -> Result<Vec<MaterializedView>, DefinitionError> {
    empty_search_path(conn).await?;
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let found: Vec<(String, String, String, bool)> =
        sqlx::query_as(concat!(include_str!("readers.sql"), include_str!("materialized_views.sql")))
            .bind(tables)
            .fetch_all(&mut *conn)
            .await?;
    let mut views = Vec::new();
    for (schema, name, query, is_populated) in found {
        if let Some(definition) = capture_relation(conn, &schema, &name, "m").await? {
            let query = query.trim_end_matches(';').to_owned();
            views.push(MaterializedView { definition, query, is_populated });
        }
    }
    Ok(views)
}

impl MaterializedView {
    /// Its qualified name.
    pub fn name(&self) -> String {
        self.definition.qualified_name()
    }

    /// As an object of [`super::obstacles`].
    pub(super) fn as_rebuilt(&self) -> RebuiltTable<'_> {
        RebuiltTable {
            schema: &self.definition.schema,
            table: &self.definition.name,
            going_columns: &[],
            expected_columns: None,
            rebuilt: true,
        }
    }

    pub(super) fn note(&self) -> Note {
        let made = "it is made again with its tables, while these are locked";
        let text = if self.is_populated {
            format!("{made}, and refreshed: its rows are then those of its query")
        } else {
            format!("{made}, without rows as now")
        };
        Note {
            table: "the database".to_owned(),
            object: format!("materialized view {}", self.definition.title()),
            text,
        }
    }

    /// The statement that locks it, against readers, too: `LOCK TABLE` takes no materialized view.
    pub fn lock(&self) -> String {
        format!("ALTER MATERIALIZED VIEW {} OWNER TO {}", self.name(), quote_ident(&self.definition.owner))
    }

    /// The statement that drops it. Those that read it must be dropped before.
    pub fn drop(&self) -> String {
        format!("DROP MATERIALIZED VIEW {} RESTRICT", self.name())
    }

    /// The statements that make it, without rows and indexes.
    pub fn create(&self) -> Vec<String> {
        let Self { definition, query, .. } = self;
        let options = &mut assignments(&definition.options, "");
        let options: Vec<String> = options.chain(assignments(&definition.toast_options, "toast.")).collect();
        let with = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        let mut ddl = vec![
            set_tablespace(definition.tablespace.as_deref()),
            format!(
                "CREATE MATERIALIZED VIEW {} USING {}{with} AS {query} WITH NO DATA",
                self.name(),
                quote_ident(&definition.access_method)
            ),
            format!("ALTER TABLE {} OWNER TO {}", self.name(), quote_ident(&definition.owner)),
        ];
        for column in &definition.columns {
            if let Some(method) = &column.compression {
                ddl.push(format!(
                    "ALTER TABLE ONLY {} ALTER COLUMN {} SET COMPRESSION {}",
                    self.name(),
                    quote_ident(&column.name),
                    quote_ident(method)
                ));
            }
            ddl.extend(column.settings(&self.name()));
        }
        ddl.push(set_tablespace(None));
        ddl
    }

    /// The statements that give it its indexes, comments and privileges. Views and materialized views that it reads must have their
    /// definitions.
    pub fn finish(&self) -> Vec<String> {
        let mut definition = self.definition.clone();
        let comment = definition.comment.take();
        let mut ddl = definition.index_in(&definition.schema);
        ddl.extend(comment.map(|text| {
            canonical(&format!("COMMENT ON MATERIALIZED VIEW {} IS {}", self.name(), quote_literal(&text)))
        }));
        ddl.extend(definition.finish());
        ddl
    }

    /// The statement that computes its rows, if it had any. Those that it reads must have theirs.
    pub fn refresh(&self) -> Option<String> {
        self.is_populated.then(|| format!("REFRESH MATERIALIZED VIEW {}", self.name()))
    }

    /// The differences between this definition and a new capture, one line each.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut lines = self.definition.differences(&found.definition);
        if self.query != found.query {
            lines.push(format!("{}: the query differs", self.definition.title()));
        }
        if self.is_populated != found.is_populated {
            lines.push(format!("{}: it has rows, or has none", self.definition.title()));
        }
        lines
    }
}
