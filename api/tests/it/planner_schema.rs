//! The planner is upgraded past the newest supported revision while the service runs: all responses name what is missing.

use crate::fixture::ServiceFixture;
use crate::health::{becomes_ready, reason};
use phaseline_tests::http::HttpResponse;
use serde_json::json;

const CODE: &str = "planner_schema_changed";

/// A response to each route, with the form of its errors: the planner's, or problem details.
async fn responses(
    fixture: &ServiceFixture,
    project: &str,
    phase: &str,
) -> Vec<(&'static str, bool, HttpResponse)> {
    let entries = json!({ "phases": [] });
    let get = |path: String| async move { fixture.get(&path).send().await };
    vec![
        ("list", true, get(format!("/projects/{project}/phases")).await),
        ("get", true, get(format!("/phases/{phase}")).await),
        ("assignments", true, get(format!("/phases/{phase}/assignments")).await),
        (
            "validate",
            true,
            fixture.post(&format!("/projects/{project}/phases/validate"), &json!([])).send().await,
        ),
        ("batch", true, fixture.post(&format!("/projects/{project}/phases/batch"), &entries).send().await),
        ("create", false, fixture.post(&format!("/projects/{project}/phases"), &json!({})).send().await),
        ("change", false, fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "A" })).send().await),
        ("remove", false, fixture.delete(&format!("/phases/{phase}")).send().await),
        (
            "reorder",
            false,
            fixture.post(&format!("/projects/{project}/phases/reorder"), &json!({})).send().await,
        ),
        ("timeline", false, get(format!("/projects/{project}/timeline")).await),
        ("history", false, get(format!("/projects/{project}/history")).await),
    ]
}

#[tokio::test]
async fn every_route_and_readyz_name_split_budgets_until_they_are_back() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let position = "SELECT max(position) FROM phaseline.events";
    let before = fixture.number(position).await;
    fixture
        .sql(
            "ALTER TABLE project_phases RENAME capital_budget TO labor_capital_budget;
             ALTER TABLE project_phases RENAME expense_budget TO labor_expense_budget;
             ALTER TABLE project_phases ADD nonlabor_capital_budget numeric(15,2) NOT NULL DEFAULT 0",
        )
        .await;
    // The first request detects it, without a request to `/readyz`.
    let named = |text: &str| {
        ["public.project_phases.capital_budget is missing", "public.project_phases.expense_budget is missing"]
            .into_iter()
            .all(|wanted| text.contains(wanted))
    };
    for (route, planners, response) in responses(&fixture, &project, &phase).await {
        assert_eq!(response.status, 503, "{route}: {}", response.text());
        assert!(!response.header("retry-after").is_empty());
        let body = response.json();
        assert!(named(body["detail"].as_str().unwrap()), "{route}: {body}");
        assert_eq!(body["code"] == CODE, !planners, "{route}: {body}");
        assert!(
            !response.text().contains("nonlabor"),
            "columns that are added are none that are missing: {body}"
        );
    }
    assert_eq!(reason(&fixture.service.client).await, CODE);
    assert_eq!(fixture.number(position).await, before, "nothing was written");

    fixture
        .sql(
            "ALTER TABLE project_phases RENAME labor_capital_budget TO capital_budget;
             ALTER TABLE project_phases RENAME labor_expense_budget TO expense_budget",
        )
        .await;
    becomes_ready(&fixture.service.client).await;
    fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "A" })).send().await.is(200);
}

#[tokio::test]
async fn each_table_and_column_that_later_revisions_drop_is_named() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let assignments = format!("/phases/{phase}/assignments");
    for (change, back, path, wanted) in [
        (
            "ALTER TABLE resource_assignments RENAME allocation_percentage TO gone",
            "ALTER TABLE resource_assignments RENAME gone TO allocation_percentage",
            assignments.clone(),
            "public.resource_assignments.allocation_percentage is missing",
        ),
        (
            "ALTER TABLE resource_assignments RENAME TO gone",
            "ALTER TABLE gone RENAME TO resource_assignments",
            assignments.clone(),
            "public.resource_assignments is missing",
        ),
        (
            "ALTER TABLE projects RENAME end_date TO gone",
            "ALTER TABLE projects RENAME gone TO end_date",
            format!("/projects/{project}/phases"),
            "public.projects.end_date is missing",
        ),
    ] {
        fixture.sql(change).await;
        let response = fixture.get(&path).send().await.is(503);
        assert!(response.text().contains(wanted), "{change}: {}", response.text());
        assert_eq!(reason(&fixture.service.client).await, CODE);
        fixture.sql(back).await;
        becomes_ready(&fixture.service.client).await;
        fixture.get(&path).send().await.is(200);
    }
    // A column that a new row needs, and one that no row needs.
    fixture.sql("ALTER TABLE project_phases ADD stage text; UPDATE project_phases SET stage = 'x'").await;
    becomes_ready(&fixture.service.client).await;
    fixture.sql("ALTER TABLE project_phases ALTER stage SET NOT NULL").await;
    assert_eq!(reason(&fixture.service.client).await, CODE);
    let response = fixture.get(&format!("/projects/{project}/phases")).send().await.is(503);
    assert!(response.text().contains("public.project_phases.stage is NOT NULL without a default"));
}
