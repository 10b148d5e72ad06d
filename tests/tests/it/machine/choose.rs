//! Which step comes next: out of the seed and of what the model says is there.

use super::step::Step;
use super::{commands, edits};
use phaseline_tests::chance::Chance;
use phaseline_tests::model::{MigrationTimes, Model, Shape};

/// Edits of the old tables in a row, at most.
const EDITS: u32 = 4;

/// Chooses steps.
pub(crate) struct Chooser {
    pub(crate) chance: Chance,
    edits_in_a_row: u32,
}

impl Chooser {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), edits_in_a_row: 0 }
    }

    /// How many steps the sequence has.
    pub(crate) fn length(&mut self) -> u64 {
        12 + self.chance.below(7)
    }

    /// The next step; none if this choice has nothing to work on.
    pub(crate) fn next(&mut self, model: &Model) -> Option<Step> {
        match model.shape {
            Shape::Old => self.in_legacy_shape(model),
            Shape::New => self.in_timeline_shape(model),
        }
    }

    fn in_legacy_shape(&mut self, model: &Model) -> Option<Step> {
        let first_time = model.log.is_empty();
        let chance = &mut self.chance;
        let wants_edit = chance.hits(if first_time { 20 } else { 62 });
        if wants_edit && self.edits_in_a_row < EDITS {
            self.edits_in_a_row += 1;
            return edits::of_old_tables(chance, model);
        }
        let refused = model.clone().migrate(false, &MigrationTimes::default()).err();
        if let Some(findings) = &refused
            && chance.hits(60)
        {
            let repairable = findings.iter().all(|finding| finding.code == "project_without_phases");
            if repairable && chance.hits(60) {
                self.edits_in_a_row = 0;
                return Some(Step::Migrate { repair: true, kill: None });
            }
            let findings: Vec<_> = findings.iter().collect();
            let finding = chance.one_of(&findings)?;
            return edits::remedy(chance, model, finding.code, finding.project);
        }
        self.edits_in_a_row = 0;
        let repair = chance.hits(10);
        let kill = chance.hits(12).then(|| chance.below(14));
        Some(Step::Migrate { repair, kill })
    }

    fn in_timeline_shape(&mut self, model: &Model) -> Option<Step> {
        let chance = &mut self.chance;
        if let Some(project) = chance.one_of(&model.unadoptable())
            && chance.hits(50)
        {
            return edits::cover(model, project);
        }
        if let Some(project) = chance.one_of(&model.bare())
            && chance.hits(15)
        {
            let command = commands::open(chance, project, model.projects[&project])?;
            return Some(Step::Command { project, command });
        }
        if let Some(project) = chance.one_of(&model.moved())
            && chance.hits(30)
            && !model.drifted().contains(&project)
        {
            return Some(Step::FromTable { project, days: model.projects[&project] });
        }
        match chance.below(100) {
            0..12 => {
                // A dry run is for the loss.
                let accept = chance.hits(if model.losses().is_empty() { 25 } else { 80 });
                Some(Step::RollBack { accept, kill: chance.hits(12).then(|| chance.below(14)) })
            }
            12..63 => {
                commands::command(chance, model).map(|(project, command)| Step::Command { project, command })
            }
            63..68 => Some(Step::Adopt { repair: chance.hits(60) }),
            68..74 => {
                let drifted = model.drifted().into_iter().chain(model.gone());
                chance.one_of(&drifted.collect::<Vec<_>>()).map(Step::RepairDrift)
            }
            _ => edits::of_new_tables(chance, model),
        }
    }
}
