//! How the listed projects differ from an earlier moment.

use crate::pages::words;
use phaseline_domain::ProjectId;
use phaseline_projections::TimelineDiff;
use phaseline_projections::diff::DiffStatus;
use phaseline_projections::portfolio::{PastTimeline, ProjectSelection, timelines_at};
use phaseline_store::{FoldedTimeline, StoreError};
use sqlx::PgConnection;
use std::collections::HashMap;

/// How a project differs.
#[derive(Debug)]
pub(super) struct Slip {
    /// By how many days its end moved, in words.
    pub(super) end: String,
    /// `later`, `earlier`, `new` or `same`.
    pub(super) class: &'static str,
    /// What else differs, in words.
    pub(super) others: Vec<String>,
    /// By how many days its end moved; none if it was not there.
    pub(super) days: Option<String>,
}

/// The differences of these projects between two positions.
pub(super) async fn slips(
    connection: &mut PgConnection,
    projects: &[ProjectId],
    [earlier, later]: [i64; 2],
) -> Result<HashMap<ProjectId, Slip>, StoreError> {
    let mut before = folds(connection, projects, earlier).await?;
    let mut after = folds(connection, projects, later).await?;
    let slip = |project: &ProjectId| {
        let sides = [before.remove(project), after.remove(project)].map(Option::unwrap_or_default);
        (*project, Slip::of(&TimelineDiff::between(*project, &sides[0], &sides[1])))
    };
    Ok(projects.iter().map(slip).collect())
}

async fn folds(
    connection: &mut PgConnection,
    projects: &[ProjectId],
    position: i64,
) -> Result<HashMap<ProjectId, FoldedTimeline>, StoreError> {
    let mut folds = HashMap::new();
    let selection = ProjectSelection::These(projects.to_vec());
    timelines_at(connection, &selection, position, |project, past| {
        let folded = match past {
            PastTimeline::Readable(folded) => folded,
            PastTimeline::Quarantined(found) => found.folded,
        };
        folds.insert(project, folded);
        Ok(())
    })
    .await?;
    Ok(folds)
}

impl Slip {
    fn of(diff: &TimelineDiff) -> Self {
        if !diff.before.exists {
            return Self { end: "new".to_owned(), class: "new", others: Vec::new(), days: None };
        }
        let days = diff.moved_days.end;
        let class = match days.unwrap_or_default() {
            0 => "same",
            1.. => "later",
            _ => "earlier",
        };
        let changed = diff.phases.iter().filter(|phase| phase.status != DiffStatus::Unchanged).count();
        let mut others = Vec::new();
        if changed > 0 {
            others.push(format!("{} changed", words::counted_many(changed, "phase")));
        }
        if !diff.budget.total.is_zero() {
            others.push(format!("budget {}", words::growth(diff.budget.total)));
        }
        Self { end: words::slip(days.unwrap_or_default()), class, others, days: days.map(words::signed_days) }
    }
}
