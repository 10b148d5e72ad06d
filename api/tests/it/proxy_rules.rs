//! The rules of the proxy in `docs/api.md`: our routes are sent here, and the planner's stay with the planner.

use crate::service::Service;
use phaseline_embedded::testing::TestDatabase;
use serde_json::Value;

/// The planner's collections, by its tables, and its login.
const OF_THE_PLANNER: [&str; 14] = [
    "actuals",
    "assignments",
    "audit-logs",
    "auth",
    "portfolios",
    "programs",
    "projects",
    "rates",
    "resource-assignments",
    "resources",
    "scope-assignments",
    "users",
    "worker-types",
    "workers",
];

/// The regular expression of the rule.
fn rule() -> &'static str {
    let page = include_str!("../../../docs/api.md");
    let mut rules = page.lines().filter_map(|line| line.trim().strip_prefix("location ~ "));
    let rule = rules.next().and_then(|rest| rest.strip_suffix(" {")).expect("a rule");
    assert_eq!(rules.next(), None, "one rule");
    rule
}

/// Whether the proxy sends a path here. PostgreSQL's regular expressions have all that the rule uses.
fn is_ours(database: &TestDatabase, path: &str) -> bool {
    database.psql(&format!("SELECT '{path}' ~ '{}'", rule())).trim() == "t"
}

#[tokio::test]
async fn the_proxy_sends_all_of_our_routes_here_and_none_of_the_planners() {
    let database = crate::service::migrated();
    let service = Service::over(&database, crate::service::settings()).await;
    let description: Value = service.client.get("/openapi.json").send().await.is(200).json();
    let id = "7f1e51d2-46a5-4c0a-93ac-2a6c4f3f0b11";
    let mut seen = 0;
    for path in description["paths"].as_object().unwrap().keys() {
        let Some(below) = path.strip_prefix("/api/v1/") else {
            // Health and metrics are not for clients of the planner.
            assert!(!is_ours(&database, path), "{path}");
            continue;
        };
        seen += 1;
        let sent = path.replace("{project_id}", id).replace("{phase_id}", id);
        assert!(!sent.contains('{'), "{sent}");
        for sent in [sent.clone(), format!("{sent}/")] {
            assert!(is_ours(&database, &sent), "the rule of docs/api.md does not send {sent} here");
        }
        // Of a collection of the planner's only what is below one of its members.
        let mut parts = below.split('/');
        let (collection, member, part) = (parts.next().unwrap(), parts.next(), parts.next());
        let is_below = collection == "projects" && member.is_some() && part.is_some();
        assert!(is_below || !OF_THE_PLANNER.contains(&collection), "{path}");
    }
    assert!(seen > 10, "{seen}");
    for collection in OF_THE_PLANNER {
        for path in [
            collection.to_owned(),
            format!("{collection}/"),
            format!("{collection}/{id}"),
            format!("{collection}/{id}/assignments"),
            format!("{collection}/log"),
            format!("{collection}/phases"),
        ] {
            assert!(!is_ours(&database, &format!("/api/v1/{path}")), "{path}");
        }
    }
    for path in ["/api/v1/logs", "/api/v1/login", "/api/v1/phasesx", "/log", "/api/v2/log"] {
        assert!(!is_ours(&database, path), "{path}");
    }
}
