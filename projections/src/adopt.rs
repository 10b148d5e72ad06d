//! Adoption: projects with rows in `project_phases` that other programs wrote, and the events that record those rows unchanged.

mod adopt_all;

pub use adopt_all::{Adopted, AdoptionPlan, AdoptionResult, RefusedProject, adopt_all, need_commands};

use crate::live_row::LiveRow;
use crate::planner_view::{self, ProjectRows};
use crate::{Access, refuse_foreign_code};
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use phaseline_domain::event::{DefaultPhaseSupplied, PhaseAdopted, TimelineOpened};
use phaseline_domain::{
    Budget, DateRange, Description, Draft, DraftBudget, Money, Phase, PhaseId, PhaseName, ProjectId,
    Timeline, TimelineCommand, TimelineEvent, Violation, decide, validate,
};
use phaseline_store::StoreError;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// A project with rows but no timeline yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unadopted {
    /// The project.
    pub project_id: ProjectId,
    /// `start_date` and `end_date` in `public.projects`, as text; none if the project does not exist.
    dates: Option<[Option<String>; 2]>,
    rows: Vec<LiveRow>,
}

/// The events of an adoption.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdoptionEvents {
    /// The timeline's opening, then each row unchanged, by its dates.
    pub adopted: Vec<TimelineEvent>,
    /// How the timeline follows dates that the planner gave the project since; empty if it has them.
    pub following: Vec<TimelineEvent>,
}

/// All projects for which `known` is false, or of these only the requested ones, by id, with their rows in `project_phases`. Includes
/// projects without rows, and rows whose project is not in `public.projects`. Takes no row lock, and does not depend on the session's
/// settings.
pub async fn find_unadopted(
    connection: &mut PgConnection,
    only: Option<&[ProjectId]>,
    known: impl Fn(ProjectId) -> bool,
) -> Result<Vec<Unadopted>, StoreError> {
    refuse_foreign_code(connection, Access::Read).await?;
    let found = planner_view::projects_with_rows(connection, only, known).await?;
    Ok(found.into_iter().map(Unadopted::from).collect())
}

