//! Random commands, for long streams.

use crate::fixture::{migrated_sample, store};
use crate::quarantine::projects;
use phaseline_domain::{ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::Metadata;
use phaseline_tests::random::SeededRandom;

/// Commands of which most are on a few projects, so that their streams are long.
pub(super) struct Writer {
    pub(super) random: SeededRandom,
    pub(super) projects: Vec<ProjectId>,
}

impl Writer {
    pub(super) async fn write(&mut self, database: &TestDatabase) {
        let store = store(database.url()).await;
        for _ in 0..self.random.within(1, 12) {
            let project = if self.random.hits(80) {
                self.random.pick([0, 1, 5].map(|at| self.projects[at]))
            } else {
                self.random.one_of(&self.projects).unwrap()
            };
            let phases =
                database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{project}'"));
            let phases: Vec<&str> = phases.split_whitespace().collect();
            let Some(phase) = self.random.one_of(&phases) else { continue };
            let name = format!("Name {}", self.random.below(1000));
            let command = TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name };
            // In quarantine it is refused.
            let _ = store.execute(project, &command, Metadata::default()).await;
        }
    }
}

/// A database whose first project has a stream of some states.
pub(super) async fn written() -> (TestDatabase, ProjectId) {
    let database = migrated_sample(6, 60, 61);
    let mut writer = Writer { random: SeededRandom::new(5), projects: projects(&database) };
    for _ in 0..6 {
        writer.write(&database).await;
    }
    let project = writer.projects[0];
    (database, project)
}
