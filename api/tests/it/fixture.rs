//! A service over a migrated database, with shortcuts for tests of its routes.

use crate::service::{self, Service, migrated, settings};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::http::{HttpResponse, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// A service, its database, and a token for everything.
pub(crate) struct ServiceFixture {
    pub(crate) service: Service,
    pub(crate) database: TestDatabase,
    pub(crate) token: String,
}

/// The members that a phase has in the planner's batch.
const ENTRY: [&str; 8] = [
    "id",
    "name",
    "start_date",
    "end_date",
    "description",
    "capital_budget",
    "expense_budget",
    "total_budget",
];

impl ServiceFixture {
    pub(crate) async fn start() -> Self {
        Self::over(migrated()).await
    }

    pub(crate) async fn over(database: TestDatabase) -> Self {
        let service = Service::over(&database, settings()).await;
        let token = service.token(service::EVERYTHING);
        Self { service, database, token }
    }

    /// A connection with all rights.
    pub(crate) async fn admin(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// Runs SQL with all rights.
    pub(crate) async fn sql(&self, text: &str) {
        sqlx::raw_sql(text).execute(&mut self.admin().await).await.unwrap();
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// The text that a query returns.
    pub(crate) async fn text(&self, query: &str) -> String {
        sqlx::query_scalar(query).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// Projects with at least so many phases, those with the most assignments first.
    pub(crate) async fn projects(&self, phases: i64) -> Vec<String> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT p.id::text FROM projects p WHERE (SELECT count(*) FROM project_phases h WHERE h.project_id = p.id) >= $1
              ORDER BY (SELECT count(*) FROM resource_assignments a WHERE a.project_id = p.id) DESC, p.id",
        )
        .bind(phases)
        .fetch_all(&mut self.admin().await)
        .await
        .unwrap();
        assert!(!ids.is_empty(), "the sample has such projects");
        ids
    }

    /// The first of these projects.
    pub(crate) async fn project(&self) -> String {
        self.projects(2).await.swap_remove(0)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder<'_> {
        self.service.client.get(&format!("/api/v1{path}")).bearer(&self.token)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder<'_> {
        self.service.client.post(&format!("/api/v1{path}")).bearer(&self.token).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> RequestBuilder<'_> {
        self.service.client.patch(&format!("/api/v1{path}")).bearer(&self.token).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> RequestBuilder<'_> {
        self.service.client.put(&format!("/api/v1{path}")).bearer(&self.token).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder<'_> {
        self.service.client.delete(&format!("/api/v1{path}")).bearer(&self.token)
    }

    /// A project's phases as the list has them.
    pub(crate) async fn phases(&self, project: &str) -> Vec<Value> {
        let response = self.get(&format!("/projects/{project}/phases")).send().await.is(200);
        response.json().as_array().unwrap().clone()
    }

    /// The phases as a batch takes them.
    pub(crate) async fn entries(&self, project: &str) -> Vec<Value> {
        self.phases(project).await.iter().map(entry).collect()
    }

    /// Sends a batch.
    pub(crate) async fn batch(&self, project: &str, phases: &[Value]) -> HttpResponse {
        self.post(&format!("/projects/{project}/phases/batch"), &json!({ "phases": phases })).send().await
    }

    /// A project as the planner's backend makes it, without phases. The dates are SQL: `'2030-01-01', '2030-03-31'`.
    pub(crate) async fn make_project(&self, id: &str, dates: &str) {
        let other = self.project().await;
        self.sql(&format!(
            "CREATE TEMP TABLE made AS SELECT * FROM projects WHERE id = '{other}';
             UPDATE made SET id = '{id}', (start_date, end_date) = ({}), cost_center_code = 'CC-{}';
             INSERT INTO projects SELECT * FROM made",
            dates.replace("',", "'::date,") + "::date",
            &id[24..]
        ))
        .await;
    }

    /// A project with phases as the planner's backend makes it, like another one.
    pub(crate) async fn copy_project(&self, other: &str, id: &str) {
        let days =
            format!("SELECT format('%L, %L', start_date, end_date) FROM projects WHERE id = '{other}'");
        self.make_project(id, &self.text(&days).await).await;
        self.sql(&format!(
            "CREATE TEMP TABLE phases AS SELECT * FROM project_phases WHERE project_id = '{other}';
             UPDATE phases SET id = gen_random_uuid(), project_id = '{id}', created_at = '2024-05-06 07:08:09.1';
             INSERT INTO project_phases SELECT * FROM phases"
        ))
        .await;
    }

    /// A batch whose body is a text.
    pub(crate) fn batch_of_text(&self, project: &str, body: String) -> RequestBuilder<'_> {
        self.post(&format!("/projects/{project}/phases/batch"), &Value::Null).body(body)
    }

    /// All of `project_phases`, as text.
    pub(crate) async fn table(&self) -> String {
        self.text("SELECT coalesce(string_agg(p::text, E'\\n' ORDER BY p.id), '') FROM project_phases p")
            .await
    }

    /// The number of events.
    pub(crate) async fn events(&self) -> i64 {
        self.number("SELECT count(*) FROM phaseline.events").await
    }
}

/// A phase as a batch takes it.
pub(crate) fn entry(phase: &Value) -> Value {
    ENTRY
        .iter()
        .map(|name| ((*name).to_owned(), phase[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A new phase.
pub(crate) fn new_entry(name: &str, start: &str, end: &str) -> Value {
    json!({ "name": name, "start_date": start, "end_date": end, "capital_budget": "0", "expense_budget": "0",
        "total_budget": "0" })
}

/// The date `days` days from another one.
pub(crate) fn day(of: &Value, plus: i64) -> String {
    let day: chrono::NaiveDate = of.as_str().unwrap().parse().unwrap();
    (day + chrono::Duration::days(plus)).to_string()
}
