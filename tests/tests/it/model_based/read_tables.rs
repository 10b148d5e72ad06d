//! Reads the tables and the log.

use super::system_under_test::{Difference, Found, get};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use phaseline_tests::model::{Assignment, Budget, Days, Kind, MigrationTimes, NewRow, OldRow, Shape};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;

async fn rows(connection: &mut PgConnection, sql: &str) -> Vec<PgRow> {
    // Not as a persistent prepared statement, since the tables change.
    let query = sqlx::query(sql).persistent(false);
    query.fetch_all(connection).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

/// The current shape.
pub(crate) async fn shape(connection: &mut PgConnection) -> Shape {
    let found = rows(
        connection,
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'public.project_phases'::regclass AND attname = 'phase_type'
            AND NOT attisdropped",
    )
    .await;
    if found.is_empty() { Shape::New } else { Shape::Old }
}

/// All rows, in heap order where the order matters.
pub(crate) async fn read(connection: &mut PgConnection, shape: Shape) -> Found {
    let projects = rows(connection, "SELECT id, start_date, end_date FROM public.projects").await;
    let columns = "project_id, (capital_budget * 100)::bigint, (expense_budget * 100)::bigint, id, created_at, updated_at";
    let link = if shape == Shape::Old { "project_phase_id" } else { "NULL::uuid" };
    let assignments = rows(
        connection,
        &format!(
            "SELECT id, project_id, assignment_date, {link},
                    (to_jsonb(ra) - '{{id,project_id,assignment_date,project_phase_id}}'::text[])::text
               FROM public.resource_assignments ra ORDER BY ctid"
        ),
    )
    .await;
    let mut found = Found {
        projects: projects.iter().map(|row| (get(row, 0), days(row, 1))).collect(),
        old_rows: Vec::new(),
        new_rows: BTreeMap::new(),
        assignments: assignments
            .iter()
            .map(|row| Assignment {
                id: get(row, 0),
                project: get(row, 1),
                date: get(row, 2),
                phase: get(row, 3),
                rest: get(row, 4),
            })
            .collect(),
    };
    match shape {
        Shape::Old => {
            let sql = format!("SELECT {columns}, phase_type::text FROM public.project_phases ORDER BY ctid");
            found.old_rows = rows(connection, &sql).await.iter().map(old_row).collect();
        }
        Shape::New => {
            let sql = format!(
                "SELECT {columns}, name, start_date, end_date, description FROM public.project_phases"
            );
            found.new_rows =
                rows(connection, &sql).await.iter().map(new_row).map(|row| (row.id, row)).collect();
        }
    }
    found
}

fn days(row: &PgRow, at: usize) -> Days {
    Days::new(get::<NaiveDate>(row, at), get::<NaiveDate>(row, at + 1))
}

fn budget(row: &PgRow) -> Budget {
    Budget { capital: get(row, 1), expense: get(row, 2) }
}

fn old_row(row: &PgRow) -> OldRow {
    OldRow {
        project: get(row, 0),
        kind: if get::<String>(row, 6) == "PLANNING" { Kind::Planning } else { Kind::Execution },
        budget: budget(row),
        id: get(row, 3),
        created_at: get::<NaiveDateTime>(row, 4),
        updated_at: get::<NaiveDateTime>(row, 5),
    }
}

fn new_row(row: &PgRow) -> NewRow {
    NewRow {
        project: get(row, 0),
        budget: budget(row),
        id: get(row, 3),
        created_at: get::<NaiveDateTime>(row, 4),
        updated_at: get::<NaiveDateTime>(row, 5),
        name: get(row, 6),
        days: days(row, 7),
        description: get(row, 9),
    }
}

/// The log's last position; 0 without a log.
pub(crate) async fn last_position(connection: &mut PgConnection) -> i64 {
    if rows(connection, "SELECT 1 WHERE to_regclass('phaseline.events') IS NOT NULL").await.is_empty() {
        return 0;
    }
    get(&rows(connection, "SELECT coalesce(max(position), 0) FROM phaseline.events").await[0], 0)
}

/// The different times at which timelines changed behind a position.
pub(crate) async fn recorded_at(connection: &mut PgConnection, behind: i64) -> Vec<DateTime<Utc>> {
    let sql = format!(
        "SELECT DISTINCT recorded_at FROM phaseline.events WHERE position > {behind} AND stream_type = 'Timeline'"
    );
    rows(connection, &sql).await.iter().map(|row| get(row, 0)).collect()
}

/// Timestamps that only a migration's events have.
pub(crate) async fn migration_times(
    connection: &mut PgConnection,
    behind: i64,
) -> Result<MigrationTimes, Difference> {
    let times = recorded_at(connection, behind).await;
    if times.len() > 1 {
        return Err(format!("the timelines of one migration were recorded at different times: {times:?}"));
    }
    let sql = format!(
        "SELECT stream_id, (payload ->> 'phase_id')::uuid FROM phaseline.events
          WHERE position > {behind} AND event_type = 'DefaultPhaseSupplied'"
    );
    let supplied = rows(connection, &sql).await.iter().map(|row| (get(row, 0), get(row, 1))).collect();
    Ok(MigrationTimes {
        at: times.first().map_or_else(NaiveDateTime::default, DateTime::naive_utc),
        supplied,
    })
}
