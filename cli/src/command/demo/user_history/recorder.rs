//! Executes commands in the name of the sample users.

use super::words::USERS;
use crate::command::demo::random::DemoRandom;
use crate::failure::Failure;
use phaseline_domain::{ProjectId, Timeline, TimelineCommand};
use phaseline_projections::ProjectPhases;
use phaseline_store::{Metadata, TimelineStore};
use std::collections::HashMap;

/// The source of the events.
const SOURCE: &str = "demo";

/// One command of a user, with its reason.
pub(super) struct UserEdit {
    pub(super) command: TimelineCommand,
    pub(super) reason: Option<String>,
}

/// The timelines that the commands change, and what they need to be executed.
pub(super) struct Recorder {
    store: TimelineStore<ProjectPhases>,
    pub(super) random: DemoRandom,
    timelines: HashMap<ProjectId, Timeline>,
    /// Each project's timeline after its first command, with the position of that.
    earlier: HashMap<ProjectId, (i64, Timeline)>,
}

impl Recorder {
    pub(super) fn new(
        store: TimelineStore<ProjectPhases>,
        random: DemoRandom,
        timelines: HashMap<ProjectId, Timeline>,
    ) -> Self {
        Self { store, random, timelines, earlier: HashMap::new() }
    }

    /// The project's current timeline, and the choices.
    pub(super) fn timeline(&mut self, project: ProjectId) -> Option<(&Timeline, &mut DemoRandom)> {
        Some((self.timelines.get(&project)?, &mut self.random))
    }

    /// Executes an edit.
    pub(super) async fn execute(&mut self, project: ProjectId, edit: UserEdit) -> Result<(), Failure> {
        self.record(project, edit, None).await
    }

    /// Restores the timeline after the project's first command.
    pub(super) async fn restore(&mut self, project: ProjectId, reason: &str) -> Result<(), Failure> {
        let earlier = self.earlier.get(&project);
        let restoring = earlier
            .and_then(|(position, timeline)| Some((*position, TimelineCommand::restore(timeline, true)?)));
        let Some((position, command)) = restoring else { return Ok(()) };
        self.record(project, UserEdit { command, reason: Some(reason.to_owned()) }, Some(position)).await
    }

    async fn record(
        &mut self,
        project: ProjectId,
        UserEdit { command, reason }: UserEdit,
        restored_from: Option<i64>,
    ) -> Result<(), Failure> {
        let (subject, name) = self.random.pick(USERS);
        let metadata = Metadata {
            actor: Some(subject.to_owned()),
            actor_name: name.map(str::to_owned),
            reason,
            source: Some(SOURCE.to_owned()),
            command_id: Some(self.random.id().to_string()),
            restored_from: restored_from.map(|position| position.to_string()),
            ..Metadata::default()
        };
        let committed = self.store.execute(project, &command, metadata).await?;
        let timeline = committed.after.timeline.clone();
        self.earlier.entry(project).or_insert_with(|| (committed.position, timeline.clone()));
        self.timelines.insert(project, timeline);
        Ok(())
    }
}
