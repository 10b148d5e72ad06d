//! The bars and rows of a timeline: one row of the chart and one of the table for each phase, beside the phase as it is on the other
//! side of a comparison.

use super::shown::ShownPhase;
use crate::pages::chart::{BarPlace, ChartDays, LabelPlace, Percent, Tick};
use crate::pages::words;
use chrono::NaiveDate;
use phaseline_domain::{DateRange, PhaseId};

/// The height of the axis, in pixels.
const AXIS: usize = 28;
/// The height of a row.
const ROW: usize = 40;
/// The number of colours and patterns.
const KINDS: usize = 6;

/// A chart.
#[derive(Clone, Debug)]
pub(crate) struct ChartView {
    /// Its first day, as a number of days since 1970-01-01.
    pub(crate) first: i64,
    /// How many days it has.
    pub(crate) days: i64,
    /// Its height in pixels.
    pub(crate) height: usize,
    /// Marks of the axis.
    pub(crate) ticks: Vec<Tick>,
    /// Places and widths of weekends.
    pub(crate) weekends: Vec<(Percent, Percent)>,
    /// Where today begins, if the chart shows it.
    pub(crate) today: Option<Percent>,
}

/// A phase in the chart and in the table.
#[derive(Clone, Debug)]
pub(crate) struct PhaseRowView {
    /// The phase's id.
    pub(crate) id: PhaseId,
    /// Its name.
    pub(crate) name: String,
    /// Its description.
    pub(crate) description: Option<String>,
    /// Its dates.
    pub(crate) start: NaiveDate,
    /// Its last day.
    pub(crate) end: NaiveDate,
    /// Amounts.
    pub(crate) capital: String,
    /// The expense part.
    pub(crate) expense: String,
    /// The total.
    pub(crate) total: String,
    /// Assignments on its dates, if they are known.
    pub(crate) assignments: Option<i64>,
    /// Which colour and pattern it has.
    pub(crate) kind: usize,
    /// The top of its row in the chart.
    pub(crate) top: usize,
    /// Its bar.
    pub(crate) bar: BarPlace,
    /// The first days of bars, as numbers.
    pub(crate) first: i64,
    /// The last day's number.
    pub(crate) last: i64,
    /// The other side of the comparison.
    pub(crate) ghost: Option<GhostView>,
    /// What happened to it: `new`, `removed`, `changed` or nothing.
    pub(crate) status: &'static str,
    /// What assistive technology says.
    pub(crate) spoken: String,
}

/// A phase on the other side of a comparison.
#[derive(Clone, Debug)]
pub(crate) struct GhostView {
    /// Its bar.
    pub(crate) bar: BarPlace,
    /// Its dates.
    pub(crate) start: NaiveDate,
    /// Its last day.
    pub(crate) end: NaiveDate,
    /// By how many days the phase ends later, with a sign.
    pub(crate) slip: String,
    /// The same in words.
    pub(crate) slip_words: String,
    /// How much the budget grew; none if it is the same.
    pub(crate) growth: Option<String>,
    /// Its name, if it is another.
    pub(crate) name: Option<String>,
    /// Whether its bar is elsewhere than the phase's.
    pub(crate) is_elsewhere: bool,
    /// Whether the phase ends on another day.
    is_late_or_early: bool,
}

impl GhostView {
    /// Its first day with the weekday.
    pub(crate) fn start_hint(&self) -> String {
        words::weekday(self.start)
    }

    /// Its last day with the weekday.
    pub(crate) fn end_hint(&self) -> String {
        words::weekday(self.end)
    }

    /// The place of the number of days, and its side of the dashed bar; none if the end is the same.
    pub(crate) fn slip_place(&self) -> Option<(Percent, &'static str)> {
        self.is_late_or_early.then_some(match self.bar.label {
            LabelPlace::Behind(x) => (x, "behind"),
            LabelPlace::Before(x) => (x, "before"),
            LabelPlace::Inside => (self.bar.x, "inside"),
        })
    }
}

impl PhaseRowView {
    /// How many days it has.
    pub(crate) fn days(&self) -> i64 {
        (self.end - self.start).num_days() + 1
    }

    /// Its first day with the weekday.
    pub(crate) fn start_hint(&self) -> String {
        words::weekday(self.start)
    }

    /// Its last day with the weekday.
    pub(crate) fn end_hint(&self) -> String {
        words::weekday(self.end)
    }

    /// Whether the phase is on the other side only.
    pub(crate) fn is_removed(&self) -> bool {
        self.status == "removed"
    }

