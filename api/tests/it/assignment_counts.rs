//! The numbers of assignments in responses to commands.

use crate::fixture::{ServiceFixture, day};
use crate::service::{Service, migrated, settings};
use phaseline_api::server::all_routes;
use phaseline_tests::protocol_proxy::ProtocolProxy;
use serde_json::{Value, json};

/// Rows of a response to a rename, and of queries that the service makes meanwhile by itself.
const FEW: usize = 60;

/// Replaces a project's assignments by this number on each of these dates, which are SQL.
async fn book(fixture: &ServiceFixture, project: &str, dates: &str, each: usize) {
    fixture
        .sql(&format!(
            "CREATE TEMP TABLE one AS SELECT * FROM resource_assignments LIMIT 1;
             DELETE FROM actuals a USING resource_assignments r
              WHERE r.id = a.resource_assignment_id AND r.project_id = '{project}';
             DELETE FROM resource_assignments WHERE project_id = '{project}';
             INSERT INTO resource_assignments (resource_id, project_id, assignment_date, allocation_percentage, capital_percentage,
                    expense_percentage, id, created_at, updated_at)
             SELECT o.resource_id, '{project}', d.day::date, 50, 60, 40, gen_random_uuid(), o.created_at, o.updated_at
               FROM one o, ({dates}) AS d (day), generate_series(1, {each})"
        ))
        .await;
}

/// The counts of all phases in the response to a PATCH of the first one.
async fn counts(fixture: &ServiceFixture, phase: &str, change: &Value) -> Vec<i64> {
    let changed = fixture.patch(&format!("/phases/{phase}"), change).send().await.is(200).json();
    let phases = changed["phases"].as_array().unwrap();
    assert_eq!(changed["phase"], phases[0]);
    phases.iter().map(|phase| phase["assignment_count"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn assignments_count_on_both_ends_of_a_phase_and_between() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let first = phases[0]["id"].as_str().unwrap();
    let others = vec![0; phases.len() - 2];
    let (start, end) = (&phases[0]["start_date"], &phases[0]["end_date"]);
    let dates = format!(
        "VALUES ('{}'), ('{}'), ('{}'), ('{}'), ('infinity')",
        day(start, -1),
        day(start, 0),
        day(end, 0),
        day(end, 1)
    );
    book(&fixture, &project, &dates, 3).await;
    let all = counts(&fixture, first, &json!({ "name": "Renamed" })).await;
    assert_eq!(all, [vec![6, 3], others.clone()].concat());
    // The numbers are those of the dates after the change.
    let shorter = json!({ "end_date": day(end, -1) });
    assert_eq!(counts(&fixture, first, &shorter).await, [vec![3, 6], others.clone()].concat());
    book(&fixture, &project, "SELECT date '2024-01-01' WHERE false", 1).await;
    assert_eq!(counts(&fixture, first, &json!({ "name": "Empty" })).await, [vec![0, 0], others].concat());
}

#[tokio::test]
async fn simultaneous_changes_have_the_counts_of_their_projects() {
    let fixture = ServiceFixture::start().await;
    let mut sent = Vec::new();
    for (n, project) in fixture.projects(2).await.into_iter().take(8).enumerate() {
        let phases = fixture.phases(&project).await;
        let dates = format!("VALUES ('{}')", phases[0]["start_date"].as_str().unwrap());
        book(&fixture, &project, &dates, n).await;
        let path = format!("/api/v1/phases/{}", phases[0]["id"].as_str().unwrap());
        // Several to each project.
        sent.extend((0..4).map(|k| (n, format!("Name {n} {k}"), path.clone())));
    }
    assert!(sent.len() > 8, "several projects");
    let requests: Vec<_> = sent
        .into_iter()
        .map(|(n, name, path)| {
            let (client, token) = (fixture.service.client.clone(), fixture.token.clone());
            tokio::spawn(async move {
                (n, client.patch(&path).bearer(&token).json(&json!({ "name": name })).send().await)
            })
        })
        .collect();
    for request in requests {
        let (n, response) = request.await.unwrap();
        let phases = response.is(200).json()["phases"].as_array().unwrap().clone();
        let counts: Vec<_> = phases.iter().map(|phase| phase["assignment_count"].as_u64()).collect();
        assert_eq!(counts[0], Some(n as u64), "{counts:?}");
        assert!(counts[1..].iter().all(|count| *count == Some(0)), "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_reads_few_rows_whatever_is_booked() {
    let database = migrated();
    let proxy = ProtocolProxy::counting(database.url());
    let service = Service::of_routes(proxy.url(), settings(), all_routes()).await;
    let token = service.token(crate::service::EVERYTHING);
    let fixture = ServiceFixture { service, database, token };
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let year = "SELECT p.start_date + n FROM generate_series(0, 364) AS n, projects p WHERE p.id = ";
    book(&fixture, &project, &format!("{year}'{project}'"), 2).await;
    // The first command loads the timeline.
    counts(&fixture, &phase, &json!({ "name": "First" })).await;
    let (rows, statements) = (proxy.rows(), proxy.boundaries().len());
    assert!(counts(&fixture, &phase, &json!({ "name": "Second" })).await[0] > 0);
    let read = proxy.rows() - rows;
    assert!((1..FEW).contains(&read), "{read} rows");
    let boundaries = proxy.boundaries();
    let of = |name: &str| {
        let executed = |boundary: &&phaseline_tests::protocol_proxy::ServerBoundary| {
            boundary.what.contains(name) && !boundary.is_preparation()
        };
        boundaries[statements..].iter().filter(executed).count()
    };
    assert_eq!((of("phaseline.append"), of("phaseline.assignment_")), (1, 1), "{boundaries:?}");
}

#[tokio::test]
async fn counts_of_an_older_log_are_those_of_its_days() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let first = phases[0]["id"].as_str().unwrap();
    let expected = counts(&fixture, first, &json!({ "name": "New" })).await;
    assert!(expected.iter().sum::<i64>() > 0, "the sample has assignments");
    fixture.sql("DROP FUNCTION phaseline.assignment_counts").await;
    assert_eq!(counts(&fixture, first, &json!({ "name": "Old" })).await, expected);
}
