//! A sample's projects with names and dates of the caller's, and changes to projects as the planner makes them.

use chrono::NaiveDate;
use phaseline_domain::{DateRange, ProjectId};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

const DESCRIBE: &str = include_str!("../../sql/sample_portfolio.sql");

/// The row of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleProject {
    /// `name`
    pub name: String,
    /// `business_sponsor`
    pub business_sponsor: String,
    /// `project_manager`
    pub project_manager: String,
    /// `technical_lead`
    pub technical_lead: String,
    /// `description`
    pub description: Option<String>,
    /// `start_date` and `end_date`: at least two days.
    #[serde(flatten)]
    pub range: DateRange,
}

/// Gives the first projects of a sample in the legacy shape these values, in one transaction. Their assignments move with them.
/// Returns the ids of all projects, in order. Rows that the planner made are from before `today`.
///
/// # Errors
/// Those of the database; nothing is changed then.
pub async fn describe(
    conn: &mut PgConnection,
    projects: &[SampleProject],
    today: NaiveDate,
) -> Result<Vec<ProjectId>, sqlx::Error> {
    let json = serde_json::to_string(projects).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let mut transaction = conn.begin().await?;
    for (setting, value) in
        [("phaseline_sample.portfolio", json), ("phaseline_sample.today", today.to_string())]
    {
        sqlx::query("SELECT set_config($1, $2, true)")
            .bind(setting)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql(DESCRIBE).execute(&mut *transaction).await?;
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM public.projects ORDER BY cost_center_code")
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}

/// Adds a project without phases, in the first program.
///
/// # Errors
/// Those of the database, also if there is no program.
pub async fn add_project(
    conn: &mut PgConnection,
    id: ProjectId,
    project: &SampleProject,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO public.projects (program_id, name, business_sponsor, project_manager, technical_lead, start_date, end_date,
                                      cost_center_code, description, id, created_at, updated_at)
         VALUES ((SELECT id FROM public.programs ORDER BY created_at LIMIT 1), $2, $3, $4, $5, $6, $7,
                 (SELECT 'CC-' || lpad((1 + max(substr(cost_center_code, 4)::int))::text, 6, '0') FROM public.projects), $8, $1,
                 now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
    )
    .bind(id.uuid())
    .bind(&project.name)
    .bind(&project.business_sponsor)
    .bind(&project.project_manager)
    .bind(&project.technical_lead)
    .bind(project.range.start())
    .bind(project.range.end())
    .bind(&project.description)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a project other dates; its phases stay as they are.
///
/// # Errors
/// Those of the database.
pub async fn reschedule_project(
    conn: &mut PgConnection,
    id: ProjectId,
    range: DateRange,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE public.projects SET start_date = $2, end_date = $3, updated_at = now() AT TIME ZONE 'UTC' WHERE id = $1",
    )
    .bind(id.uuid())
    .bind(range.start())
    .bind(range.end())
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a project with all its rows.
///
/// # Errors
/// Those of the database; nothing is deleted then.
pub async fn delete_project(conn: &mut PgConnection, id: ProjectId) -> Result<(), sqlx::Error> {
    let mut transaction = conn.begin().await?;
    for delete in [
        "DELETE FROM public.actuals WHERE project_id = $1",
        "DELETE FROM public.resource_assignments WHERE project_id = $1",
        "DELETE FROM public.project_phases WHERE project_id = $1",
        "DELETE FROM public.projects WHERE id = $1",
    ] {
        sqlx::query(delete).bind(id.uuid()).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{SampleOptions, create};
    use phaseline_embedded::testing::TestCluster;

    fn project(name: &str, start: &str, end: &str) -> SampleProject {
        SampleProject {
            name: name.to_owned(),
            business_sponsor: "Sponsor".to_owned(),
            project_manager: "Manager".to_owned(),
            technical_lead: "Lead".to_owned(),
            description: None,
            range: DateRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap(),
        }
    }

    #[tokio::test]
    async fn the_first_projects_get_the_given_values_and_keep_their_days_of_work() {
        let database = TestCluster::shared().database();
        let mut conn = PgConnection::connect(database.url()).await.unwrap();
        create(&mut conn, &SampleOptions { projects: 3, assignments: 400, seed: 1 }).await.unwrap();
        let inside = "SELECT count(*) FROM resource_assignments a JOIN projects p ON p.id = a.project_id
                       WHERE assignment_date BETWEEN start_date AND end_date";
        let before = database.psql(inside);
        let today = "2026-06-01".parse().unwrap();
        let given =
            [project("It's \u{1b}", "2026-01-01", "2026-01-31"), project("B", "2027-01-01", "2027-01-02")];
        let ids = describe(&mut conn, &given, today).await.unwrap();
        assert_eq!(ids.len(), 3);
        assert_eq!(database.psql(inside), before);
        assert_eq!(
            database.psql(
                "SELECT name, start_date, end_date FROM projects WHERE business_sponsor = 'Sponsor' ORDER BY name"
            ),
            "B|2027-01-01|2027-01-02\nIt's \u{1b}|2026-01-01|2026-01-31"
        );
        assert_eq!(database.psql("SELECT bool_and(created_at < '2026-06-01') FROM project_phases"), "t");
        assert_eq!(database.psql("SELECT min(start_date) <= '2026-01-01' FROM programs"), "t");
    }

    #[tokio::test]
    async fn the_planners_changes_reach_projects_and_their_rows() {
        let database = TestCluster::shared().database();
        let mut conn = PgConnection::connect(database.url()).await.unwrap();
        create(&mut conn, &SampleOptions { projects: 2, assignments: 200, seed: 1 }).await.unwrap();
        let ids = describe(&mut conn, &[], "2026-06-01".parse().unwrap()).await.unwrap();
        let added = ProjectId::random();
        let new = project("New", "2026-01-01", "2026-12-31");
        add_project(&mut conn, added, &new).await.unwrap();
        reschedule_project(&mut conn, ids[1], new.range).await.unwrap();
        delete_project(&mut conn, ids[0]).await.unwrap();
        assert_eq!(
            database.psql("SELECT cost_center_code, start_date FROM projects ORDER BY 1"),
            "CC-000002|2026-01-01\nCC-000003|2026-01-01"
        );
    }
}
