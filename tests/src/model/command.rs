//! The effects of commands, from the documented rules.

use super::days::after;
use super::timeline::Change;
use super::{Budget, Days, Model, Phase, Timeline};
use chrono::{Datelike as _, NaiveDate, NaiveDateTime};
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ReplacementPhase, TimelineCommand};
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A command that is refused, and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// The largest amount, in cents.
const LARGEST: i64 = 999_999_999_999_999;

impl Model {
    /// Executes a command that is recorded at `at`; returns whether it changes anything.
    ///
    /// The first command on a project without a timeline adopts the table's rows, if it changes something.
    ///
    /// # Errors
    /// If it is refused; then nothing has changed.
    pub fn command(
        &mut self,
        project: Uuid,
        command: &TimelineCommand,
        at: NaiveDateTime,
    ) -> Result<bool, Refused> {
        let change = Change { at, by_command: true };
        let mut after = self.clone();
        let adopts = self.unadopted().contains(&project);
        if adopts && !after.adopt(project) {
            return Err(Refused);
        }
        let unadopted = |id: Uuid| self.new_rows.get(&id).is_some_and(|row| row.project != project);
        if ids_to_create(command).any(unadopted) {
            return Err(Refused);
        }
        if let TimelineCommand::Open { range, default_phase_id, .. } = command {
            let days = Days::new(range.start(), range.end());
            if after.log.contains_key(&project) || days.first >= days.last {
                return Err(Refused);
            }
            let phase =
                Phase::created(default_phase_id.uuid(), "Default Phase", days, None, Budget::ZERO, at);
            after.log.insert(project, Timeline::new(days, vec![phase]));
        }
        let timeline = after.log.get_mut(&project).ok_or(Refused)?;
        let before = timeline.clone();
        match self.projects.get(&project) {
            Some(days) if *days != timeline.days && (adopts || self.log.contains_key(&project)) => {
                timeline.follow(*days, command, change)?;
            }
            _ => timeline.apply(command, change)?,
        }
        let timeline = timeline.clone();
        let opens = matches!(command, TimelineCommand::Open { .. });
        let mut followed = before.clone();
        if adopts && let Some(days) = self.projects.get(&project) {
            // A command that changes nothing else adopts nothing.
            followed.reschedule(*days, Change { by_command: false, ..change });
        }
        let changed = opens || followed != timeline;
        if changed {
            if before.days != timeline.days {
                after.projects.insert(project, timeline.days);
            }
            let touched =
                |phase: &&Phase| !before.phases.contains(phase) || !after.new_rows.contains_key(&phase.id);
            let rows: Vec<_> =
                timeline.phases.iter().filter(touched).map(|phase| phase.new_row(project)).collect();
            for row in rows {
                after.new_rows.insert(row.id, row);
            }
            for gone in before.phases.iter().filter(|phase| timeline.at(phase.id).is_none()) {
                after.new_rows.remove(&gone.id);
            }
            *self = after;
        }
        Ok(changed)
    }
}

fn ids_to_create(command: &TimelineCommand) -> impl Iterator<Item = Uuid> {
    let ids: Vec<Uuid> = match command {
        TimelineCommand::Open { default_phase_id, .. } => vec![default_phase_id.uuid()],
        TimelineCommand::CreatePhase { phase, .. } => vec![phase.id.uuid()],
        TimelineCommand::ReplaceAll { phases } => phases
            .iter()
            .filter_map(|phase| match phase {
                ReplacementPhase::New(draft) => Some(draft.id.uuid()),
                ReplacementPhase::Existing(_) => None,
            })
            .collect(),
        TimelineCommand::Restore { phases, .. } => phases.iter().map(|draft| draft.id.uuid()).collect(),
        _ => Vec::new(),
    };
    ids.into_iter()
}

