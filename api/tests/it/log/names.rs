//! Names of the planner's users beside their ids, in the log, in histories and in differences.

use super::all;
use crate::fixture::ServiceFixture;
use crate::service::{in_seconds, token};
use crate::subjects::{ADA, with_users};
use serde_json::{Value, json};

/// A project that Ada changed with a token that does not have her name.
async fn changed_by_ada(fixture: &ServiceFixture) -> String {
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let token = token(&json!({ "sub": ADA, "exp": in_seconds(60), "scope": "phases:write" }));
    let request = fixture.service.client.patch(&format!("/api/v1/phases/{phase}")).bearer(&token);
    request.json(&json!({ "name": "Hers" })).send().await.is(200);
    project
}

/// The names of the actor beside Ada's id in each answer that has her command.
async fn names(fixture: &ServiceFixture, project: &str) -> [Value; 3] {
    let log = all(fixture, &format!("actor={ADA}")).await;
    let history =
        fixture.get(&format!("/projects/{project}/history?order=desc&limit=1")).send().await.is(200);
    let tip = fixture.events().await;
    let diff = fixture.get(&format!("/projects/{project}/diff?from={}", tip - 1)).send().await.is(200).json();
    let phases = diff["phases"].as_array().unwrap();
    let event = phases.iter().find_map(|phase| phase["events"].get(0)).unwrap();
    assert_eq!((log.len(), &event["actor"]), (1, &json!(ADA)));
    let of = |entry: &Value| entry.get("actor_name").cloned().unwrap_or_default();
    [of(&log[0]), of(&history.json()["entries"][0]), of(event)]
}

#[tokio::test]
async fn an_actor_who_is_a_user_of_the_planner_has_a_name() {
    let fixture = ServiceFixture::over(with_users().await).await;
    let project = changed_by_ada(&fixture).await;
    assert_eq!(names(&fixture, &project).await, ["ada.l", "ada.l", "ada.l"].map(Value::from));
    // The service's role reads names by the function, not the table.
    let privileges = fixture.text(
        "SELECT concat_ws(' ', has_function_privilege('phaseline_writer', 'phaseline.user_names(uuid[])', 'EXECUTE'),
                has_function_privilege('phaseline_reader', 'phaseline.user_names(uuid[])', 'EXECUTE'),
                has_table_privilege('phaseline_writer', 'public.users', 'SELECT'))",
    );
    assert_eq!(privileges.await, "t f f");
}

/// Names are shown beside ids only: without them, all answers are as before.
#[tokio::test]
async fn users_that_cannot_be_read_leave_the_ids() {
    let fixture = ServiceFixture::over(with_users().await).await;
    let project = changed_by_ada(&fixture).await;
    for breaking in [
        "ALTER TABLE public.users RENAME username TO login",
        "ALTER TABLE public.users ALTER id TYPE text",
        "ALTER TABLE public.users RENAME TO people",
        "CREATE VIEW public.users AS SELECT id::uuid AS id, 'forged'::text AS username FROM public.people",
        "DROP FUNCTION phaseline.user_names(uuid[])",
    ] {
        fixture.sql(breaking).await;
        assert_eq!(names(&fixture, &project).await, [Value::Null, Value::Null, Value::Null], "{breaking}");
    }
}
