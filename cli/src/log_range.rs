//! The part of the log that is wanted, by positions or times.

use crate::argument::{self, GivenTime};
use crate::failure::Failure;
use crate::given_moment::{DayEdge, GivenMoment, MomentPlace, refuse_idle_zone};
use crate::output::Output;
use clap::Args;
use phaseline_store::schema;
use sqlx::PgConnection;
use std::ops::RangeInclusive;

/// A part of the log, by positions or times.
#[derive(Args, Clone, Debug)]
pub(crate) struct RangeArgs {
    /// From this position of the log on; one inside a command means the beginning of the command
    #[arg(long, value_name = "POSITION", value_parser = argument::shown_position)]
    from: Option<i64>,
    /// Up to this position of the log; one inside a command means the end of the command
    #[arg(long, value_name = "POSITION", value_parser = argument::shown_position)]
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
    /// The positions: whole commands, as over HTTP.
    pub(crate) async fn resolved(
        &self,
        connection: &mut PgConnection,
        output: &Output,
    ) -> Result<RangeInclusive<i64>, Failure> {
        refuse_idle_zone(self.zone.as_deref(), [self.since, self.until], "--since or --until")?;
        let since = MomentPlace { option: "--since", zone: self.zone.as_deref(), edge: DayEdge::Begin };
        let until = MomentPlace { option: "--until", edge: DayEdge::End, ..since };
        let [begin, end] =
            [(self.since, self.from, since), (self.until, self.to, until)].map(|(time, position, place)| {
                time.map(GivenMoment::Time).or_else(|| position.map(GivenMoment::Position)).zip(Some(place))
            });
        let begin = match begin {
            Some((given, place)) => Some(given.exact(connection, place).await?),
            None => None,
        };
        let end = match end {
            Some((given, place)) => Some(given.exact(connection, place).await?),
            None => None,
        };
        if begin.zip(end).is_some_and(|(begin, end)| begin.is_after(&end)) {
            return Err(reversed());
        }
        let last = match end {
            Some(end) => {
                let found = end.resolved(connection).await?;
                end.given().remark(connection, found, output).await?;
                found.position
            }
            None => schema::tip(connection).await?.position,
        };
        let first = match begin {
            Some(begin) => begin.first_position(connection).await?,
            None => 1,
        };
        if let Some(from) = self.from.filter(|from| *from > first) {
            output.remark(&format!(
                "position {from} is inside a command that begins at {first}: its beginning is meant"
            ));
        }
        if first > last + 1 { Err(reversed()) } else { Ok(first..=last) }
    }
}

fn reversed() -> Failure {
    Failure::usage("the end of the range is before its beginning; exchange them")
}
