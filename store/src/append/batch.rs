//! The statement that appends a batch, and its result.

use super::command::Append;
use super::verdict::{Appended, BatchResult, EarlierResult, Verdict};
use crate::statement::{Parameter, Statement};
use crate::{Metadata, NewEvent, StoreError};
use chrono::{DateTime, Utc};
use phaseline_domain::DateRange;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use std::borrow::Borrow;
use std::collections::HashSet;
use uuid::Uuid;

const APPEND: &str =
    "SELECT command, verdict, stream_version, last_position, at, earlier_events, row_locations
   FROM phaseline.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

/// Commands to append together.
pub(crate) struct AppendBatch<'a> {
    parts: Vec<CommandPart<'a>>,
    /// The metadata of each part, as JSON.
    metadata: Vec<String>,
    /// Random bytes for the metadata hash of each event.
    salts: Vec<[u8; 16]>,
    with_row_locations: bool,
}

impl<'a> AppendBatch<'a> {
    /// # Errors
    /// [`StoreError::SelfCheck`] if the commands for one stream are not adjacent.
    pub(crate) fn new<A: Borrow<Append>>(commands: &'a [A]) -> Result<Self, StoreError> {
        let commands = || commands.iter().map(Borrow::borrow);
        let (mut streams, mut before) = (HashSet::new(), None);
        for command in commands() {
            if before != Some(command.stream) && !streams.insert(command.stream) {
                return Err(StoreError::SelfCheck(
                    "the commands of a batch for one stream are not adjacent".to_owned(),
                ));
            }
            before = Some(command.stream);
        }
        let parts: Vec<CommandPart<'a>> = commands().flat_map(parts).collect();
        Ok(Self {
            metadata: parts.iter().map(|part| part.metadata.to_json()).collect::<Result<_, _>>()?,
            salts: parts.iter().flat_map(|part| part.events).map(|_| salt()).collect(),
            with_row_locations: commands().any(|command| command.row_locations.is_some()),
            parts,
        })
    }

    /// The call of `phaseline.append`.
    pub(crate) fn statement(&self) -> Statement<'_> {
        let parts = || self.parts.iter();
        let events = || parts().flat_map(|part| part.events);
        let keys = || parts().map(|part| part.own().and_then(|command| command.key.as_ref()));
        let dates = || parts().map(|part| part.command.project_dates);
        let count = |part: &CommandPart<'_>| i32::try_from(part.events.len()).unwrap_or(i32::MAX);
        let row_locations =
            self.with_row_locations.then(|| parts().flat_map(CommandPart::row_locations).collect());
        let parameters = [
            texts(parts().map(|part| part.command.stream.stream_type)),
            Parameter::Uuids(parts().map(|part| part.command.stream.id).collect()),
            Parameter::Bigints(parts().map(|part| part.expected).collect()),
            Parameter::Integers(parts().map(count).collect()),
            texts(self.metadata.iter().map(String::as_str)),
            Parameter::Texts(unless_empty(parts().map(|part| part.own()?.witness.as_deref()))),
            Parameter::Uuids(events().map(|event| event.event_id).collect()),
            texts(events().map(|event| event.event_type)),
            Parameter::Integers(events().map(|event| event.schema_version).collect()),
            texts(events().map(|event| event.payload.as_str())),
            Parameter::Bytes(Some(self.salts.iter().map(|salt| Some(salt.as_slice())).collect())),
            Parameter::Texts(row_locations),
            Parameter::Texts(unless_empty(keys().map(|key| Some(key?.scope.as_str())))),
            Parameter::Texts(unless_empty(keys().map(|key| Some(key?.key.as_str())))),
            Parameter::Bytes(unless_empty(keys().map(|key| Some(key?.fingerprint.as_slice())))),
            Parameter::Dates(unless_empty(dates().map(|dates| dates.map(DateRange::start)))),
            Parameter::Dates(unless_empty(dates().map(|dates| dates.map(DateRange::end)))),
        ];
        Statement::new(APPEND, parameters)
    }

    /// The verdict of each command.
    pub(crate) fn result(&self, rows: &[PgRow]) -> Result<BatchResult, StoreError> {
        let mut rows = rows.iter().map(VerdictRow::from_row).collect::<Result<Vec<_>, _>>()?;
        let row_locations = rows.pop_if(|row| row.command == 0).and_then(|row| row.row_locations);
        if rows.len() != self.parts.len() {
            let (offered, inserted) = (self.parts.len() as u64, rows.len() as u64);
            return Err(StoreError::CountMismatch { offered, inserted });
        }
        let (mut verdicts, mut followed) = (Vec::new(), None);
        for (part, row) in self.parts.iter().zip(&rows) {
            let verdict = row.verdict()?;
            match part.own() {
                // The command's own part cannot succeed if this one does not.
                None => followed = Some(verdict).filter(|verdict| !matches!(verdict, Verdict::Appended(_))),
                Some(_) => verdicts.push(followed.take().unwrap_or(verdict)),
            }
        }
        Ok(BatchResult { verdicts, row_locations })
    }
}

