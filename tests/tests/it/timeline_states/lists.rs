//! Lists of projects at every position.

use super::at;
use super::naive_fold::NaiveHistory;
use phaseline_domain::ProjectId;
use phaseline_projections::portfolio::{
    ListPlace, PortfolioFilter, PortfolioProject, ProjectSelection, SelectedStates, each_project, page,
};
use phaseline_store::Quarantine;
use phaseline_tests::random::SeededRandom;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// The JSON text, which differs in any byte that a reader would see.
fn text(projects: &[PortfolioProject]) -> String {
    serde_json::to_string(projects).unwrap()
}

async fn whole(connection: &mut PgConnection, position: i64, filter: &PortfolioFilter) -> String {
    let mut projects = Vec::new();
    each_project(connection, position, filter, |project| {
        projects.push(project);
        Ok(())
    })
    .await
    .unwrap();
    text(&projects)
}

async fn paged(
    connection: &mut PgConnection,
    position: i64,
    filter: &PortfolioFilter,
    limit: usize,
) -> String {
    let (mut projects, mut place) = (Vec::new(), Some(ListPlace::default()));
    while let Some(from) = place {
        let page = page(connection, position, filter, from, limit).await.unwrap();
        assert!(page.projects.len() == limit || page.next.is_none(), "a page is full, or the last one");
        projects.extend(page.projects);
        place = page.next;
    }
    text(&projects)
}

/// A filter that lets some projects pass.
fn some_filter(random: &mut SeededRandom, history: &NaiveHistory) -> PortfolioFilter {
    let all = history.list(history.tip(), &PortfolioFilter::default());
    let Some(project) = random.one_of(&all) else { return PortfolioFilter::default() };
    let only: BTreeSet<ProjectId> =
        all.iter().filter(|_| random.hits(60)).map(|project| project.project_id).collect();
    match random.below(4) {
        0 => PortfolioFilter { only: Some(only), ..PortfolioFilter::default() },
        1 => PortfolioFilter { search: project.name.cost_center, ..PortfolioFilter::default() },
        2 => {
            let prefix = project.project_id.to_string()[..4].to_uppercase();
            PortfolioFilter { search: Some(prefix), ..PortfolioFilter::default() }
        }
        _ => PortfolioFilter { on: project.start_date, ..PortfolioFilter::default() },
    }
}

/// Compares folds and lists at every position with the naive fold, and filtered ones and pages at some.
pub(super) async fn assert_lists(
    connection: &mut PgConnection,
    history: &NaiveHistory,
    random: &mut SeededRandom,
    context: &str,
) {
    let filter = PortfolioFilter::default();
    for position in 0..=history.tip() {
        let context = format!("{context}, position {position} of {}", history.tip());
        let expected: BTreeMap<_, _> =
            history.at(position).iter().map(|(id, folded)| (*id, folded.clone())).collect();
        let found = at(connection, &ProjectSelection::All, position, SelectedStates::Valid).await;
        let readable = |(id, (folded, quarantine))| {
            assert_eq!(quarantine, Quarantine::default(), "{context}");
            (id, folded)
        };
        assert_eq!(found.into_iter().map(readable).collect::<BTreeMap<_, _>>(), expected, "{context}");
        let expected = text(&history.list(position, &filter));
        assert_eq!(whole(connection, position, &filter).await, expected, "{context}");
        if random.below(4) > 0 {
            continue;
        }
        let limit = usize::try_from(random.within(1, 5)).unwrap();
        assert_eq!(
            paged(connection, position, &filter, limit).await,
            expected,
            "{context}, by pages of {limit}"
        );
        let filter = some_filter(random, history);
        let expected = text(&history.list(position, &filter));
        assert_eq!(whole(connection, position, &filter).await, expected, "{context}, {filter:?}");
        assert_eq!(paged(connection, position, &filter, limit).await, expected, "{context}, {filter:?}");
    }
}
