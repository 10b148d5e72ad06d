//! The planner's tables in a test database, and the steps of a migration and a rollback.

use std::sync::atomic::{AtomicU32, Ordering};

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::definition::{
    self, ColumnDefinition, DetachedColumn, TableDefinition, capture, finish,
};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};

pub(crate) const SHADOW: &str = "phaseline_shadow";

/// The planner's tables. Only this test uses roles named with [`Fixture::role`].
pub(crate) struct Fixture {
    pub(crate) database: TestDatabase,
    prefix: String,
}

impl Fixture {
    pub(crate) fn bare() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = TestCluster::shared().database();
        database.psql(include_str!("planner.sql"));
        let prefix = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { database, prefix }
    }

    /// With objects that administrators add to tables.
    pub(crate) fn with_objects() -> Self {
        let fixture = Self::bare();
        let database = fixture.database.name();
        fixture.database.psql(&format!("ALTER DATABASE {database} SET allow_in_place_tablespaces = on"));
        fixture.database.psql(&format!("CREATE TABLESPACE \"{} space\" LOCATION ''", fixture.prefix));
        fixture.database.psql(
            &include_str!("table_objects.sql")
                .replace("ROLE_", &fixture.role(""))
                .replace("\"ROLE ", &format!("\"{} ", fixture.prefix)),
        );
        fixture
    }

    /// A role's name that no other test uses.
    pub(crate) fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// `pg_dump --schema=public`, and of the whole database without the program's own schemas.
    pub(crate) fn dumps(&self) -> [String; 2] {
        [
            self.database.dump(&["--schema=public"]),
            self.database.dump(&["--exclude-schema=kept", "--exclude-schema=phaseline_shadow"]),
        ]
    }
}

/// Fails with the first lines that differ, rather than with two whole dumps.
pub(crate) fn assert_same_dumps(before: &[String; 2], after: &[String; 2]) {
    for (before, after) in before.iter().zip(after) {
        let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let lost: Vec<_> = old.iter().filter(|line| !new.contains(line)).collect();
        let added: Vec<_> = new.iter().filter(|line| !old.contains(line)).collect();
        assert!(before == after, "the dumps differ\nlost: {lost:#?}\nadded: {added:#?}");
    }
}

pub(crate) async fn run(conn: &mut PgConnection, ddl: &[String]) {
    for statement in ddl {
        if let Err(error) = sqlx::raw_sql(statement).execute(&mut *conn).await {
            panic!("{statement}: {error}");
        }
    }
}

pub(crate) async fn definition_of(conn: &mut PgConnection, table: &str) -> TableDefinition {
    capture(conn, "public", table).await.unwrap().unwrap()
}

/// The parts of definitions that the log keeps between migration and rollback.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) phases: DetachedColumn,
    pub(crate) assignments: DetachedColumn,
}

/// From the legacy shape to the timeline shape, in one transaction. Returns the detached parts for the rollback, as JSON.
pub(crate) async fn migrate(conn: &mut PgConnection) -> String {
    let mut tx = conn.begin().await.unwrap();
    keep_rows(&mut tx).await;
    let mut phases = definition_of(&mut tx, "project_phases").await;
    let mut assignments = definition_of(&mut tx, "resource_assignments").await;
    let drop_keys = phases.drop_incoming_foreign_keys();
    let kept = Kept {
        phases: phases.detach_column("phase_type").unwrap(),
        assignments: assignments.detach_column("project_phase_id").unwrap(),
    };
    phases.forget_keys_of(&kept.assignments);
    phases.add_column(ColumnDefinition::new("name", "character varying(100)", true));
    phases.add_column(ColumnDefinition::new("start_date", "date", true));
    phases.add_column(ColumnDefinition::new("end_date", "date", true));
    phases.add_column(ColumnDefinition::new("description", "character varying(500)", false));
    phases.add_index("ix_project_phases_start_date", &["start_date"]);
    phases.add_index("ix_project_phases_end_date", &["end_date"]);
    phases.add_check("check_phase_dates", "start_date <= end_date", &["start_date", "end_date"]);

    run(&mut tx, &[format!("CREATE SCHEMA {SHADOW}")]).await;
    run(&mut tx, &phases.create_in(SHADOW)).await;
    let load = format!(
        "INSERT INTO {SHADOW}.project_phases SELECT project_id, capital_budget, expense_budget, total_budget, id, \
         created_at, updated_at, initcap(phase_type::text), '2025-01-01', '2025-12-31', NULL FROM kept.project_phases \
         ORDER BY place"
    );
    run(&mut tx, &[load]).await;
    run(&mut tx, &phases.index_in(SHADOW)).await;
    run(&mut tx, &phases.validate_in(SHADOW)).await;
    run(&mut tx, &drop_keys).await;
    run(&mut tx, &kept.assignments.drop_in_place()).await;
    run(&mut tx, &phases.swap_in(SHADOW)).await;
    run(&mut tx, &finish(&[&phases])).await;
    run(&mut tx, &[format!("DROP SCHEMA {SHADOW} RESTRICT")]).await;
    assert_replayed(&mut tx, &[&phases, &assignments]).await;
    tx.commit().await.unwrap();
    serde_json::to_string(&kept).unwrap()
}

