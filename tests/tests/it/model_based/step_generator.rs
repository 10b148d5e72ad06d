//! Chooses the next step from the seed and the model's state.

use super::step::Step;
use super::{random_commands, random_edits};
use phaseline_tests::model::{MigrationTimes, Model, Shape, Timeline};
use phaseline_tests::random::SeededRandom;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The greatest number of consecutive edits of the legacy tables.
const EDITS: u32 = 4;

/// Chooses steps.
pub(crate) struct StepGenerator {
    pub(crate) random: SeededRandom,
    edits_in_a_row: u32,
    /// The timelines that each project has had, which a command may restore.
    earlier: BTreeMap<Uuid, Vec<Timeline>>,
}

impl StepGenerator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), edits_in_a_row: 0, earlier: BTreeMap::new() }
    }

    /// The number of steps of the sequence.
    pub(crate) fn length(&mut self) -> u64 {
        12 + self.random.below(7)
    }

    /// The next step; none if this choice is not possible.
    pub(crate) fn next(&mut self, model: &Model) -> Option<Step> {
        for (project, timeline) in &model.log {
            let earlier = self.earlier.entry(*project).or_default();
            if earlier.last() != Some(timeline) {
                earlier.push(timeline.clone());
            }
        }
        match model.shape {
            Shape::Old => self.in_legacy_shape(model),
            Shape::New => self.in_timeline_shape(model),
        }
    }

    fn in_legacy_shape(&mut self, model: &Model) -> Option<Step> {
        let first_time = model.log.is_empty();
        let random = &mut self.random;
        let wants_edit = random.hits(if first_time { 20 } else { 62 });
        if wants_edit && self.edits_in_a_row < EDITS {
            self.edits_in_a_row += 1;
            return random_edits::of_old_tables(random, model);
        }
        let refused = model.clone().migrate(false, &MigrationTimes::default()).err();
        if let Some(findings) = &refused
            && random.hits(60)
        {
            let repairable = findings.iter().all(|finding| finding.code == "project_without_phases");
            if repairable && random.hits(60) {
                self.edits_in_a_row = 0;
                return Some(Step::Migrate { repair: true, kill: None });
            }
            let findings: Vec<_> = findings.iter().collect();
            let finding = random.one_of(&findings)?;
            return random_edits::remedy(random, model, finding.code, finding.project);
        }
        self.edits_in_a_row = 0;
        let repair = random.hits(10);
        let kill = random.hits(12).then(|| random.below(24));
        Some(Step::Migrate { repair, kill })
    }

    fn in_timeline_shape(&mut self, model: &Model) -> Option<Step> {
        let random = &mut self.random;
        if let Some(project) = random.one_of(&model.unadoptable())
            && random.hits(50)
        {
            return random_edits::cover(model, project);
        }
        if let Some(project) = random.one_of(&model.without_phases())
            && random.hits(15)
        {
            let command = random_commands::open(random, project, model.projects[&project])?;
            return Some(Step::Command { project, command });
        }
        if let Some(project) = random.one_of(&model.moved())
            && random.hits(30)
            && !model.drifted().contains(&project)
        {
            return Some(Step::FromTable { project, days: model.projects[&project] });
        }
        match random.below(100) {
            0..12 => {
                // A dry run shows the loss.
                let accept = random.hits(if model.losses().is_empty() { 25 } else { 80 });
                Some(Step::RollBack { accept, kill: random.hits(12).then(|| random.below(24)) })
            }
            12..16 => random_commands::restore(random, model, &self.earlier)
                .map(|(project, command)| Step::Command { project, command }),
            16..63 => random_commands::command(random, model)
                .map(|(project, command)| Step::Command { project, command }),
            63..68 => Some(Step::Adopt { repair: random.hits(60) }),
            68..74 => {
                let drifted = model.drifted().into_iter().chain(model.deleted());
                random.one_of(&drifted.collect::<Vec<_>>()).map(Step::RepairDrift)
            }
            _ => random_edits::of_new_tables(random, model),
        }
    }
}
