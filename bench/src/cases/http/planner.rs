//! The planner's own routes beside the times of the original service.

use super::Service;
use crate::cases::commands::CommandTarget;
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Figures};
use crate::server::Bench;
use serde_json::{Value, json};

/// The medians of the original service, one client, in milliseconds, on a machine of this kind with a project of 50
/// phases. They cannot be measured here.
const ORIGINAL: [(&str, f64); 3] = [("http-validate", 6.6), ("http-list", 6.3), ("http-batch", 407.0)];

/// Phases of the project in requests to the planner's routes.
const PHASES: i64 = 50;

/// The planner's routes, about a project of 50 phases.
pub(super) async fn run(
    bench: &Bench,
    service: &Service,
    targets: &[CommandTarget],
) -> Result<Vec<CaseResult>> {
    let target = targets.first().ok_or_else(|| BenchError::Failed("no timeline".to_owned()))?;
    let phases = format!("/api/v1/projects/{}/phases", target.project);
    let listed = service.json(&phases, None).await?;
    let day = |at: usize, field: &str| {
        listed[at][field].as_str().and_then(|day| day.parse::<chrono::NaiveDate>().ok())
    };
    let last = listed.as_array().map_or(0, |all| all.len().saturating_sub(1));
    let (Some(start), Some(end)) = (day(0, "start_date"), day(last, "end_date")) else {
        return Err(BenchError::Failed(format!("the service lists no phases: {listed}")));
    };
    let first_day = |n: i64| start + chrono::TimeDelta::days((end - start).num_days() * n / PHASES);
    let mut all: Vec<Value> = (0..PHASES)
        .map(|n| {
            let last_day = if n + 1 == PHASES { end } else { first_day(n + 1) - chrono::TimeDelta::days(1) };
            json!({ "name": format!("Phase {n}"), "start_date": first_day(n), "end_date": last_day,
                    "capital_budget": "1.00", "expense_budget": "2.00", "total_budget": "3.00" })
        })
        .collect();
    let batch = format!("{phases}/batch");
    let made = service.json(&batch, Some(&json!({ "phases": all }))).await?;
    for (phase, made) in all.iter_mut().zip(made.as_array().into_iter().flatten()) {
        phase["id"] = made["id"].clone();
    }
    let requests = bench.sizes.requests;
    let mut outcomes = Vec::new();
    let mut save = 0;
    for (name, original) in ORIGINAL {
        let mut figures = Figures::default();
        for _ in 0..bench.rounds {
            let all = &all;
            figures.0.push(match name {
                "http-list" => service.median(requests, |_| (phases.clone(), None)).await?,
                "http-validate" => {
                    let path = format!("{phases}/validate");
                    service.median(requests, |_| (path.clone(), Some(Value::from(all.clone())))).await?
                }
                _ => {
                    service
                        .median(requests / 4, |_| {
                            save += 1;
                            let mut renamed = all.clone();
                            renamed
                                .iter_mut()
                                .for_each(|phase| phase["name"] = json!(format!("Save {save}")));
                            (batch.clone(), Some(json!({ "phases": renamed })))
                        })
                        .await?
                }
            });
        }
        let size = format!("a project of {PHASES} phases, one client");
        let theirs = Figures(vec![original]);
        outcomes.push(CaseResult {
            ours: figures,
            theirs,
            ..CaseResult::of(name, size, "every response is 200")?
        });
    }
    Ok(outcomes)
}
