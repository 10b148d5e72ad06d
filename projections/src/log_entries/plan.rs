//! How much of the log has to be read to describe the wanted events.

use super::selection::LogSelection;
use super::{DescribedEvent, LogDescriber, may_be_of_project};
use phaseline_domain::ProjectId;
use phaseline_store::read::{self, ChainedEvent};
use phaseline_store::{Pace, StoreError};
use sqlx::PgConnection;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Positions that are looked through at once for the first or last wanted events, and at first: most are found soon.
const CHUNK: i64 = 8192;
const FIRST_CHUNK: i64 = 512;
/// The most timelines that are read one by one before the first described event; for more the log is read from its beginning.
const FEW_TIMELINES: usize = 1000;

/// What has to be read to describe the wanted events.
#[derive(Debug)]
pub struct DescriptionPlan {
    /// The describer, with the timelines before the first position.
    describer: LogDescriber,
    /// The positions.
    positions: RangeInclusive<i64>,
    /// The projects that it may be about; none for all.
    pub projects: Option<Vec<ProjectId>>,
    /// Whether these projects' events are read by their streams.
    by_stream: bool,
}

impl DescriptionPlan {
    /// Finds out what has to be read.
    ///
    /// # Errors
    /// A position or a version is missing; the database's own.
    pub async fn of(connection: &mut PgConnection, selection: &LogSelection) -> Result<Self, StoreError> {
        if let Some(projects) = selection.few_projects() {
            let describer = LogDescriber::of_all(connection).await?;
            let positions = 1..=*selection.positions.end();
            return Ok(Self { describer, positions, projects: Some(projects), by_stream: true });
        }
        let (positions, concerned) = narrowed(selection, connection).await?;
        let (describer, positions, projects) = match concerned {
            Some(concerned) => {
                let projects = Some(concerned.iter().copied().collect());
                let before = positions.start() - 1;
                (LogDescriber::after(connection, before, concerned).await?, positions, projects)
            }
            None => (LogDescriber::of_all(connection).await?, 1..=*positions.end(), None),
        };
        Ok(Self { describer, positions, projects, by_stream: false })
    }

    /// Calls `each` with the wanted events in order of position; newest first with all of them, too.
    ///
    /// # Errors
    /// A position or a version is missing; the database's own.
    pub async fn describe(
        self,
        connection: &mut PgConnection,
        selection: &LogSelection,
        mut each: impl FnMut(DescribedEvent),
    ) -> Result<(), StoreError> {
        let Self { mut describer, positions, projects, by_stream } = self;
        let mut left =
            if selection.newest_first { usize::MAX } else { selection.limit.unwrap_or(usize::MAX) };
        let describe = |chained: &ChainedEvent<'_>| -> Result<(), StoreError> {
            if left == 0 {
                return Ok(());
            }
            if !selection.wants(&chained.event) {
                return describer.skip(&chained.event);
            }
            left -= 1;
            each(describer.describe(chained)?);
            Ok(())
        };
        match projects.filter(|_| by_stream) {
            Some(projects) => read::scan_projects(connection, &projects, *positions.end(), describe).await,
            None => read::scan_between(connection, positions, describe).await,
        }
    }
}

/// The wanted events' positions as narrow as a look through the log makes them, and the projects that they are about; none
/// if these are many.
async fn narrowed(
    selection: &LogSelection,
    connection: &mut PgConnection,
) -> Result<(RangeInclusive<i64>, Option<HashSet<ProjectId>>), StoreError> {
    let (mut first, mut last) = (*selection.positions.start(), *selection.positions.end());
    if selection.limit.is_none() && first <= 1 {
        return Ok((first..=last, None));
    }
    let mut left = selection.limit.unwrap_or(usize::MAX);
    let mut concerned = Some(HashSet::new());
    let mut described: Option<(i64, i64)> = None;
    let (mut low, mut high) = (first, last);
    let mut chunk = FIRST_CHUNK;
    let mut pace = Pace::begin();
    while low <= high && left > 0 {
        let part = if selection.newest_first {
            (high - chunk + 1).max(low)..=high
        } else {
            low..=(low + chunk - 1).min(high)
        };
        (low, high) = if selection.newest_first { (low, part.start() - 1) } else { (part.end() + 1, high) };
        chunk = (chunk * 4).min(CHUNK);
        let mut found = Vec::new();
        read::scan_between(connection, part, |chained| {
            let event = &chained.event;
            if selection.wants(event) {
                let is_of_project = may_be_of_project(event.stream_type);
                found.push((event.position, is_of_project.then(|| ProjectId::from(event.stream_id))));
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        pace.pause().await;
        if selection.newest_first {
            found.reverse();
        }
        for (position, project) in found.into_iter().take(left) {
            left -= 1;
            if left == 0 {
                *(if selection.newest_first { &mut first } else { &mut last }) = position;
            }
            let (lowest, highest) = described.unwrap_or((position, position));
            described = Some((lowest.min(position), highest.max(position)));
            if let Some(concerned) = &mut concerned {
                concerned.extend(project);
            }
        }
        concerned = concerned.filter(|concerned| concerned.len() <= FEW_TIMELINES);
        if concerned.is_none() && selection.limit.is_none() {
            break;
        }
    }
    if concerned.is_some() {
        let (lowest, highest) = described.unwrap_or((first, first - 1));
        return Ok((lowest..=highest, concerned));
    }
    Ok((first..=last, concerned))
}
