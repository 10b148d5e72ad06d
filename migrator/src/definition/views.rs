//! Views that read tables which are built again: their definitions are replaced during the swap.
//!
//! A view depends on its tables by their identity, so that an old table cannot be dropped. `CREATE OR REPLACE VIEW` keeps a view's
//! identity, owner, privileges, comments, triggers and defaults, and the views that read it. So each view first gets a definition without
//! tables, and its own one again after the swap. Neither runs code of its author: [`super::obstacles`] names the views whose constants
//! would.

use super::capture::empty_search_path;
use super::quote::{quote_ident, quote_literal};
use super::{DefinitionError, QualifiedName};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

/// A view that reads one of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct View {
    pub(super) name: QualifiedName,
    pub(super) owner: String,
    /// `name=value`, in the catalogue's order.
    options: Vec<String>,
    columns: Vec<ViewColumn>,
    /// The query, with qualified names.
    definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ViewColumn {
    name: String,
    data_type: String,
    /// With its schema; none if it is the type's own.
    collation: Option<QualifiedName>,
}

/// The views that read these tables of schema `public`, or their materialized views, directly, by name. Must run in a transaction, and leaves its `search_path` empty.
pub async fn capture_views(conn: &mut PgConnection, tables: &[&str]) -> Result<Vec<View>, DefinitionError> {
    empty_search_path(conn).await?;
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let views: Vec<Json<View>> =
        sqlx::query_scalar(concat!(include_str!("readers.sql"), include_str!("views.sql")))
            .bind(tables)
            .fetch_all(&mut *conn)
            .await?;
    Ok(views.into_iter().map(|Json(view)| view).collect())
}

impl View {
    /// Its qualified name.
    pub fn title(&self) -> String {
        self.name.to_sql()
    }

    /// The statement that locks the view alone, against readers, too: `LOCK TABLE` would lock all that it reads.
    pub fn lock(&self) -> String {
        format!("ALTER VIEW {} OWNER TO {}", self.name.to_sql(), quote_ident(&self.owner))
    }

    /// The statement that gives it a definition without tables.
    pub fn detach(&self) -> String {
        let column = |column: &ViewColumn| {
            let collation = match &column.collation {
                Some(collation) => format!(" COLLATE {}", collation.to_sql()),
                None => String::new(),
            };
            format!("NULL::{}{collation} AS {}", column.data_type, quote_ident(&column.name))
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("CREATE OR REPLACE VIEW {} AS SELECT {}", self.name.to_sql(), columns.join(", "))
    }

    /// The statement that gives it its own definition again.
    pub fn attach(&self) -> String {
        let options: Vec<String> = self
            .options
            .iter()
            .map(|option| {
                let (name, value) = option.split_once('=').unwrap_or((option, "true"));
                format!("{} = {}", quote_ident(name), quote_literal(value))
            })
            .collect();
        let options =
            if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        format!("CREATE OR REPLACE VIEW {}{options} AS {}", self.name.to_sql(), self.definition)
    }
}
