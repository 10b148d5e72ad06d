//! Which events of the log are wanted, and how much of it has to be read to describe them.

use crate::argument::{self, GivenTime};
use crate::failure::Failure;
use crate::given_moment::{GivenMoment, refuse_idle_zone};
use crate::report::log::LogSelection;
use chrono::TimeDelta;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{LogDescriber, may_be_of_project};
use phaseline_store::MomentError;
use phaseline_store::{StoreError, read, schema};
use sqlx::PgConnection;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Positions that are looked through at once for the first or last wanted events.
const CHUNK: i64 = 8192;
/// The most timelines that are read one by one before the first described event; for more the log is read from its beginning.
const FEW_TIMELINES: usize = 1000;

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

/// The wanted events' positions as narrow as a look through the log makes them, and the projects that they are about; none
/// if these are many.
async fn narrowed(
    selection: &LogSelection,
    connection: &mut PgConnection,
) -> Result<(RangeInclusive<i64>, Option<HashSet<ProjectId>>), StoreError> {
    let (mut first, mut last) = (*selection.positions.start(), *selection.positions.end());
    if selection.limit.is_none() && first <= 1 {
        return Ok((first..=last, None));
    }
    let mut left = selection.limit.unwrap_or(usize::MAX);
    let mut concerned = Some(HashSet::new());
    let (mut low, mut high) = (first, last);
    while low <= high && left > 0 {
        let part = if selection.newest_first {
            (high - CHUNK + 1).max(low)..=high
        } else {
            low..=(low + CHUNK - 1).min(high)
        };
        (low, high) = if selection.newest_first { (low, part.start() - 1) } else { (part.end() + 1, high) };
        let mut found = Vec::new();
        read::scan_between(connection, part, |chained| {
            let event = &chained.event;
            if selection.wants(event) {
                let is_of_project = may_be_of_project(event.stream_type);
                found.push((event.position, is_of_project.then(|| ProjectId::from(event.stream_id))));
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        if selection.newest_first {
            found.reverse();
        }
        for (position, project) in found.into_iter().take(left) {
            left -= 1;
            if left == 0 {
                *(if selection.newest_first { &mut first } else { &mut last }) = position;
            }
            if let Some(concerned) = &mut concerned {
                concerned.extend(project);
            }
        }
        concerned = concerned.filter(|concerned| concerned.len() <= FEW_TIMELINES);
        if concerned.is_none() && selection.limit.is_none() {
            break;
        }
    }
    Ok((first..=last, concerned))
}

/// Finds out what has to be read.
pub(crate) async fn plan(
    connection: &mut PgConnection,
    selection: &LogSelection,
) -> Result<DescriptionPlan, StoreError> {
    if let Some(project) = selection.project {
        let describer = LogDescriber::of_all(connection).await?;
        let positions = 1..=*selection.positions.end();
        return Ok(DescriptionPlan { describer, positions, projects: Some(vec![project]) });
    }
    let (narrowed, concerned) = narrowed(selection, connection).await?;
    let (first, last) = narrowed.into_inner();
    match concerned {
        Some(concerned) => {
            let projects = Some(concerned.iter().copied().collect());
            let describer = LogDescriber::after(connection, first - 1, concerned).await?;
            Ok(DescriptionPlan { describer, positions: first..=last, projects })
        }
        None => {
            let describer = LogDescriber::of_all(connection).await?;
            Ok(DescriptionPlan { describer, positions: 1..=last, projects: None })
        }
    }
}

/// What has to be read to describe the wanted events.
#[derive(Debug)]
pub(crate) struct DescriptionPlan {
    /// The describer, with the timelines before the first position.
    pub(crate) describer: LogDescriber,
    /// The positions.
    pub(crate) positions: RangeInclusive<i64>,
    /// The projects that it may be about; none for all.
    pub(crate) projects: Option<Vec<ProjectId>>,
}
