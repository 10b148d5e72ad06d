//! Tokens of the planner's active users only, and the names of users in the log.

use crate::fixture::ServiceFixture;
use crate::health::{becomes_ready, reason};
use crate::service::{EVERYTHING, SECRET, Service, in_seconds, migrated, settings, token};
use phaseline_api::auth::{Auth, Keys, Subjects, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

pub(crate) const ADA: &str = "7f1e51d2-46a5-4c0a-93ac-2a6c4f3f0b11";
const BOB: &str = "0b0c9a66-8c49-4a3e-8f59-5d6d9a6b0c22";

/// The planner's own definition of its table of users.
const USERS: &str = "CREATE TABLE public.users (username varchar(100) NOT NULL, email varchar(255) NOT NULL,
    password_hash varchar(255) NOT NULL, is_active boolean NOT NULL, id uuid PRIMARY KEY,
    created_at timestamp NOT NULL DEFAULT now(), updated_at timestamp NOT NULL DEFAULT now())";

fn of_planner(valid: Duration) -> Settings {
    let mut keys = Keys::default();
    keys.add_secret(SECRET).unwrap();
    let rules = TokenRules { subjects: Subjects::Planner, ..TokenRules::default() };
    Settings { auth: Auth::Tokens { keys: keys.into(), rules }, subject_valid: valid, ..Settings::default() }
}

pub(crate) async fn with_users() -> TestDatabase {
    let database = migrated();
    database.psql(USERS);
    for (name, id, active) in [("ada.l", ADA, true), ("bob", BOB, false)] {
        database.psql(&format!(
            "INSERT INTO public.users (username, email, password_hash, is_active, id)
             VALUES ('{name}', '{name}@here.example', 'x', {active}, '{id}')"
        ));
    }
    // The function gets its owner with the table.
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    phaseline_projections::upgrade(&mut connection).await.unwrap();
    database
}

async fn fixture(valid: Duration) -> ServiceFixture {
    let database = with_users().await;
    let service = Service::over(&database, of_planner(valid)).await;
    ServiceFixture { service, database, token: of(ADA) }
}