/// From the timeline shape to the legacy shape, with the current catalogue and the detached parts.
pub(crate) async fn roll_back(conn: &mut PgConnection, kept: &str) {
    let kept: Kept = serde_json::from_str(kept).unwrap();
    let mut tx = conn.begin().await.unwrap();
    let mut phases = definition_of(&mut tx, "project_phases").await;
    let mut assignments = definition_of(&mut tx, "resource_assignments").await;
    let drop_keys = [phases.drop_incoming_foreign_keys(), assignments.drop_incoming_foreign_keys()].concat();
    for column in ["name", "start_date", "end_date", "description"] {
        phases.detach_column(column).unwrap();
    }
    phases.reattach(kept.phases).unwrap();
    assignments.reattach(kept.assignments).unwrap();
    phases.add_keys_from(&assignments);

    run(&mut tx, &[format!("CREATE SCHEMA {SHADOW}")]).await;
    for table in [&phases, &assignments] {
        run(&mut tx, &table.create_in(SHADOW)).await;
        load(&mut tx, table, "kept", "place").await;
        run(&mut tx, &table.index_in(SHADOW)).await;
        run(&mut tx, &table.validate_in(SHADOW)).await;
    }
    run(&mut tx, &drop_keys).await;
    run(&mut tx, &[assignments.swap_in(SHADOW), phases.swap_in(SHADOW)].concat()).await;
    run(&mut tx, &finish(&[&phases, &assignments])).await;
    run(&mut tx, &[format!("DROP SCHEMA {SHADOW} RESTRICT")]).await;
    assert_replayed(&mut tx, &[&phases, &assignments]).await;
    tx.commit().await.unwrap();
}

/// Rebuilds both tables unchanged.
pub(crate) async fn rebuild(conn: &mut PgConnection) {
    let mut tx = conn.begin().await.unwrap();
    let phases = definition_of(&mut tx, "project_phases").await;
    let assignments = definition_of(&mut tx, "resource_assignments").await;
    // The value must be equal after it was stored in the log.
    let json = serde_json::to_string(&[&phases, &assignments]).unwrap();
    let tables: Vec<TableDefinition> = serde_json::from_str(&json).unwrap();
    run(&mut tx, &[format!("CREATE SCHEMA {SHADOW}")]).await;
    for table in &tables {
        run(&mut tx, &table.create_in(SHADOW)).await;
        load(&mut tx, table, "public", "ctid").await;
        run(&mut tx, &table.index_in(SHADOW)).await;
        run(&mut tx, &table.validate_in(SHADOW)).await;
    }
    for table in &tables {
        run(&mut tx, &table.drop_incoming_foreign_keys()).await;
    }
    for table in &tables {
        run(&mut tx, &table.swap_in(SHADOW)).await;
    }
    let tables: Vec<&TableDefinition> = tables.iter().collect();
    run(&mut tx, &finish(&tables)).await;
    run(&mut tx, &[format!("DROP SCHEMA {SHADOW} RESTRICT")]).await;
    assert_replayed(&mut tx, &tables).await;
    tx.commit().await.unwrap();
}

/// Copies the rows for the rollback, which is not the task of the tested module.
async fn keep_rows(conn: &mut PgConnection) {
    for table in ["project_phases", "resource_assignments"] {
        let copy = format!(
            "CREATE SCHEMA IF NOT EXISTS kept; DROP TABLE IF EXISTS kept.{table}; CREATE TABLE kept.{table} AS \
             SELECT *, row_number() OVER (ORDER BY ctid) AS place FROM public.{table}"
        );
        run(conn, &[copy]).await;
    }
}

async fn load(conn: &mut PgConnection, table: &TableDefinition, from: &str, order: &str) {
    let columns: Vec<String> = table.loadable_columns().map(definition::quote_ident).collect();
    let columns = columns.join(", ");
    let name = &table.name;
    let insert = format!(
        "INSERT INTO {SHADOW}.{name} ({columns}) SELECT {columns} FROM {from}.{name} ORDER BY {order}"
    );
    run(conn, &[insert]).await;
}

/// A new capture equals the wanted definition.
async fn assert_replayed(conn: &mut PgConnection, wanted: &[&TableDefinition]) {
    for wanted in wanted {
        let found = definition_of(conn, &wanted.name).await;
        assert_eq!(wanted.differences(&found), Vec::<String>::new());
        assert_eq!(**wanted, found);
    }
}