impl Timeline {
    /// Executes a command after the backend changed the project's dates: its phases follow first. If they cannot, the command must
    /// lead to phases over these dates.
    fn follow(&mut self, days: Days, command: &TimelineCommand, change: Change) -> Result<(), Refused> {
        let mut followed = self.clone();
        if followed.reschedule(days, Change { by_command: false, ..change }) {
            followed.apply(command, change)?;
        } else {
            followed.days = days;
            followed.apply(command, change)?;
            require(followed.is_whole())?;
        }
        *self = followed;
        Ok(())
    }

    fn apply(&mut self, command: &TimelineCommand, change: Change) -> Result<(), Refused> {
        let place = |id: Uuid| self.at(id).ok_or(Refused);
        match command {
            TimelineCommand::Open { .. } => {}
            TimelineCommand::Reschedule { start_date, end_date } => {
                let days = real(*start_date, *end_date)?;
                require(days == self.days || self.reschedule(days, change))?;
            }
            TimelineCommand::CreatePhase { phase, neighbours } => {
                require(*neighbours == Neighbours::Adjust && self.at(phase.id.uuid()).is_none())?;
                require(self.put(drafted(phase, change)?, change))?;
            }
            TimelineCommand::ResizePhase { phase_id, start_date, end_date, neighbours } => {
                let at = place(phase_id.uuid())?;
                let requested = Days::new(*start_date, *end_date);
                if requested != self.phases[at].days {
                    require(*neighbours == Neighbours::Adjust)?;
                    require(self.resize(at, real(requested.first, requested.last)?, change))?;
                }
            }
            TimelineCommand::RenamePhase { phase_id, name } => {
                let at = place(phase_id.uuid())?;
                require(is_name(name))?;
                self.phases[at].set_name(name, change);
            }
            TimelineCommand::DescribePhase { phase_id, description } => {
                let at = place(phase_id.uuid())?;
                require(is_description(description.as_deref()))?;
                self.phases[at].set_description(description.as_deref(), change);
            }
            TimelineCommand::BudgetPhase { phase_id, capital_budget, expense_budget, total_budget } => {
                let at = place(phase_id.uuid())?;
                let budget = money(*capital_budget, *expense_budget, *total_budget)?;
                self.phases[at].set_budget(budget, change);
            }
            TimelineCommand::RemovePhase { phase_id, neighbours } => {
                let at = place(phase_id.uuid())?;
                require(self.phases.len() > 1 && *neighbours == Neighbours::Adjust)?;
                self.remove(at, change);
            }
            TimelineCommand::ChangePhase { phase_id, changes, neighbours } => {
                let at = place(phase_id.uuid())?;
                let mut after = self.clone();
                let phase = &self.phases[at];
                let requested = Days::new(
                    changes.start_date.unwrap_or(phase.days.first),
                    changes.end_date.unwrap_or(phase.days.last),
                );
                let mut one = |command| after.apply(&command, change);
                one(TimelineCommand::ResizePhase {
                    phase_id: *phase_id,
                    start_date: requested.first,
                    end_date: requested.last,
                    neighbours: *neighbours,
                })?;
                if let Some(name) = changes.name.clone() {
                    one(TimelineCommand::RenamePhase { phase_id: *phase_id, name })?;
                }
                if let Some(description) = changes.description.clone() {
                    one(TimelineCommand::DescribePhase { phase_id: *phase_id, description })?;
                }
                let parts = (changes.capital_budget, changes.expense_budget, changes.total_budget);
                if parts != (None, None, None) {
                    let budget = phase.budget;
                    one(TimelineCommand::BudgetPhase {
                        phase_id: *phase_id,
                        capital_budget: parts.0.unwrap_or(Decimal::new(budget.capital, 2)),
                        expense_budget: parts.1.unwrap_or(Decimal::new(budget.expense, 2)),
                        total_budget: parts.2,
                    })?;
                }
                *self = after;
            }
            TimelineCommand::Reorder { phases } => self.reorder(phases, change)?,
            TimelineCommand::ReplaceAll { phases } => self.replace(phases, change)?,
            TimelineCommand::Restore { phases, range, with_project_days } => {
                let days = Days::new(range.start(), range.end());
                require(days == self.days || *with_project_days && days.first < days.last)?;
                let listed = |draft: &PhaseDraft| match self.at(draft.id.uuid()) {
                    Some(_) => ReplacementPhase::Existing(draft.clone()),
                    None => ReplacementPhase::New(draft.clone()),
                };
                let listed: Vec<ReplacementPhase> = phases.iter().map(listed).collect();
                let mut after = Self { days, ..self.clone() };
                after.replace(&listed, change)?;
                *self = after;
            }
        }
        Ok(())
    }

