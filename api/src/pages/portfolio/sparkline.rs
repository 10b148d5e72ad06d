//! The phases of the listed projects on one time axis, in small. Coordinates are percents of the width, so that the browser scales them.

use crate::pages::chart::{ChartDays, Percent};
use crate::pages::words;
use chrono::{Datelike, NaiveDate};
use phaseline_projections::PhaseRow;

/// Colours, by the index of the phase.
const COLOURS: usize = 6;
/// With more phases than this, they are drawn as one bar.
const MOST_BARS: usize = 60;
/// The most marks of the axis.
const MOST_TICKS: i64 = 6;
/// The narrowest bar, in percent.
const NARROWEST: f64 = 0.25;

/// The time axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct SparkAxis {
    days: ChartDays,
}

/// A mark of the axis.
#[derive(Debug)]
pub(super) struct SparkTick {
    pub(super) x: Percent,
    pub(super) label: String,
    pub(super) is_year: bool,
}

/// A bar.
#[derive(Debug)]
pub(super) struct SparkBar {
    /// The class with its colour.
    pub(super) class: String,
    pub(super) x: Percent,
    pub(super) width: Percent,
    /// Neighbours differ in height, so that they do not differ in colour alone.
    pub(super) y: u32,
    pub(super) height: u32,
    pub(super) hint: String,
}

impl SparkAxis {
    /// Over all these dates; none without one.
    pub(super) fn over(ranges: impl Iterator<Item = (NaiveDate, NaiveDate)>) -> Option<Self> {
        let ends = ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        ends.map(|(first, last)| Self { days: ChartDays::between(first, last) })
    }

    /// Its ends, in words.
    pub(super) fn label(&self) -> String {
        let [first, last] = self.days.ends().map(words::spoken_day);
        format!("{first} to {last}")
    }

    /// Where a day is; none if it is outside.
    pub(super) fn x(&self, day: NaiveDate) -> Option<Percent> {
        self.days.contains(day).then(|| self.days.x(day))
    }

    /// The marks: first days of months or years, in steps so that there are few.
    pub(super) fn ticks(&self) -> Vec<SparkTick> {
        let tick = |day: NaiveDate| {
            let is_year = day.month() == 1;
            let label = if is_year { day.year().to_string() } else { day.format("%b").to_string() };
            SparkTick { x: self.days.x(day), label, is_year }
        };
        self.days.months(MOST_TICKS).into_iter().map(tick).collect()
    }

    fn bar(&self, [start, end]: [NaiveDate; 2], class: String, is_low: bool, hint: String) -> SparkBar {
        let [x, width] = self.days.span([start, end], NARROWEST);
        let (y, height) = if is_low { (6, 12) } else { (2, 16) };
        SparkBar { class, x, width, y, height, hint }
    }

    /// The bars of a project.
    pub(super) fn bars(&self, phases: &[PhaseRow]) -> Vec<SparkBar> {
        if phases.len() > MOST_BARS {
            let start = phases.iter().map(|phase| phase.start_date).min();
            let end = phases.iter().map(|phase| phase.end_date).max();
            let hint = words::counted_many(phases.len(), "phase");
            return start
                .zip(end)
                .map(|(start, end)| self.bar([start, end], "many".to_owned(), false, hint))
                .into_iter()
                .collect();
        }
        let bar = |(index, phase): (usize, &PhaseRow)| {
            let hint = format!("{}: {} to {}", words::shown(&phase.name), phase.start_date, phase.end_date);
            let class = format!("c{}", index % COLOURS);
            self.bar([phase.start_date, phase.end_date], class, index % 2 == 1, hint)
        };
        phases.iter().enumerate().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(first: &str, last: &str) -> SparkAxis {
        SparkAxis { days: ChartDays::between(first.parse().unwrap(), last.parse().unwrap()) }
    }

    #[test]
    fn marks_are_few_and_within_the_axis() {
        for (first, last, labels) in [
            ("2026-01-15", "2026-04-30", "Feb Mar Apr"),
            ("2025-11-01", "2027-02-01", "2026 Apr Jul Oct 2027"),
            ("2019-06-01", "2026-06-01", "2020 2022 2024 2026"),
            ("0001-01-01", "9999-12-31", "2000 4000 6000 8000"),
            ("2026-03-05", "2026-03-05", ""),
        ] {
            let ticks = axis(first, last).ticks();
            let found: Vec<&str> = ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!(found.join(" "), labels, "{first} to {last}");
        }
    }

    #[test]
    fn bars_meet_and_end_with_the_axis() {
        let axis = axis("2026-01-01", "2026-01-10");
        let bar = |start: &str, end: &str| {
            let bar =
                axis.bar([start.parse().unwrap(), end.parse().unwrap()], String::new(), false, String::new());
            (bar.x.to_string(), bar.width.to_string())
        };
        assert_eq!(bar("2026-01-01", "2026-01-04"), ("0%".to_owned(), "40%".to_owned()));
        assert_eq!(bar("2026-01-05", "2026-01-10"), ("40%".to_owned(), "60%".to_owned()));
        assert_eq!(axis.x("2026-01-06".parse().unwrap()).map(|x| x.to_string()).as_deref(), Some("50%"));
        assert_eq!(axis.x("2026-01-11".parse().unwrap()).map(|x| x.to_string()), None);
    }
}
