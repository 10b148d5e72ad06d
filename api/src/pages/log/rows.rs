//! The rows of the log's table: commands, each with its events.

use crate::pages::parameters::PageParameters;
use crate::pages::words;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::DescribedEvent;
use phaseline_projections::planner_view::ProjectName;
use phaseline_projections::{ChangedField, FieldChange};
use std::collections::HashMap;

/// The most changed fields of an event that are shown.
const MOST: usize = 20;

/// The events of one command.
#[derive(Debug)]
pub(super) struct LoggedCommand {
    pub(super) time: String,
    pub(super) machine_time: String,
    /// Who did it, as the writer claims, and the link to all that this actor did.
    pub(super) actor: Option<[String; 2]>,
    /// The database login, if it says more than the actor.
    pub(super) login: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) source: Option<String>,
    pub(super) restored_from: Option<String>,
    pub(super) entries: Vec<EventRow>,
}

/// One event.
#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) position: i64,
    /// The link to this event alone.
    pub(super) link: String,
    pub(super) words: String,
    pub(super) changes: Vec<[String; 3]>,
    pub(super) more_changes: usize,
    pub(super) project: Option<LinkedProject>,
    /// What is wrong with it.
    pub(super) marks: Vec<String>,
    /// Names and values for those who look closer.
    pub(super) details: Vec<[String; 2]>,
}

/// The project of an event.
#[derive(Debug)]
pub(super) struct LinkedProject {
    pub(super) name: String,
    pub(super) is_named: bool,
    /// The project after the command.
    pub(super) at: String,
    /// The command's changes of the project.
    pub(super) difference: String,
}

impl LoggedCommand {
    /// The command of these events; `previous` is the position before it.
    pub(super) fn of(
        base: &str,
        events: &[DescribedEvent],
        previous: i64,
        names: &HashMap<ProjectId, ProjectName>,
    ) -> Option<Self> {
        let entry = &events.first()?.entry;
        let metadata = &entry.metadata;
        let actor = metadata.actor.as_ref().map(|actor| {
            let link =
                PageParameters::default().with(&[], &[("actor", actor.clone())]).link(&format!("{base}/log"));
            [words::shown(metadata.actor_name.as_ref().unwrap_or(actor)), link]
        });
        Some(Self {
            time: words::time(entry.recorded_at),
            machine_time: words::machine_time(entry.recorded_at),
            actor,
            login: entry
                .login
                .as_deref()
                .filter(|login| Some(*login) != metadata.actor.as_deref())
                .map(words::shown),
            reason: metadata.reason.as_deref().map(words::shown),
            source: metadata.source.as_deref().map(words::shown),
            restored_from: metadata.restored_from.as_deref().map(words::shown),
            entries: events.iter().map(|event| EventRow::of(base, event, previous, names)).collect(),
        })
    }
}

impl EventRow {
    fn of(
        base: &str,
        event: &DescribedEvent,
        previous: i64,
        names: &HashMap<ProjectId, ProjectName>,
    ) -> Self {
        let entry = &event.entry;
        let position = entry.position;
        let mut marks = Vec::new();
        if entry.unreadable.is_some() {
            marks.push("Cannot be read".to_owned());
        }
        if entry.altered {
            marks.push("Altered after it was recorded: it does not fit its hash".to_owned());
        }
        if let Some(mark) = &entry.skipped {
            marks.push(format!("Left out by the mark at position {}", mark.position));
        }
        Self {
            position,
            link: format!("{base}/log?from={position}&to={position}#p{position}"),
            words: words::sentence(&entry.words),
            changes: entry.changes.iter().take(MOST).map(change).collect(),
            more_changes: entry.changes.len().saturating_sub(MOST),
            project: event.project_id.map(|project| {
                let name = names.get(&project).and_then(|name| name.name.as_deref());
                LinkedProject {
                    is_named: name.is_some(),
                    name: name.map_or_else(|| project.to_string(), words::shown),
                    at: format!("{base}/projects/{project}?at={position}"),
                    difference: format!("{base}/projects/{project}?at={position}&compare={previous}"),
                }
            }),
            marks,
            details: details(event),
        }
    }
}

fn change(change: &FieldChange) -> [String; 3] {
    let is_amount = matches!(
        change.field,
        ChangedField::CapitalBudget | ChangedField::ExpenseBudget | ChangedField::TotalBudget
    );
    let shown = |text: &str| match text.parse().ok().filter(|_| is_amount) {
        Some(amount) => words::amount(amount),
        None => words::shown(text),
    };
    let value = |value: &Option<String>| value.as_deref().map(shown).unwrap_or_default();
    [change.field.to_string(), value(&change.before), value(&change.after)]
}

fn details(event: &DescribedEvent) -> Vec<[String; 2]> {
    let entry = &event.entry;
    let metadata = &entry.metadata;
    let all = [
        ("Type", Some(entry.event_type.clone())),
        ("Stream", Some(format!("{} {}", event.stream_type, event.stream_id))),
        ("Version", Some(entry.version.to_string())),
        ("Event id", Some(entry.event_id.to_string())),
        ("Hash", Some(entry.hash.clone())),
        ("Phase", entry.phase_id.map(|phase| phase.to_string())),
        ("Actor's id", metadata.actor.clone().filter(|_| metadata.actor_name.is_some())),
        ("Login", entry.login.clone()),
        ("Command", metadata.command_id.clone()),
        ("Correlation id", metadata.correlation_id.clone()),
        ("Request", metadata.request_id.clone()),
        ("Trace", metadata.trace_id.clone()),
        ("Fault", entry.unreadable.clone()),
        ("Why left out", entry.skipped.as_ref().and_then(|mark| mark.reason.clone())),
    ];
    all.into_iter().filter_map(|(name, value)| Some([name.to_owned(), words::shown(&value?)])).collect()
}