    /// The place of the label outside the bar, and its side; none if it is inside.
    pub(crate) fn label_place(&self) -> Option<(Percent, &'static str)> {
        match self.bar.label {
            LabelPlace::Inside => None,
            LabelPlace::Behind(x) => Some((x, "behind")),
            LabelPlace::Before(x) => Some((x, "before")),
        }
    }
}

/// What a chart and its table show.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComparedPhases<'a> {
    /// The phases, by start date.
    pub(crate) phases: &'a [ShownPhase],
    /// Those on the other side of a comparison; none without one.
    pub(crate) others: Option<&'a [ShownPhase]>,
    /// The project's dates.
    pub(crate) project: Option<DateRange>,
    /// What else the chart has to contain.
    pub(crate) also: Option<DateRange>,
}

/// The chart and its rows; none without any phase.
pub(crate) fn rows(
    compared: &ComparedPhases<'_>,
    today: NaiveDate,
) -> Option<(ChartView, Vec<PhaseRowView>)> {
    let ComparedPhases { phases, others, project, also } = *compared;
    let others_or_none = others.unwrap_or_default();
    let ranges = phases.iter().chain(others_or_none).map(|phase| phase.range);
    let chart = ChartDays::around(ranges.chain(project).chain(also))?;
    let other = |id: PhaseId| others_or_none.iter().find(|other| other.id == id);
    let mut rows: Vec<PhaseRowView> = Vec::with_capacity(phases.len());
    for phase in phases {
        let status = match (others.is_some(), other(phase.id)) {
            (true, None) => "new",
            (true, Some(other)) if is_changed(other, phase) => "changed",
            _ => "",
        };
        rows.push(row(chart, rows.len(), phase, other(phase.id), status));
    }
    for gone in others_or_none.iter().filter(|other| phases.iter().all(|phase| phase.id != other.id)) {
        rows.push(row(chart, rows.len(), gone, Some(gone), "removed"));
    }
    let view = ChartView {
        first: chart.first_number(),
        days: chart.len(),
        height: AXIS + ROW * rows.len(),
        ticks: chart.ticks(),
        weekends: chart.weekends(),
        today: chart.contains(today).then(|| chart.x(today)),
    };
    Some((view, rows))
}

fn is_changed(before: &ShownPhase, after: &ShownPhase) -> bool {
    (&before.name, &before.description, before.range, before.capital, before.expense)
        != (&after.name, &after.description, after.range, after.capital, after.expense)
}

fn row(
    chart: ChartDays,
    index: usize,
    phase: &ShownPhase,
    other: Option<&ShownPhase>,
    status: &'static str,
) -> PhaseRowView {
    let (start, end) = (phase.range.start(), phase.range.end());
    let ghost = other.map(|other| {
        let slip = (end - other.range.end()).num_days();
        let growth = phase.total() - other.total();
        GhostView {
            bar: chart.thin_bar(other.range),
            start: other.range.start(),
            end: other.range.end(),
            slip: words::signed_days(slip),
            slip_words: words::slip(slip),
            growth: (!growth.is_zero()).then(|| words::growth(growth)),
            name: (other.name != phase.name).then(|| other.shown_name()),
            is_elsewhere: status == "removed" || other.range != phase.range,
            is_late_or_early: slip != 0,
        }
    });
    let name = phase.shown_name();
    let mut spoken = format!(
        "{name}, {} to {}, {}, {}",
        words::spoken_day(start),
        words::spoken_day(end),
        words::days(phase.range.days()),
        words::amount(phase.total()),
    );
    if let Some(count) = phase.assignments {
        spoken.push_str(&format!(", {}", words::counted(count, "assignment")));
    }
    match (status, &ghost) {
        ("new", _) => spoken.push_str(", new"),
        ("removed", _) => spoken.push_str(", removed"),
        ("changed", Some(ghost)) => spoken.push_str(&format!(", ends {}", ghost.slip_words)),
        _ => {}
    }
    PhaseRowView {
        id: phase.id,
        name,
        description: phase.description.as_deref().map(words::shown),
        start,
        end,
        capital: words::amount(phase.capital),
        expense: words::amount(phase.expense),
        total: words::amount(phase.total()),
        assignments: phase.assignments,
        kind: index % KINDS,
        top: AXIS + ROW * index,
        bar: chart.bar(phase.range),
        first: crate::pages::chart::day_number(start),
        last: crate::pages::chart::day_number(end),
        ghost,
        status,
        spoken,
    }
}
