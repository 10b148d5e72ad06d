//! `--as-of` and `--at`: select a moment of the log.

use crate::argument;
use crate::failure::Failure;
use chrono::{DateTime, Utc};
use clap::Args;
use phaseline_store::{read, schema};
use sqlx::PgConnection;

/// The selected moment; default: now.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsOfArgs {
    /// The state at this time: 2026-01-31T12:00:00Z, 2026-01-31T12:00 (UTC), or 2026-01-31 (the end of that day, UTC)
    #[arg(long, value_name = "TIME", value_parser = argument::moment)]
    as_of: Option<DateTime<Utc>>,
    /// The state after the event at this position of the log
    #[arg(long, value_name = "POSITION", conflicts_with = "as_of", value_parser = argument::position)]
    at: Option<i64>,
}

impl AsOfArgs {
    /// The last position to read; none for now.
    pub(crate) async fn position(&self, connection: &mut PgConnection) -> Result<Option<i64>, Failure> {
        if let Some(time) = self.as_of {
            return Ok(Some(read::position_at(connection, time).await?));
        }
        if let Some(at) = self.at {
            let tip = schema::tip(connection).await?.position;
            if at > tip {
                let message = format!("the log has no position {at} yet, it ends at {tip}");
                return Err(Failure::refused("no_such_position", message));
            }
        }
        Ok(self.at)
    }

    /// The moment as text after a heading; empty for now.
    pub(crate) fn words(&self) -> String {
        match (self.as_of, self.at) {
            (Some(time), _) => format!(", as of {}", time.format("%Y-%m-%d %H:%M:%S UTC")),
            (None, Some(position)) => format!(", as of position {position}"),
            (None, None) => String::new(),
        }
    }
}
