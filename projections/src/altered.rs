//! Findings that would come from altered events: before a row is called wrong, or written from the log, the events that the log's side
//! was folded from are compared with their hashes.

use crate::FoldedLog;
use crate::drift::Finding;
use phaseline_domain::ProjectId;
use phaseline_store::progress::Progress;
use phaseline_store::{AlteredEvents, StoreError, chain::Inspector, read, stream};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Up to this number of projects their streams are read one by one, with an index; of more, the whole log once, in its order.
const FEW_STREAMS: usize = 100;

/// Fails if an event was altered in the timeline of a project with a finding: then the log, and not the table, may be wrong. Without a
/// finding nothing is read. Events that a mark leaves out are not in the fold, and do not count.
///
/// To be called in the snapshot of the fold. A fold that compared the events already ([`FoldedLog::read_parallel`]) needs no reading.
///
/// # Errors
/// [`StoreError::Altered`] with the events of the first such project; the database's own.
pub async fn refuse_altered_findings(
    connection: &mut PgConnection,
    log: &FoldedLog,
    findings: &[Finding],
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let recorded = |project: &ProjectId| log.version(*project) > 0;
    let projects: BTreeSet<ProjectId> = findings.iter().map(Finding::project_id).filter(recorded).collect();
    if projects.is_empty() {
        return Ok(());
    }
    if let Some(altered) = log.altered() {
        return match projects.iter().find_map(|project| altered.get(project)) {
            Some(altered) => Err(StoreError::Altered(Box::new(altered.clone()))),
            None => Ok(()),
        };
    }
    progress.step("comparing the events of these projects with their hashes", None);
    if projects.len() > FEW_STREAMS {
        return scan(connection, log, &projects).await;
    }
    for project in projects {
        let history = stream::whole_history(connection, project, None).await?;
        stream::refuse_altered(project, &history)?;
    }
    Ok(())
}

/// The same, reading the whole log once.
async fn scan(
    connection: &mut PgConnection,
    log: &FoldedLog,
    projects: &BTreeSet<ProjectId>,
) -> Result<(), StoreError> {
    let mut inspector = Inspector::default();
    let mut altered: BTreeMap<ProjectId, AlteredEvents> = BTreeMap::new();
    read::scan(connection, Some(log.position), |event| {
        let fits = inspector.see(event);
        let project = ProjectId::from(event.stream_id);
        if !fits
            && event.stream_type == stream::TIMELINE
            && projects.contains(&project)
            && !log.skips(event.position)
        {
            let found = altered.entry(project).or_insert_with(|| AlteredEvents::none_of(project));
            found.add(event.position);
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    match altered.into_values().next() {
        Some(altered) => Err(StoreError::Altered(Box::new(altered))),
        None => Ok(()),
    }
}
