//! The part of the log that is wanted, by positions or times.

use crate::argument::{self, GivenTime};
use crate::failure::Failure;
use crate::given_moment::{GivenMoment, refuse_idle_zone};
use chrono::TimeDelta;
use clap::Args;
use phaseline_store::MomentError;
use phaseline_store::schema;
use sqlx::PgConnection;
use std::ops::RangeInclusive;

/// A part of the log, by positions or times.
#[derive(Args, Clone, Debug)]
pub(crate) struct RangeArgs {
    /// From this position of the log on
    #[arg(long, value_name = "POSITION", value_parser = argument::position)]
    from: Option<i64>,
    /// Up to this position of the log
    #[arg(long, value_name = "POSITION", value_parser = argument::position)]
    to: Option<i64>,
    /// Recorded at this time or later: 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+02:00; with --zone also 2026-01-31T12:00, or
    /// 2026-01-31 (from the beginning of that day)
    #[arg(long, value_name = "TIME", conflicts_with = "from", value_parser = argument::moment)]
    since: Option<GivenTime>,
    /// Recorded at this time or earlier; a day, with --zone, is meant to its end
    #[arg(long, value_name = "TIME", conflicts_with = "to", value_parser = argument::moment)]
    until: Option<GivenTime>,
    /// The time zone of --since and --until, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

impl RangeArgs {
    /// The positions.
    pub(crate) async fn resolved(
        &self,
        connection: &mut PgConnection,
    ) -> Result<RangeInclusive<i64>, Failure> {
        refuse_idle_zone(self.zone.as_deref(), [self.since, self.until], "--since or --until")?;
        let tip = schema::tip(connection).await?.position;
        let last = match (self.until, self.to) {
            (Some(time), _) => self.end_of(connection, "--until", time).await?,
            (None, Some(position)) => position,
            (None, None) => tip,
        };
        let first = match (self.since, self.from) {
            (Some(time), _) => self.before(connection, time).await? + 1,
            (None, from) => from.unwrap_or(1),
        };
        if let Some(position) = self.to.into_iter().chain(self.from).find(|position| *position > tip) {
            return Err(MomentError::NoSuchPosition { position, tip }.into());
        }
        let is_reversed = self.from.zip(self.to).is_some_and(|(from, to)| from > to);
        if is_reversed || first > last + 1 {
            return Err(Failure::usage("the end of the range is before its beginning"));
        }
        Ok(first..=last)
    }

    /// The last position recorded at or before a time.
    async fn end_of(
        &self,
        connection: &mut PgConnection,
        option: &str,
        given: GivenTime,
    ) -> Result<i64, Failure> {
        let end = GivenMoment::Time(given).resolved(connection, option, self.zone.as_deref()).await?;
        Ok(end.position)
    }

    /// The last position recorded before a time. The log has microseconds.
    async fn before(&self, connection: &mut PgConnection, given: GivenTime) -> Result<i64, Failure> {
        let moment = TimeDelta::microseconds(1);
        let before = match given {
            GivenTime::Instant(time) => GivenTime::Instant(time - moment),
            GivenTime::Local(time) => GivenTime::Local(time - moment),
            // A day is meant to its end, and one that begins ends the day before.
            GivenTime::Day(day) => GivenTime::Day(
                day.pred_opt().ok_or_else(|| Failure::usage(format!("{day} is not a day of the log")))?,
            ),
        };
        self.end_of(connection, "--since", before).await
    }
}
