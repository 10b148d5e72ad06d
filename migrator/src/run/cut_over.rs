//! Steps of a swap that both directions share.

use crate::ddl;
use crate::definition::{self, MaterializedView, QualifiedName, TableDefinition, View};
use crate::error::MigratorError;
use crate::shape;
use sqlx::PgConnection;

/// The schema in which tables are built before the swap.
pub(crate) const SHADOW: &str = "phaseline_shadow";

/// Drops the schema, which is empty after the swap, and checks that no event trigger changed the tables meanwhile. To be called last, when
/// the definitions are compared: PostgreSQL plans every statement of the session again afterwards, and readers wait.
pub(crate) async fn drop_shadow(connection: &mut PgConnection) -> Result<(), MigratorError> {
    let compared = definition::catalogue_state(connection, &REBUILT).await?;
    sqlx::raw_sql(&format!("DROP SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    if definition::catalogue_state(connection, &REBUILT).await? == compared {
        return Ok(());
    }
    let changed =
        format!("the definition of {} changed when schema {SHADOW} was dropped", REBUILT.join(" or "));
    Err(MigratorError::SelfCheck(changed))
}

/// The definition of one of the planner's tables.
pub(crate) async fn capture_table(
    connection: &mut PgConnection,
    table: &str,
) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} is missing")))
}

/// The tables that are connected with these, and the planner's own.
pub(crate) fn with_own_tables(mut tables: Vec<QualifiedName>) -> Vec<QualifiedName> {
    for name in shape::TABLES {
        let table = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables.sort();
    tables
}

/// The tables that are built again in one direction or the other.
pub(crate) const REBUILT: [&str; 2] = ["project_phases", "resource_assignments"];

/// What reads the tables: detached from them for the swap, and attached again.
pub(crate) struct TableReaders {
    views: Vec<View>,
    /// Those that are made again, each after those that it reads.
    materialized: Vec<MaterializedView>,
    /// The other materialized views, which are only locked.
    kept: Vec<MaterializedView>,
}

/// The locks against readers beside those of the tables.
pub(crate) struct ReaderLocks {
    /// Statements that lock views. They come first: who reads a view locks it before its tables.
    pub views: Vec<String>,
    /// Statements that lock the sequences of the tables' columns, after the tables as an INSERT does.
    pub sequences: Vec<String>,
}

impl ReaderLocks {
    /// Those of both tables, as they are defined now.
    pub(crate) async fn find(connection: &mut PgConnection) -> Result<Self, MigratorError> {
        let views = TableReaders::capture(connection, &REBUILT).await?.locks(&[]).views;
        let mut sequences = Vec::new();
        for table in REBUILT {
            let definition = definition::capture(connection, "public", table).await?;
            sequences.extend(definition.iter().flat_map(TableDefinition::lock_sequences));
        }
        Ok(Self { views, sequences })
    }
}

impl TableReaders {
    /// Reads their definitions. Materialized views are made again if they read the tables in `swapped`.
    pub(crate) async fn capture(
        connection: &mut PgConnection,
        swapped: &[&str],
    ) -> Result<Self, MigratorError> {
        let views = definition::capture_views(connection, &REBUILT).await?;
        let all = definition::capture_materialized_views(connection, &REBUILT).await?;
        let materialized = if all.is_empty() || swapped == REBUILT {
            all.clone()
        } else {
            definition::capture_materialized_views(connection, swapped).await?
        };
        let kept = all.into_iter().filter(|view| !materialized.contains(view)).collect();
        Ok(Self { views, materialized, kept })
    }

    /// The locks of these, and of the sequences of `tables`.
    pub(crate) fn locks(&self, tables: &[&TableDefinition]) -> ReaderLocks {
        let Self { views, materialized, kept } = self;
        let materialized = materialized.iter().chain(kept);
        ReaderLocks {
            views: views.iter().map(View::lock).chain(materialized.map(MaterializedView::lock)).collect(),
            sequences: tables.iter().flat_map(|table| table.lock_sequences()).collect(),
        }
    }

    const fn is_empty(&self) -> bool {
        self.views.is_empty() && self.materialized.is_empty()
    }

    /// Whether there is nothing that reads the tables.
    pub(crate) const fn are_none(&self) -> bool {
        self.is_empty() && self.kept.is_empty()
    }

    /// Detaches the views, and drops the materialized views that are made again.
    pub(crate) async fn detach(&self, connection: &mut PgConnection) -> Result<(), MigratorError> {
        let dropped = self.materialized.iter().rev().map(MaterializedView::drop);
        let statements: Vec<String> = self.views.iter().map(View::detach).chain(dropped).collect();
        ddl::run(connection, &statements).await
    }
}

/// Detaches the views that read the tables, and drops the materialized views that read those in `swapped`.
pub(crate) async fn detach_readers(
    connection: &mut PgConnection,
    swapped: &[&str],
) -> Result<TableReaders, MigratorError> {
    let readers = TableReaders::capture(connection, swapped).await?;
    readers.detach(connection).await?;
    Ok(readers)
}

/// Makes the materialized views again, gives the views their definitions, and checks that all are the same.
pub(crate) async fn attach_readers(
    connection: &mut PgConnection,
    readers: &TableReaders,
) -> Result<(), MigratorError> {
    if readers.is_empty() {
        return Ok(());
    }
    let TableReaders { views, materialized, .. } = readers;
    let mut statements: Vec<String> = materialized.iter().flat_map(MaterializedView::create).collect();
    statements.extend(views.iter().map(View::attach));
    statements.extend(materialized.iter().flat_map(MaterializedView::finish));
    statements.extend(materialized.iter().filter_map(MaterializedView::refresh));
    ddl::run(connection, &statements).await?;
    let found = definition::capture_views(connection, &REBUILT).await?;
    if let Some(view) = views.iter().find(|view| !found.contains(view)) {
        return Err(MigratorError::SelfCheck(format!("the definition of the view {} differs", view.title())));
    }
    let found = definition::capture_materialized_views(connection, &REBUILT).await?;
    for view in materialized {
        let title = view.definition.title();
        let same = found.iter().find(|found| found.definition.title() == title);
        let differences =
            same.map_or_else(|| vec![format!("{title} is missing")], |found| view.differences(found));
        if !differences.is_empty() {
            return Err(MigratorError::SelfCheck(differences.join("; ")));
        }
    }
    Ok(())
}

/// Changes the planner's own revision, which must be the expected one.
pub(crate) async fn set_revision(
    connection: &mut PgConnection,
    from: &str,
    to: &str,
) -> Result<(), MigratorError> {
    let updated = sqlx::query("UPDATE public.alembic_version SET version_num = $2 WHERE version_num = $1")
        .bind(from)
        .bind(to)
        .execute(connection)
        .await?
        .rows_affected();
    if updated == 1 {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("alembic_version had {updated} rows at {from}")))
    }
}

/// Captures the table, and compares it with the intended definition.
pub(crate) async fn check_definition(
    connection: &mut PgConnection,
    wanted: &TableDefinition,
) -> Result<(), MigratorError> {
    let built = definition::capture(connection, "public", &wanted.name)
        .await?
        .ok_or_else(|| MigratorError::SelfCheck(format!("{} is missing", wanted.title())))?;
    let differences = wanted.differences(&built);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("{}: {}", wanted.title(), differences.join("; "))))
    }
}