    fn reorder(&mut self, order: &[PhaseId], change: Change) -> Result<(), Refused> {
        let places: BTreeSet<usize> = order.iter().filter_map(|id| self.at(id.uuid())).collect();
        require(places.len() == self.phases.len() && order.len() == self.phases.len())?;
        let mut first = self.days.first;
        for id in order {
            let at = self.at(id.uuid()).ok_or(Refused)?;
            let last = first + chrono::Days::new(self.phases[at].days.count() - 1);
            self.phases[at].set_days(Days::new(first, last), change);
            first = after(last);
        }
        self.sort();
        Ok(())
    }

    fn replace(&mut self, requested: &[ReplacementPhase], change: Change) -> Result<(), Refused> {
        let mut phases = Vec::new();
        let mut ids = BTreeSet::new();
        for one in requested {
            let (ReplacementPhase::Existing(draft) | ReplacementPhase::New(draft)) = one;
            let standing = self.at(draft.id.uuid());
            require(ids.insert(draft.id))?;
            require(standing.is_some() == matches!(one, ReplacementPhase::Existing(_)))?;
            let new = drafted(draft, change)?;
            phases.push(match standing {
                None => new,
                Some(at) => {
                    let mut phase = self.phases[at].clone();
                    phase.set_days(new.days, change);
                    phase.set_name(&new.name, change);
                    phase.set_description(new.description.as_deref(), change);
                    phase.set_budget(new.budget, change);
                    phase
                }
            });
        }
        let mut after = Self { phases, days: self.days };
        after.sort();
        require(after.is_whole())?;
        *self = after;
        Ok(())
    }
}

fn require(holds: bool) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused) }
}

fn drafted(draft: &PhaseDraft, change: Change) -> Result<Phase, Refused> {
    require(is_name(&draft.name) && is_description(draft.description.as_deref()))?;
    let days = real(draft.start_date, draft.end_date)?;
    require(days.first <= days.last)?;
    let budget = money(draft.capital_budget, draft.expense_budget, Some(draft.total_budget))?;
    let description = draft.description.clone().filter(|text| !text.is_empty());
    Ok(Phase::created(draft.id.uuid(), &draft.name, days, description, budget, change.at))
}

fn real(first: NaiveDate, last: NaiveDate) -> Result<Days, Refused> {
    require((1..=9999).contains(&first.year()) && (1..=9999).contains(&last.year()))?;
    Ok(Days::new(first, last))
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= 100 && !name.contains('\0')
}

fn is_description(description: Option<&str>) -> bool {
    description.is_none_or(|text| text.chars().count() <= 500 && !text.contains('\0'))
}

fn money(capital: Decimal, expense: Decimal, total: Option<Decimal>) -> Result<Budget, Refused> {
    let (capital, expense) = (cents(capital)?, cents(expense)?);
    let sum = capital + expense;
    require(sum <= LARGEST)?;
    if let Some(total) = total {
        require(cents(total)? == sum)?;
    }
    Ok(Budget { capital, expense })
}

fn cents(amount: Decimal) -> Result<i64, Refused> {
    let cents = amount * Decimal::ONE_HUNDRED;
    require(cents.fract().is_zero())?;
    let cents = i64::try_from(cents).map_err(|_| Refused)?;
    require((0..=LARGEST).contains(&cents))?;
    Ok(cents)
}
