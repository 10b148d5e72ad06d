//! Projects with all their rows in `project_phases`, with any values.

use crate::live_row::{LiveRow, NIL_ID, select_list};
use crate::project_phases::COLUMNS;
use phaseline_domain::ProjectId;
use phaseline_store::{StoreError, copy};
use serde::Deserialize;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A project's dates and rows as the tables have them.
#[derive(Debug)]
pub(crate) struct ProjectRows {
    pub(crate) project_id: ProjectId,
    /// `start_date` and `end_date` in `public.projects`, as text; none if the project does not exist.
    pub(crate) dates: Option<[Option<String>; 2]>,
    pub(crate) rows: Vec<LiveRow>,
}

/// All projects for which `known` is false, or of these only the requested ones, by id. Includes projects without rows, and rows whose
/// project is not in `public.projects`. Needs SELECT on both tables.
pub(crate) async fn projects_with_rows(
    connection: &mut PgConnection,
    only: Option<&[ProjectId]>,
    known: impl Fn(ProjectId) -> bool,
) -> Result<Vec<ProjectRows>, StoreError> {
    let among = only.map_or_else(String::new, |only| {
        let ids: Vec<String> = only.iter().map(ToString::to_string).collect();
        format!(
            "WHERE coalesce(p.id, ph.project_id, {NIL_ID}) = ANY ('{{{}}}'::pg_catalog.uuid[])",
            ids.join(",")
        )
    });
    let query = format!(
        "SELECT coalesce(p.id, ph.project_id, {NIL_ID}), p.id, pg_catalog.to_json(p.start_date) #>> '{{}}',
                pg_catalog.to_json(p.end_date) #>> '{{}}', ph.tableoid::bigint, {}
           FROM public.projects p FULL JOIN public.project_phases ph ON ph.project_id = p.id {among}",
        select_list()
    );
    let mut found: BTreeMap<ProjectId, ProjectRows> = BTreeMap::new();
    copy::read(connection, &query, |row| {
        let project_id = ProjectId::from(row.uuid(0)?);
        if known(project_id) {
            return Ok(());
        }
        let text = |index| {
            Ok::<_, copy::CopyError>(
                row.nullable(index)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
            )
        };
        let dates = match row.nullable(1)? {
            Some(_) => Some([text(2)?, text(3)?]),
            None => None,
        };
        let project = found.entry(project_id).or_insert(ProjectRows { project_id, dates, rows: Vec::new() });
        if row.nullable(4)?.is_some() {
            project.rows.push(LiveRow::read(&row, 5)?);
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(found.into_values().collect())
}

/// The result of `phaseline.unadopted`.
#[derive(Deserialize)]
struct UnadoptedRows {
    dates: Option<[Option<String>; 2]>,
    rows: Vec<[Option<String>; COLUMNS.len()]>,
}

fn parsed(project_id: ProjectId, json: &str) -> Result<ProjectRows, serde_json::Error> {
    let document: UnadoptedRows = serde_json::from_str(json)?;
    let row = |values: [Option<String>; COLUMNS.len()]| LiveRow::of_project(project_id, values.into());
    Ok(ProjectRows { project_id, dates: document.dates, rows: document.rows.into_iter().map(row).collect() })
}

/// One project, and the JSON that it was read from. None while the log accepts no commands. Needs only the role `phaseline_writer`.
pub(crate) async fn project_with_rows(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Option<(ProjectRows, String)>, StoreError> {
    let json: Option<String> = sqlx::query_scalar("SELECT phaseline.unadopted($1)::text")
        .bind(project.uuid())
        .fetch_one(connection)
        .await?;
    let Some(text) = json else { return Ok(None) };
    Ok(Some((parsed(project, &text)?, text)))
}

/// The same of several projects.
///
/// # Errors
/// [`StoreError::NotAccepting`] while the log accepts no commands; the database's own.
pub(crate) async fn rows_of_projects(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<Vec<ProjectRows>, StoreError> {
    let ids: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
    let found: Vec<(Uuid, Option<String>)> = sqlx::query_as(
        "SELECT wanted.id, phaseline.unadopted(wanted.id)::text FROM unnest($1::uuid[]) AS wanted (id)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let of_project = |(id, json): (Uuid, Option<String>)| match json {
        Some(json) => Ok(parsed(id.into(), &json)?),
        None => Err(StoreError::NotAccepting),
    };
    found.into_iter().map(of_project).collect()
}

/// The dates of one project; none if it does not exist. Needs only the role `phaseline_writer`.
pub(crate) async fn dates_as_text(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Option<[Option<String>; 2]>, StoreError> {
    let json: Option<String> = sqlx::query_scalar("SELECT phaseline.project_dates($1)::text")
        .bind(project.uuid())
        .fetch_one(connection)
        .await?;
    Ok(json.map(|text| serde_json::from_str(&text)).transpose()?)
}
