//! Lists of projects at every position.

use super::at;
use super::naive_fold::NaiveHistory;
use crate::fixture::{migrated, sample};
use crate::quarantine::connect;
use phaseline_domain::ProjectId;
use phaseline_projections::portfolio::{
    BegunBy, ListPlace, PortfolioFilter, PortfolioProject, ProjectSelection, SelectedStates, each_project,
    page,
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
        assert_eq!(
            whole(connection, position, &by_streams(&filter)).await,
            expected,
            "{context}, by streams"
        );
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
        for filter in [by_streams(&filter), filter] {
            assert_eq!(paged(connection, position, &filter, limit).await, expected, "{context}, {filter:?}");
        }
    }
}

/// The same as at a late position.
fn by_streams(filter: &PortfolioFilter) -> PortfolioFilter {
    PortfolioFilter { begun_by: Some(BegunBy::Streams), ..filter.clone() }
}

/// The first names of a page are as many as it has, then there are many more than a block has.
#[tokio::test]
async fn pages_of_few_among_many_projects_miss_none() {
    let database = sample(90, 180, 23);
    migrated(database.url()).await;
    // Some of them the planner does not have any more.
    database.psql("CREATE TEMP TABLE gone AS SELECT id FROM projects ORDER BY id LIMIT 5;
         DELETE FROM actuals WHERE resource_assignment_id IN (SELECT a.id FROM resource_assignments a JOIN gone g ON g.id = a.project_id);
         DELETE FROM resource_assignments WHERE project_id IN (SELECT id FROM gone);
         DELETE FROM project_phases WHERE project_id IN (SELECT id FROM gone);
         DELETE FROM projects WHERE id IN (SELECT id FROM gone)");
    let mut connection = connect(&database).await;
    let history = NaiveHistory::read(&mut connection).await;
    let all = history.list(history.tip(), &PortfolioFilter::default());
    let days = all.iter().step_by(9).map(|project| project.start_date);
    for on in days.chain([None]) {
        let filter = PortfolioFilter { on, ..PortfolioFilter::default() };
        for (position, filter) in [
            (history.tip(), by_streams(&filter)),
            (history.tip() / 2, by_streams(&filter)),
            (history.tip(), PortfolioFilter { search: Some("o".to_owned()), ..by_streams(&filter) }),
            (history.tip(), filter),
        ] {
            let expected = text(&history.list(position, &filter));
            assert_eq!(whole(&mut connection, position, &filter).await, expected, "{position}, {filter:?}");
            for limit in [1, 2, 3, 10, 40] {
                let found = paged(&mut connection, position, &filter, limit).await;
                assert_eq!(found, expected, "{position}, {filter:?}, by pages of {limit}");
            }
        }
    }
}
