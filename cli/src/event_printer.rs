//! Prints events of the log as they are read, so that memory does not grow with their number: as text or one object a line. One object
//! of all events, and the newest events first, are kept until the end.

use crate::exit::Exit;
use crate::output::{Output, OutputFormat, Streamed};
use crate::render::log as render;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{ActorFilter, DescribedEvent, LogSelection};
use phaseline_store::AlteredEvents;
use serde::Serialize;
use std::collections::VecDeque;

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

/// Where an event goes.
enum EventSink<'a> {
    /// On stdout, for people.
    Text,
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
            EventSink::Object(events) => {
                self.output.result(&WholeLog { end, events }, || "");
            }
        }
        let intact = !self.unreadable && self.altered.is_empty();
        if intact { Exit::Done } else { Exit::VerificationFailed }
    }
}