/// The rows of one project in the planner's tables, and the JSON that they were read from. Needs no privileges on those tables, only
/// those of the role `phaseline_writer`. None while the log accepts no commands: then the table has the legacy shape.
pub async fn read_unadopted(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Option<(Unadopted, String)>, StoreError> {
    let found = planner_view::project_with_rows(connection, project).await?;
    Ok(found.map(|(found, json)| (Unadopted::from(found), json)))
}

/// A project's dates in the planner's table. Needs no privileges on it, only those of the role `phaseline_writer`.
///
/// # Errors
/// [`StoreError::UnknownProject`] if the project does not exist, [`StoreError::InvalidProjectDates`] if its dates are not a range.
pub async fn read_project_dates(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<DateRange, StoreError> {
    let dates = planner_view::dates_as_text(connection, project).await?;
    let dates = Some(dates.ok_or(StoreError::UnknownProject(project))?);
    Unadopted::from(ProjectRows { project_id: project, dates, rows: Vec::new() })
        .range()
        .map_err(|_| StoreError::InvalidProjectDates(project))
}

impl From<ProjectRows> for Unadopted {
    fn from(ProjectRows { project_id, dates, mut rows }: ProjectRows) -> Self {
        rows.sort_by_key(|row| row.id);
        Self { project_id, dates, rows }
    }
}

impl Unadopted {
    /// Whether it has no row in `project_phases`.
    pub fn is_bare(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it is in `public.projects`; rows without a project are possible where a foreign key was bypassed.
    pub fn is_in_projects(&self) -> bool {
        self.dates.is_some()
    }

    /// Its rows, by id.
    pub fn rows(&self) -> &[LiveRow] {
        &self.rows
    }

    /// Whether its rows are those of a timeline, with the same dates.
    pub(crate) fn has_dates_of(&self, timeline: &Timeline) -> bool {
        let dates = |row: &LiveRow| {
            let date = |column| row.value(column).map(str::to_owned);
            (row.id, date("start_date"), date("end_date"))
        };
        let of_phase = |phase: &Phase| {
            (phase.id, Some(phase.range.start().to_string()), Some(phase.range.end().to_string()))
        };
        let rows: BTreeSet<_> = self.rows.iter().map(dates).collect();
        rows == timeline.phases().iter().map(of_phase).collect()
    }

    /// The project's dates in `public.projects`, or all their errors.
    pub fn range(&self) -> Result<DateRange, Vec<String>> {
        let Some([start, end]) = &self.dates else {
            return Err(vec!["the project is not in public.projects".to_owned()]);
        };
        let mut wrong = Vec::new();
        let mut read = |column, value: &Option<String>| {
            day(value.as_deref())
                .map_err(|what| wrong.push(format!("the project's {column} in public.projects {what}")))
                .ok()
        };
        let (start, end) = (read("start_date", start), read("end_date", end));
        match (start, end) {
            (Some(start), Some(end)) => {
                DateRange::new(start, end).map_err(|error| vec![format!("the project's {error}")])
            }
            _ => Err(wrong),
        }
    }

    /// The events that adopt the rows unchanged: the timeline's opening, then each row by its dates.
    ///
    /// # Errors
    /// All reasons: a missing or invalid project or value, every broken rule, or that there is no row.
    pub fn events(&self) -> Result<Vec<TimelineEvent>, Vec<String>> {
        let mut wrong = Vec::new();
        let range = self.range().map_err(|what| wrong.extend(what)).ok();
        if self.is_bare() {
            wrong.push("the project has no row in project_phases".to_owned());
        }
        let (rows, complete) = self.read_rows(&mut wrong);
        if let (Some(range), false) = (range, self.is_bare()) {
            // Coverage cannot be checked if a phase could not be read.
            let broken = broken_rules(range, &rows)
                .into_iter()
                .filter(|violation| complete || !violation.rule.is_about_coverage());
            wrong.extend(broken.map(|violation| match violation.phase_id {
                Some(id) => format!("phase {id}: {} ({})", violation.message, violation.rule),
                None => format!("{} ({})", violation.message, violation.rule),
            }));
        }
        match range {
            Some(range) if wrong.is_empty() => self.opened(range, &rows),
            _ => Err(wrong),
        }
    }

    /// The same; or, if the planner has given the project other dates since it wrote the rows, their adoption over their own dates, and
    /// the events by which the timeline then follows the project's.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn adoption(&self) -> Result<AdoptionEvents, Vec<String>> {
        match self.events() {
            Ok(adopted) => Ok(AdoptionEvents { adopted, following: Vec::new() }),
            Err(wrong) => self.followed().ok_or(wrong),
        }
    }

    /// None if the rows are not those of a timeline, or cannot follow the project's dates.
    fn followed(&self) -> Option<AdoptionEvents> {
        let range = self.range().ok()?;
        let (rows, true) = self.read_rows(&mut Vec::new()) else { return None };
        let end = rows.iter().map(|row| row.end_date).max()?;
        let own = DateRange::new(rows.first()?.start_date, end).ok()?;
        if !broken_rules(own, &rows).is_empty() {
            return None;
        }
        let adopted = self.opened(own, &rows).ok()?;
        let mut timeline = Timeline::default();
        adopted.iter().for_each(|event| timeline.evolve(event));
        let follow = TimelineCommand::Reschedule { start_date: range.start(), end_date: range.end() };
        let following = decide(&timeline, &follow).ok()?;
        Some(AdoptionEvents { adopted, following })
    }

    /// The rows that can be read, by their dates, and whether these are all; what is wrong with the others is added.
    fn read_rows(&self, wrong: &mut Vec<String>) -> (Vec<ReadRow<'_>>, bool) {
        let mut rows: Vec<ReadRow<'_>> = self.rows.iter().filter_map(|row| ReadRow::of(row, wrong)).collect();
        rows.sort_by_key(|row| (row.start_date, row.end_date, row.id));
        let complete = rows.len() == self.rows.len();
        (rows, complete)
    }

    /// The events that open a timeline over these dates with these rows.
    fn opened(&self, range: DateRange, rows: &[ReadRow<'_>]) -> Result<Vec<TimelineEvent>, Vec<String>> {
        let mut wrong = Vec::new();
        let mut events = vec![TimelineOpened { project_id: self.project_id, range }.into()];
        for row in rows {
            match row.adopted() {
                Ok(event) => events.push(event),
                Err(what) => wrong.push(format!("phase {}: {what}", row.id)),
            }
        }
        if wrong.is_empty() { Ok(events) } else { Err(wrong) }
    }

    /// The events that give a project without rows a default phase over all its dates, without a budget.
    ///
    /// # Errors
    /// All errors of the project, or that it has rows.
    pub fn with_default_phase(&self, phase_id: PhaseId) -> Result<Vec<TimelineEvent>, Vec<String>> {
        if !self.is_bare() {
            return Err(vec!["the project has rows in project_phases".to_owned()]);
        }
        let (project_id, range) = (self.project_id, self.range()?);
        Ok(vec![
            TimelineOpened { project_id, range }.into(),
            DefaultPhaseSupplied { phase_id, name: PhaseName::of_default_phase(), range }.into(),
        ])
    }
}

fn broken_rules(range: DateRange, rows: &[ReadRow<'_>]) -> Vec<Violation> {
    validate(range, &rows.iter().map(ReadRow::draft).collect::<Vec<_>>())
}

/// A row whose values could be parsed.
#[derive(Debug)]
struct ReadRow<'a> {
    id: PhaseId,
    name: &'a str,
    start_date: NaiveDate,
    end_date: NaiveDate,
    description: Option<&'a str>,
    capital: Decimal,
    expense: Decimal,
    total: Decimal,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl<'a> ReadRow<'a> {
    /// Parses a row; none if a value is invalid, which is added to `wrong`.
    fn of(row: &'a LiveRow, wrong: &mut Vec<String>) -> Option<Self> {
        let before = wrong.len();
        let mut add = |column: &str, what: &str| wrong.push(format!("phase {}: {column} {what}", row.id));
        for column in ["id", "project_id"] {
            if row.value(column).is_none() {
                add(column, "is NULL");
            }
        }
        for column in row.unreadable() {
            add(column, "is not valid UTF-8");
        }
        let name = row.value("name");
        if name.is_none() {
            add("name", "is NULL");
        }
        let mut amount = |column| amount(row.value(column)).map_err(|what| add(column, &what)).ok();
        let (capital, expense, total) =
            (amount("capital_budget"), amount("expense_budget"), amount("total_budget"));
        let mut date = |column| day(row.value(column)).map_err(|what| add(column, &what)).ok();
        let (start_date, end_date) = (date("start_date"), date("end_date"));
        let mut time = |column| time(row.value(column)).map_err(|what| add(column, &what)).ok();
        let (created_at, updated_at) = (time("created_at"), time("updated_at"));
        let read = Self {
            id: row.id,
            name: name?,
            start_date: start_date?,
            end_date: end_date?,
            description: row.value("description"),
            capital: capital?,
            expense: expense?,
            total: total?,
            created_at: created_at?,
            updated_at: updated_at?,
        };
        (wrong.len() == before).then_some(read)
    }

    fn draft(&self) -> Draft<'_> {
        Draft {
            id: Some(self.id),
            name: self.name,
            start_date: self.start_date,
            end_date: self.end_date,
            description: self.description,
            budget: Some(DraftBudget {
                capital: self.capital,
                expense: self.expense,
                total: Some(self.total),
            }),
        }
    }

    fn adopted(&self) -> Result<TimelineEvent, phaseline_domain::InvalidValue> {
        Ok(PhaseAdopted {
            phase_id: self.id,
            name: PhaseName::new(self.name)?,
            range: DateRange::new(self.start_date, self.end_date)?,
            description: self.description.map(Description::new).transpose()?,
            budget: Budget::new(Money::new(self.capital)?, Money::new(self.expense)?)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
        .into())
    }
}

fn day(text: Option<&str>) -> Result<NaiveDate, String> {
    let text = text.ok_or("is NULL")?;
    text.parse()
        .ok()
        .filter(|day: &NaiveDate| (1..=9999).contains(&day.year()))
        .ok_or_else(|| format!("is {text}, which is not a date in the years 1 to 9999"))
}

fn time(text: Option<&str>) -> Result<NaiveDateTime, String> {
    let text = text.ok_or("is NULL")?;
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
        .ok()
        .filter(|time| (1..=9999).contains(&time.year()))
        .ok_or_else(|| format!("is {text}, which is not a timestamp in the years 1 to 9999"))
}

fn amount(text: Option<&str>) -> Result<Decimal, String> {
    let text = text.ok_or("is NULL")?;
    Decimal::from_str_exact(text).map_err(|_| format!("is {text}, which is not an amount of money"))
}
