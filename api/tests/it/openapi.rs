//! The description of the service: stored in `docs/openapi.json`, and complete for every route.

use crate::service::Service;
use serde_json::Value;

async fn description() -> Value {
    Service::start().await.client.get("/openapi.json").send().await.is(200).json()
}

#[tokio::test]
async fn the_stored_description_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let now = serde_json::to_string_pretty(&description().await).unwrap() + "\n";
    if std::env::var_os("PHASELINE_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(now == kept, "docs/openapi.json differs from the service; write it with PHASELINE_BLESS=1");
}

#[tokio::test]
async fn every_route_describes_its_scope_and_its_errors() {
    let description = description().await;
    let mut seen = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        if !path.starts_with("/api/") {
            continue;
        }
        for (method, route) in methods.as_object().unwrap() {
            seen += 1;
            let at = format!("{method} {path}");
            assert!(route["security"][0]["bearer"].is_array(), "{at}");
            assert!(route["operationId"].is_string(), "{at}");
            let writes = route["security"][0]["bearer"][0] == "phases:write";
            let mut statuses = vec!["401", "403", "404", "500", "503"];
            statuses.extend(if writes { vec!["400", "409", "412", "413", "415", "422"] } else { vec![] });
            for status in statuses {
                let content = route["responses"][status]["content"].as_object();
                assert!(
                    content.is_some_and(|content| !content.is_empty()),
                    "{at} does not describe {status}"
                );
            }
            if writes {
                let parameters = route["parameters"].as_array().unwrap();
                for name in ["If-Match", "Idempotency-Key", "Phaseline-Reason"] {
                    assert!(
                        parameters.iter().any(|parameter| parameter["name"] == name),
                        "{at} lacks {name}"
                    );
                }
            }
        }
    }
    assert_eq!(seen, 14);
}

#[tokio::test]
async fn every_reference_resolves() {
    let description = description().await;
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
}
