//! `--as-of`, `--at` and `--zone`: select a moment of the log.

use crate::argument::{self, GivenTime};
use crate::failure::Failure;
use crate::given_moment::{GivenMoment, refuse_idle_zone};
use crate::output::Output;
use chrono::SecondsFormat;
use clap::Args;
use phaseline_store::ResolvedMoment;
use sqlx::PgConnection;

/// The selected moment; default: now.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsOfArgs {
    /// The state at this time: 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+02:00; with --zone also 2026-01-31T12:00, or 2026-01-31
    /// (the end of that day). A time inside a command, or a run, means before it
    #[arg(long, value_name = "TIME", value_parser = argument::moment)]
    as_of: Option<GivenTime>,
    /// The state after the command that wrote the event at this position of the log
    #[arg(long, value_name = "POSITION", conflicts_with = "as_of", value_parser = argument::shown_position)]
    at: Option<i64>,
    /// The time zone of --as-of, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE", requires = "as_of")]
    zone: Option<String>,
}

impl AsOfArgs {
    /// Whether a moment is given.
    pub(crate) const fn is_given(&self) -> bool {
        self.as_of.is_some() || self.at.is_some()
    }

    /// What is given; none for now.
    fn given(&self) -> Option<GivenMoment> {
        self.as_of.map(GivenMoment::Time).or_else(|| self.at.map(GivenMoment::Position))
    }

    /// The moment, if one is given.
    pub(crate) async fn resolved(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<ResolvedMoment>, Failure> {
        refuse_idle_zone(self.zone.as_deref(), [self.as_of], "--as-of")?;
        let Some(given) = self.given() else { return Ok(None) };
        Ok(Some(given.resolved(connection, "--as-of", self.zone.as_deref()).await?))
    }

    /// Remarks what a reader must know about the moment that was found.
    pub(crate) async fn remark(
        &self,
        connection: &mut PgConnection,
        found: Option<ResolvedMoment>,
        output: &Output,
    ) -> Result<(), Failure> {
        match self.given().zip(found) {
            Some((given, found)) => given.remark(connection, found, output).await,
            None => Ok(()),
        }
    }

    /// The moment as text after a heading; empty for now.
    pub(crate) fn words(&self) -> String {
        let zone = self.zone.as_ref().map_or_else(String::new, |zone| format!(" {zone}"));
        match (self.as_of, self.at) {
            (Some(GivenTime::Instant(time)), _) => {
                format!(", as of {}", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            (Some(GivenTime::Local(time)), _) => {
                format!(", as of {}{zone}", time.format("%Y-%m-%dT%H:%M:%S%.f"))
            }
            (Some(GivenTime::Day(day)), _) => format!(", as of the end of {day}{zone}"),
            (None, Some(position)) => format!(", as of position {position}"),
            (None, None) => String::new(),
        }
    }
}
