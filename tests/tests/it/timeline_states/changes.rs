//! What changed between two positions.

use super::naive_fold::NaiveHistory;
use phaseline_domain::ProjectId;
use phaseline_projections::TimelineDiff;
use phaseline_projections::portfolio::{
    ChangeDetail, ChangeTotals, ListPlace, PortfolioFilter, ProjectChange, StatusCounts, changes_page,
    each_change,
};
use phaseline_store::stream::whole_history;
use phaseline_tests::random::SeededRandom;
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// Pairs of positions that are compared.
const PAIRS: usize = 8;

fn text(changes: &[ProjectChange]) -> String {
    serde_json::to_string(changes).unwrap()
}

async fn whole(
    connection: &mut PgConnection,
    positions: [i64; 2],
    filter: &PortfolioFilter,
) -> Vec<ProjectChange> {
    let mut changes = Vec::new();
    each_change(connection, positions, filter, ChangeDetail::Fields, |change| {
        changes.push(change);
        Ok(())
    })
    .await
    .unwrap();
    changes
}

async fn paged(
    connection: &mut PgConnection,
    positions: [i64; 2],
    filter: &PortfolioFilter,
    limit: usize,
) -> Vec<ProjectChange> {
    let (mut changes, mut place) = (Vec::new(), Some(ListPlace::default()));
    while let Some(from) = place {
        let page = changes_page(connection, positions, filter, from, limit).await.unwrap();
        assert!(page.projects.len() == limit || page.next.is_none(), "a page is full, or the last one");
        changes.extend(page.projects);
        place = page.next;
    }
    changes
}

/// The same changes with their events, from the history of each project.
async fn with_events(
    connection: &mut PgConnection,
    [earlier, later]: [i64; 2],
    changes: &[ProjectChange],
) -> Vec<ProjectChange> {
    let mut all = Vec::new();
    for change in changes {
        let project: ProjectId = change.diff.project_id;
        let history = whole_history(connection, project, Some(later)).await.unwrap();
        let diff = TimelineDiff::of_history(project, &history, earlier);
        all.push(ProjectChange { diff, ..change.clone() });
    }
    all
}

fn totals(changes: &[ProjectChange]) -> ChangeTotals {
    let mut totals = ChangeTotals::default();
    changes.iter().for_each(|change| totals.add(change));
    totals
}

/// By how many the count grew.
fn growth(counts: StatusCounts) -> i64 {
    i64::try_from(counts.added).unwrap() - i64::try_from(counts.removed).unwrap()
}

/// Compares the changes between random pairs of positions with those of two naive folds.
pub(super) async fn assert_changes(
    connection: &mut PgConnection,
    history: &NaiveHistory,
    random: &mut SeededRandom,
    context: &str,
) {
    let everything = PortfolioFilter::default();
    for _ in 0..PAIRS {
        let mut positions = [random.within(0, history.tip()), random.within(0, history.tip())];
        positions.sort_unstable();
        let context = format!("{context}, {positions:?} of {}", history.tip());
        let expected = history.changes(positions, &everything);
        let found = whole(connection, positions, &everything).await;
        assert_eq!(text(&found), text(&expected), "{context}");
        assert_eq!(totals(&found), history.totals(positions), "{context}");
        let expected = with_events(connection, positions, &expected).await;
        let limit = usize::try_from(random.within(1, 5)).unwrap();
        let found = paged(connection, positions, &everything, limit).await;
        assert_eq!(text(&found), text(&expected), "{context}, by pages of {limit}");
        let only = found.iter().filter(|_| random.hits(50)).map(|change| change.diff.project_id);
        let filter = PortfolioFilter { only: Some(only.collect()), ..PortfolioFilter::default() };
        let found = whole(connection, positions, &filter).await;
        assert_eq!(text(&found), text(&history.changes(positions, &filter)), "{context}, {filter:?}");
    }
}

/// The totals of two differences in a row are those of the difference of their ends.
pub(super) async fn assert_composed(
    connection: &mut PgConnection,
    history: &NaiveHistory,
    random: &mut SeededRandom,
    context: &str,
) {
    let filter = PortfolioFilter::default();
    for _ in 0..PAIRS {
        let mut at = [(); 3].map(|()| random.within(0, history.tip()));
        at.sort_unstable();
        let mut found = Vec::new();
        for positions in [[at[0], at[1]], [at[1], at[2]], [at[0], at[2]]] {
            found.push(totals(&whole(connection, positions, &filter).await));
        }
        let [first, second, both] = found[..] else { panic!("three") };
        let context = format!("{context}, {at:?}");
        let sums = |of: fn(&ChangeTotals) -> Decimal| (of(&first) + of(&second), of(&both));
        for (parts, whole) in [
            sums(|totals| totals.budget.capital),
            sums(|totals| totals.budget.expense),
            sums(|totals| totals.budget.total),
        ] {
            assert_eq!(parts, whole, "{context}");
        }
        for of in [|totals: &ChangeTotals| totals.projects, |totals: &ChangeTotals| totals.phases] {
            assert_eq!(growth(of(&first)) + growth(of(&second)), growth(of(&both)), "{context}");
        }
    }
}