fn of(subject: &str) -> String {
    token(
        &json!({ "sub": subject, "exp": in_seconds(3600), "scope": EVERYTHING, "username": "of the token" }),
    )
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn only_active_users_of_the_planner_are_accepted() {
    let fixture = fixture(HOUR).await;
    let path = format!("/api/v1/projects/{}/timeline", fixture.project().await);
    fixture.service.client.get(&path).bearer(&of(ADA)).send().await.is(200);
    let strange =
        ["9d0f51d2-46a5-4c0a-93ac-2a6c4f3f0b33", "ada", "ada.l", &ADA.to_uppercase(), &format!("{{{ADA}}}")];
    for subject in [BOB].into_iter().chain(strange) {
        let response = fixture.service.client.get(&path).bearer(&of(subject)).send().await.is(401);
        assert!(response.header("www-authenticate").contains("invalid_token"), "{subject}");
        assert!(response.text().contains("not the id of an active user"), "{subject}: {}", response.text());
    }
    // Without the setting nothing changes.
    let any = Service::over(&fixture.database, settings()).await;
    for subject in [ADA, BOB, "ada"] {
        any.client.get(&path).bearer(&of(subject)).send().await.is(200);
    }
}

#[tokio::test]
async fn a_deactivated_user_loses_access_without_a_restart() {
    let deactivate = format!("UPDATE public.users SET is_active = false WHERE id = '{ADA}'");
    let slow = fixture(HOUR).await;
    let path = format!("/projects/{}/phases", slow.project().await);
    slow.get(&path).send().await.is(200);
    slow.sql(&deactivate).await;
    slow.get(&path).send().await.is(200);

    let quick = fixture(Duration::from_millis(50)).await;
    let path = format!("/projects/{}/phases", quick.project().await);
    quick.get(&path).send().await.is(200);
    quick.sql(&deactivate).await;
    let patience = Instant::now() + Duration::from_secs(60);
    while quick.get(&path).send().await.status == 200 {
        assert!(Instant::now() < patience, "still accepted");
    }
    quick.get(&path).send().await.is(401);
    quick.sql(&format!("DELETE FROM public.users WHERE id = '{ADA}'")).await;
    quick.get(&path).send().await.is(401);
    assert!(Settings::default().subject_valid <= Duration::from_secs(5), "docs/service.md states 5 s");
}

#[tokio::test]
async fn users_that_cannot_be_read_are_reported_and_no_token_is_accepted() {
    let fixture = fixture(Duration::from_millis(1)).await;
    let path = format!("/projects/{}/phases", fixture.project().await);
    becomes_ready(&fixture.service.client).await;
    for (breaking, repairing, reason_text) in [
        (
            "ALTER TABLE public.users RENAME TO people",
            "ALTER TABLE public.people RENAME TO users",
            "no table public.users",
        ),
        (
            "ALTER TABLE public.users RENAME is_active TO active",
            "ALTER TABLE public.users RENAME active TO is_active",
            "is_active must be of type boolean, and is missing",
        ),
        (
            "ALTER TABLE public.users ALTER id TYPE text",
            "ALTER TABLE public.users ALTER id TYPE uuid USING id::uuid",
            "id must be of type uuid, and is of type text",
        ),
        (
            "ALTER FUNCTION phaseline.planner_user(uuid) RENAME TO other",
            "ALTER FUNCTION phaseline.other(uuid) RENAME TO planner_user",
            "run phaseline upgrade",
        ),
    ] {
        fixture.sql(breaking).await;
        assert_eq!(reason(&fixture.service.client).await, "no_users", "{breaking}");
        let health = fixture.service.client.get("/readyz").send().await.text();
        assert!(health.contains(reason_text), "{breaking}: {health}");
        tokio::time::sleep(Duration::from_millis(2)).await;
        let response = fixture.get(&path).send().await.is(503);
        assert!(response.text().contains("cannot read the planner's users"), "{}", response.text());
        fixture.sql(repairing).await;
        becomes_ready(&fixture.service.client).await;
        fixture.get(&path).send().await.is(200);
    }
}

/// The function runs with the rights of the table's owner, and returns only name and state.
#[tokio::test]
async fn the_services_role_reads_users_by_the_function_only() {
    let fixture = fixture(HOUR).await;
    let mut writer = fixture.admin().await;
    sqlx::raw_sql("SET ROLE phaseline_writer").execute(&mut writer).await.unwrap();
    let refused = sqlx::raw_sql("SELECT username FROM public.users").execute(&mut writer).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let found: Value = sqlx::query_scalar(&format!("SELECT phaseline.planner_user('{ADA}')"))
        .fetch_one(&mut writer)
        .await
        .unwrap();
    assert_eq!(found, json!({ "name": "ada.l", "is_active": true }));
    for role in ["phaseline_reader", "phaseline_auditor"] {
        let has = format!(
            "SELECT has_function_privilege('{role}', 'phaseline.planner_user(uuid)', 'EXECUTE')::int4::int8"
        );
        assert_eq!(fixture.number(&has).await, 0, "{role}");
    }
}

/// The metadata of the newest event.
async fn newest(fixture: &ServiceFixture) -> Value {
    let text =
        fixture.text("SELECT metadata::text FROM phaseline.events ORDER BY position DESC LIMIT 1").await;
    serde_json::from_str(&text).unwrap()
}

async fn rename(fixture: &ServiceFixture, token: &str, name: &str) {
    let project = fixture.project().await;
    let phases = format!("/api/v1/projects/{project}/phases");
    let list = fixture.service.client.get(&phases).bearer(token).send().await.is(200).json();
    let path = format!("/api/v1/phases/{}", list[0]["id"].as_str().unwrap());
    fixture.service.client.patch(&path).bearer(token).json(&json!({ "name": name })).send().await.is(200);
}

#[tokio::test]
async fn the_log_has_the_actors_name_from_the_token_or_from_the_planners_row() {
    let planners = fixture(HOUR).await;
    rename(&planners, &of(ADA), "Design").await;
    let found = newest(&planners).await;
    assert_eq!((&found["actor"], &found["actor_name"]), (&json!(ADA), &json!("ada.l")));

    let any = ServiceFixture::start().await;
    for (index, (username, recorded)) in [
        (json!("ada.l"), json!("ada.l")),
        (json!("Zoë \"Z\" \\ <z>"), json!("Zoë \"Z\" \\ <z>")),
        (json!("a\u{202e}b"), Value::Null),
        (json!(" "), Value::Null),
        (json!("x".repeat(101)), Value::Null),
        (json!(7), Value::Null),
        (Value::Null, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = json!({ "sub": ADA, "exp": in_seconds(60), "scope": EVERYTHING, "username": username });
        rename(&any, &token(&claims), &format!("Name {index}")).await;
        let found = newest(&any).await;
        assert_eq!((&found["actor"], &found["actor_name"]), (&json!(ADA), &recorded), "{username}");
    }
    let project = any.project().await;
    let history = any.get(&format!("/projects/{project}/history?order=desc")).send().await.is(200).json();
    let names: Vec<&Value> =
        history["entries"].as_array().unwrap().iter().map(|entry| &entry["actor_name"]).collect();
    assert!(names.contains(&&json!("ada.l")), "{history}");
}
