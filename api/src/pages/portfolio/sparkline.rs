//! The phases of the listed projects on one time axis, in small. Coordinates are percents of the width, so that the browser scales them.

use crate::pages::words;
use chrono::{Datelike, NaiveDate};
use phaseline_projections::PhaseRow;

/// Colours, by the index of the phase.
const COLOURS: usize = 6;
/// With more phases than this, they are drawn as one bar.
const MOST_BARS: usize = 60;
/// The most marks of the axis.
const MOST_TICKS: i64 = 5;
/// The narrowest bar, in thousandths of a percent.
const NARROWEST: i64 = 250;
/// The steps between marks, in months.
const STEPS: [i64; 15] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000, 24000];

/// The time axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct SparkAxis {
    first: NaiveDate,
    last: NaiveDate,
}

/// A mark of the axis.
#[derive(Debug)]
pub(super) struct SparkTick {
    pub(super) x: String,
    pub(super) label: String,
    pub(super) is_year: bool,
}

/// A bar.
#[derive(Debug)]
pub(super) struct SparkBar {
    /// The class with its colour.
    pub(super) class: String,
    pub(super) x: String,
    pub(super) width: String,
    /// Neighbours differ in height, so that they do not differ in colour alone.
    pub(super) y: u32,
    pub(super) height: u32,
    pub(super) hint: String,
}

impl SparkAxis {
    /// Over all these dates; none without one.
    pub(super) fn over(ranges: impl Iterator<Item = (NaiveDate, NaiveDate)>) -> Option<Self> {
        ranges
            .map(|(first, last)| Self { first, last })
            .reduce(|one, other| Self { first: one.first.min(other.first), last: one.last.max(other.last) })
    }

    /// Its ends, in words.
    pub(super) fn label(&self) -> String {
        format!("{} to {}", words::spoken_day(self.first), words::spoken_day(self.last))
    }

    fn days(&self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// The beginning of a day in thousandths of a percent.
    fn at(&self, day: NaiveDate) -> i64 {
        (day - self.first).num_days() * 100_000 / self.days()
    }

    /// Where a day is; none if it is outside.
    pub(super) fn x(&self, day: NaiveDate) -> Option<String> {
        (self.first..=self.last).contains(&day).then(|| percent(self.at(day)))
    }

    /// The marks: first days of months or years, in steps so that there are few.
    pub(super) fn ticks(&self) -> Vec<SparkTick> {
        let month_of = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        let months = month_of(self.last) - month_of(self.first);
        let step =
            STEPS.into_iter().find(|step| months / step <= MOST_TICKS).unwrap_or(STEPS[STEPS.len() - 1]);
        let begin = month_of(self.first).div_euclid(step) * step;
        let mut ticks = Vec::new();
        let mut month = begin;
        while month <= month_of(self.last) {
            let year = i32::try_from(month.div_euclid(12)).unwrap_or_default();
            let day = u32::try_from(month.rem_euclid(12))
                .ok()
                .and_then(|month| NaiveDate::from_ymd_opt(year, month + 1, 1));
            if let Some((day, x)) = day.and_then(|day| Some((day, self.x(day)?))) {
                let is_year = day.month() == 1;
                let label = if is_year { day.year().to_string() } else { day.format("%b").to_string() };
                ticks.push(SparkTick { x, label, is_year });
            }
            month += step;
        }
        ticks
    }

    fn bar(&self, [start, end]: [NaiveDate; 2], class: String, is_low: bool, hint: String) -> SparkBar {
        let (begin, behind) = (self.at(start), self.at(end.succ_opt().unwrap_or(end)));
        let width = (behind - begin).max(NARROWEST);
        let (y, height) = if is_low { (6, 12) } else { (2, 16) };
        SparkBar { class, x: percent(begin.min(100_000 - width)), width: percent(width), y, height, hint }
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

fn percent(thousandths: i64) -> String {
    format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(first: &str, last: &str) -> SparkAxis {
        SparkAxis { first: first.parse().unwrap(), last: last.parse().unwrap() }
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
            (bar.x, bar.width)
        };
        assert_eq!(bar("2026-01-01", "2026-01-04"), ("0.000%".to_owned(), "40.000%".to_owned()));
        assert_eq!(bar("2026-01-05", "2026-01-10"), ("40.000%".to_owned(), "60.000%".to_owned()));
        assert_eq!(axis.x("2026-01-06".parse().unwrap()).as_deref(), Some("50.000%"));
        assert_eq!(axis.x("2026-01-11".parse().unwrap()), None);
    }
}
