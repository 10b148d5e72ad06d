//! Prints events of the log as they are read, so that memory does not grow with their number: as text or one object a line. One object
//! of all events, and the newest events first, are kept until the end.

use crate::exit::Exit;
use crate::export_table::TableValue;
use crate::output::{CsvRows, Output, OutputFormat, Streamed};
use crate::render::log as render;
use chrono::SecondsFormat;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{ActorFilter, DescribedEvent, LogSelection};
use phaseline_store::AlteredEvents;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

const FORMAT: &str = "phaseline.log/1";

/// `phaseline.log/1` without its events.
#[derive(Serialize)]
struct LogEnd<'a> {
    format: &'static str,
    /// The first position of the range.
    from_position: i64,
    /// The last position of the range.
    to_position: i64,
    /// The project of the events; null for all.
    project_id: Option<ProjectId>,
    /// The actor or login of the events; null for all.
    actor: Option<&'a str>,
    /// The type of the events; null for all.
    event_type: Option<&'a str>,
    /// The positions of altered events among the printed ones, at most 100.
    altered_positions: &'a [i64],
}

/// `phaseline.log/1`
#[derive(Serialize)]
struct WholeLog<'a> {
    #[serde(flatten)]
    end: LogEnd<'a>,
    events: Vec<DescribedEvent>,
}

/// The columns of a table.
const COLUMNS: [&str; 21] = [
    "position",
    "recorded_at",
    "stream_type",
    "stream_id",
    "version",
    "event_type",
    "project_id",
    "project_name",
    "phase_id",
    "phase_name",
    "words",
    "actor",
    "actor_name",
    "login",
    "reason",
    "source",
    "event_id",
    "hash",
    "changes",
    "command_id",
    "restored_from",
];

/// An event as a row of the table.
fn row<'a>(event: &'a DescribedEvent, names: &'a HashMap<Uuid, String>) -> [TableValue<'a>; COLUMNS.len()] {
    let entry = &event.entry;
    let metadata = &entry.metadata;
    let name = event.project_id.and_then(|project| names.get(&project.uuid()));
    [
        entry.position.into(),
        entry.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        event.stream_type.as_str().into(),
        event.stream_id.to_string().into(),
        entry.version.into(),
        entry.event_type.as_str().into(),
        event.project_id.map(|id| id.to_string()).into(),
        name.map(String::as_str).into(),
        entry.phase_id.map(|id| id.to_string()).into(),
        entry.phase_name.as_deref().into(),
        entry.words.as_str().into(),
        metadata.actor.as_deref().into(),
        metadata.actor_name.as_deref().into(),
        entry.login.as_deref().into(),
        metadata.reason.as_deref().into(),
        metadata.source.as_deref().into(),
        entry.event_id.to_string().into(),
        entry.hash.as_str().into(),
        serde_json::to_string(&entry.changes).ok().into(),
        metadata.command_id.as_deref().into(),
        metadata.restored_from.as_deref().into(),
    ]
}

/// Where an event goes.
enum EventSink<'a> {
    /// On stdout, for people.
    Text,
    /// On stdout, as a table, with these names of projects.
    Table(Option<CsvRows<'a>>, HashMap<Uuid, String>),
    /// On stdout, one object a line.
    Lines(Streamed<'a>),
    /// Into the one object at the end.
    Object(Vec<DescribedEvent>),
}

/// Prints the wanted events.
pub(crate) struct EventPrinter<'a> {
    output: &'a Output,
    selection: &'a LogSelection,
    sink: EventSink<'a>,
    /// The last events, if the newest one comes first.
    newest: Option<VecDeque<DescribedEvent>>,
    printed: u64,
    unreadable: bool,
    /// The first altered events.
    altered: Vec<i64>,
}

impl<'a> EventPrinter<'a> {
    /// Prints what comes before the first event.
    pub(crate) fn begin(output: &'a Output, selection: &'a LogSelection) -> Self {
        let sink = match (output.stream("phaseline.log.event/1"), output.form()) {
            (Some(lines), _) => EventSink::Lines(lines),
            (None, OutputFormat::Csv) => EventSink::Table(output.csv(&COLUMNS), output.names().projects()),
            (None, OutputFormat::Text) => EventSink::Text,
            (None, _) => EventSink::Object(Vec::new()),
        };
        if matches!(sink, EventSink::Text) {
            output.head_of_text();
            output.text(render::heading(selection));
            output.text("");
        }
        let newest = selection.newest_first.then(VecDeque::new);
        Self { output, selection, sink, newest, printed: 0, unreadable: false, altered: Vec::new() }
    }

    /// Takes the next event in order of position.
    pub(crate) fn event(&mut self, event: DescribedEvent) {
        let Some(newest) = &mut self.newest else { return self.print(event) };
        newest.push_back(event);
        if self.selection.limit.is_some_and(|limit| newest.len() > limit) {
            newest.pop_front();
        }
    }

    fn print(&mut self, event: DescribedEvent) {
        self.printed += 1;
        self.unreadable |= event.entry.unreadable.is_some();
        if event.entry.altered && self.altered.len() < AlteredEvents::MAX_LISTED {
            self.altered.push(event.entry.position);
        }
        match &mut self.sink {
            EventSink::Text => self.output.text(render::event(&event)),
            EventSink::Lines(lines) => lines.row(&event),
            EventSink::Table(table, names) => {
                let row = row(&event, names);
                table.iter_mut().for_each(|table| table.row(&row));
            }
            EventSink::Object(events) => events.push(event),
        }
    }

    /// Prints what comes after the last event.
    pub(crate) fn end(mut self) -> Exit {
        for event in self.newest.take().into_iter().flatten().rev() {
            self.print(event);
        }
        let LogSelection { positions, project, actor, event_type, .. } = self.selection;
        self.altered.sort_unstable();
        let end = LogEnd {
            format: FORMAT,
            from_position: *positions.start(),
            to_position: *positions.end(),
            project_id: *project,
            actor: actor.as_ref().map(ActorFilter::as_str),
            event_type: event_type.as_deref(),
            altered_positions: &self.altered,
        };
        match self.sink {
            EventSink::Text => self.output.text(render::end(self.printed, &self.altered)),
            EventSink::Lines(lines) => lines.end(&end),
            EventSink::Table(..) => {}
            EventSink::Object(events) => {
                self.output.result(&WholeLog { end, events }, || "");
            }
        }
        let intact = !self.unreadable && self.altered.is_empty();
        if intact { Exit::Done } else { Exit::VerificationFailed }
    }
}
