//! The statement that appends the only event of a single command.

use super::batch::salt;
use super::command::Append;
use super::verdict::{Appended, Verdict};
use crate::statement::{Parameter, Statement};
use crate::{NewEvent, StoreError};
use chrono::{DateTime, Utc};
use phaseline_domain::DateRange;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use std::borrow::Borrow;

const APPEND_EVENT: &str = "SELECT verdict, stream_version, last_position, at
   FROM phaseline.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// The events that `phaseline.append_event` takes: they change one row and no dates.
const TYPES: [&str; 3] = ["PhaseRenamed", "PhaseBudgeted", "PhaseDescribed"];

/// The only command of a batch, with one event that changes one row: `phaseline.append_event` appends it with less work than
/// `phaseline.append`.
pub(crate) struct SingleEvent<'a> {
    command: &'a Append,
    event: &'a NewEvent,
    project_dates: DateRange,
    /// As JSON.
    metadata: String,
    /// Random bytes for the metadata's hash.
    salt: [u8; 16],
}

impl<'a> SingleEvent<'a> {
    /// The event of these commands, if they are one command with one such event.
    pub(crate) fn of<A: Borrow<Append>>(commands: &'a [A]) -> Result<Option<Self>, StoreError> {
        let [command] = commands else { return Ok(None) };
        let command = command.borrow();
        let has_more = command.key.is_some()
            || command.witness.is_some()
            || command.row_locations.is_some()
            || command.following.is_some();
        let ([event], Some(project_dates), false) = (&command.events[..], command.project_dates, has_more)
        else {
            return Ok(None);
        };
        if command.stream.stream_type != "Timeline"
            || event.schema_version != 1
            || !TYPES.contains(&event.event_type)
        {
            return Ok(None);
        }
        Ok(Some(Self { command, event, project_dates, metadata: command.metadata.to_json()?, salt: salt() }))
    }

    /// The call of `phaseline.append_event`.
    pub(crate) fn statement(&self) -> Statement<'_> {
        let parameters = [
            Parameter::Uuid(self.command.stream.id),
            Parameter::Bigint(self.command.expected),
            Parameter::Text(&self.metadata),
            Parameter::Uuid(self.event.event_id),
            Parameter::Text(self.event.event_type),
            Parameter::Text(&self.event.payload),
            Parameter::Bytea(&self.salt),
            Parameter::Date(self.project_dates.start()),
            Parameter::Date(self.project_dates.end()),
        ];
        Statement::new(APPEND_EVENT, parameters)
    }

    /// The verdict; none if nothing was written and `phaseline.append` has to decide.
    pub(crate) fn result(&self, rows: &[PgRow]) -> Result<Option<Verdict>, StoreError> {
        let [row] = rows else {
            return Err(StoreError::CountMismatch { offered: 1, inserted: rows.len() as u64 });
        };
        SingleVerdictRow::from_row(row)?.verdict()
    }
}

/// The row of `phaseline.append_event`.
#[derive(sqlx::FromRow)]
struct SingleVerdictRow {
    verdict: String,
    stream_version: Option<i64>,
    last_position: Option<i64>,
    at: Option<DateTime<Utc>>,
}

impl SingleVerdictRow {
    fn verdict(&self) -> Result<Option<Verdict>, StoreError> {
        Ok(Some(match (self.verdict.as_str(), self.stream_version, self.last_position, self.at) {
            ("other", ..) => return Ok(None),
            ("appended", Some(version), Some(position), Some(recorded_at)) => {
                Verdict::Appended(Appended { version, position, recorded_at })
            }
            ("conflict", Some(actual), ..) => Verdict::Conflict { actual },
            ("dates_changed", ..) => Verdict::DatesChanged,
            (other, ..) => {
                return Err(StoreError::SelfCheck(format!(
                    "phaseline.append_event returned the verdict {other:?}, which this program does not know: check the timeline \
                     before you send the command again"
                )));
            }
        }))
    }
}