/// Random bytes for the metadata hash of one event.
pub(crate) fn salt() -> [u8; 16] {
    *Uuid::new_v4().as_bytes()
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Parameter<'a> {
    Parameter::Texts(Some(values.map(Some).collect()))
}

/// The values, or none if all are NULL: they need no check.
fn unless_empty<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<Option<T>>> {
    let values: Vec<Option<T>> = values.collect();
    values.iter().any(Option::is_some).then_some(values)
}

/// The parts that the database gets as separate commands: the events that follow the project's dates, which have other metadata, and
/// the command's own ones.
fn parts(command: &Append) -> impl Iterator<Item = CommandPart<'_>> {
    let following = command.following.as_ref().map(|following| CommandPart {
        command,
        events: &following.events,
        metadata: &following.metadata,
        expected: command.expected,
        is_own: false,
    });
    let before = following.as_ref().map_or(0, |following| following.events.len());
    let own = CommandPart {
        command,
        events: &command.events,
        metadata: &command.metadata,
        expected: command.expected + i64::try_from(before).unwrap_or_default(),
        is_own: true,
    };
    following.into_iter().chain([own])
}

/// The part of a command that the database gets as one command.
struct CommandPart<'a> {
    command: &'a Append,
    events: &'a [NewEvent],
    metadata: &'a Metadata,
    expected: i64,
    /// Whether these are the command's own events.
    is_own: bool,
}

impl<'a> CommandPart<'a> {
    /// The command, if these are its own events.
    fn own(&self) -> Option<&'a Append> {
        self.is_own.then_some(self.command)
    }

    /// The location of the row of each event's phase.
    fn row_locations(&self) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
        let own = self.own();
        (0..self.events.len()).map(move |event| own?.row_locations.as_ref()?.get(event)?.as_deref())
    }
}

/// A row of `phaseline.append`: one per command, in the order of the batch; command 0 has the result of the projection.
#[derive(sqlx::FromRow)]
struct VerdictRow {
    command: i32,
    verdict: String,
    stream_version: i64,
    last_position: i64,
    at: DateTime<Utc>,
    earlier_events: i32,
    row_locations: Option<String>,
}

impl VerdictRow {
    fn verdict(&self) -> Result<Verdict, StoreError> {
        let (version, position) = (self.stream_version, self.last_position);
        Ok(match self.verdict.as_str() {
            "appended" => Verdict::Appended(Appended { version, position, recorded_at: self.at }),
            "repeated" => Verdict::Repeated(EarlierResult { version, events: self.earlier_events.into() }),
            "key_reused" => Verdict::KeyReused,
            "dates_changed" => Verdict::DatesChanged,
            "not_accepting" => Verdict::NotAccepting,
            "conflict" => Verdict::Conflict { actual: version },
            other => {
                return Err(StoreError::SelfCheck(format!(
                    "phaseline.append returned the verdict {other:?}, which this program does not know: check the timeline \
                     before you send the command again"
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_verdict_is_an_error_and_not_a_conflict() {
        let row = |verdict: &str| VerdictRow {
            command: 1,
            verdict: verdict.to_owned(),
            stream_version: 7,
            last_position: 9,
            at: DateTime::default(),
            earlier_events: 0,
            row_locations: None,
        };
        assert_eq!(row("conflict").verdict().unwrap(), Verdict::Conflict { actual: 7 });
        assert!(matches!(row("deferred").verdict(), Err(StoreError::SelfCheck(_))));
    }
}
