//! Where bars, ticks and marks of a chart are: integer days in, percent of the chart's width out. Pure.

use chrono::{Datelike, NaiveDate, Weekday};
use phaseline_domain::DateRange;
use std::fmt;

/// Up to this many days the weekends are shaded.
const DAYS_WITH_WEEKENDS: i64 = 190;
/// The steps between ticks, in months.
const MONTH_STEPS: [i64; 15] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000, 24000];
/// At most so many ticks fit on an axis.
const MOST_TICKS: i64 = 13;
/// A label is inside its bar from this width on, in percent.
const WIDE_ENOUGH: f64 = 16.0;
/// A label is behind its bar if that ends before this place, in percent.
const ROOM_BEHIND: f64 = 66.0;

/// A tick behind this place has no room for its label, in percent.
const LAST_LABEL: f64 = 95.5;
/// A few characters fit behind a bar that ends before this place, in percent.
const ALMOST_ALL: f64 = 92.0;

/// Days since 1970-01-01.
pub(crate) fn day_number(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

/// A place or a width in a chart, in percent of its width. Prints as an SVG attribute.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The days that a chart shows, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChartDays {
    first: NaiveDate,
    last: NaiveDate,
}

/// Where a bar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BarPlace {
    /// Its left end.
    pub(crate) x: Percent,
    /// Its width.
    pub(crate) width: Percent,
    /// Where its label is.
    pub(crate) label: LabelPlace,
}

/// Where the label of a bar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LabelPlace {
    /// Inside the bar.
    Inside,
    /// Behind its right end, at this place.
    Behind(Percent),
    /// Before its left end, at this place.
    Before(Percent),
}

/// A mark on the axis: the first day of a week, a month or a year.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Its place.
    pub(crate) x: Percent,
    /// Its text.
    pub(crate) label: String,
    /// Whether a narrow screen leaves the text out.
    pub(crate) is_minor: bool,
}

impl ChartDays {
    /// The days that contain all these ranges; none without a range.
    pub(crate) fn around(ranges: impl IntoIterator<Item = DateRange>) -> Option<Self> {
        ranges
            .into_iter()
            .map(|range| Self { first: range.start(), last: range.end() })
            .reduce(|all, next| Self { first: all.first.min(next.first), last: all.last.max(next.last) })
    }

    /// These days.
    pub(crate) const fn between(first: NaiveDate, last: NaiveDate) -> Self {
        Self { first, last }
    }

    /// The first and the last day.
    pub(crate) const fn ends(self) -> [NaiveDate; 2] {
        [self.first, self.last]
    }

    /// The first day's number.
    pub(crate) fn first_number(self) -> i64 {
        day_number(self.first)
    }

    /// How many days there are.
    pub(crate) fn len(self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// Where a day begins.
    pub(crate) fn x(self, day: NaiveDate) -> Percent {
        Percent((day - self.first).num_days() as f64 * 100.0 / self.len() as f64)
    }

    /// The width of a number of days.
    fn width(self, days: i64) -> Percent {
        Percent(days as f64 * 100.0 / self.len() as f64)
    }

    /// Whether the chart shows the day.
    pub(crate) fn contains(self, day: NaiveDate) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Left end and width of the bar of some days, of which a short one is at least `least` percent wide.
    pub(crate) fn span(self, [start, end]: [NaiveDate; 2], least: f64) -> [Percent; 2] {
        let width = self.width((end - start).num_days() + 1).0.max(least);
        [Percent(self.x(start).0.min(100.0 - width)), Percent(width)]
    }

    /// Where the bar of a range is that has its text outside: behind its end if there is room, else before its start.
    pub(crate) fn thin_bar(self, range: DateRange) -> BarPlace {
        let bar = self.bar(range);
        let end = Percent(bar.x.0 + bar.width.0);
        let label = if end.0 <= ALMOST_ALL {
            LabelPlace::Behind(end)
        } else if bar.x.0 >= 100.0 - ALMOST_ALL {
            LabelPlace::Before(bar.x)
        } else {
            LabelPlace::Inside
        };
        BarPlace { label, ..bar }
    }

    /// Where the bar of a range is.
    pub(crate) fn bar(self, range: DateRange) -> BarPlace {
        let (x, width) = (self.x(range.start()), self.width(range.days()));
        let end = Percent(x.0 + width.0);
        let label = if width.0 >= WIDE_ENOUGH {
            LabelPlace::Inside
        } else if end.0 <= ROOM_BEHIND {
            LabelPlace::Behind(end)
        } else {
            LabelPlace::Before(x)
        };
        BarPlace { x, width, label }
    }

    /// The marks of the axis: weeks, months or years, as many as fit.
    pub(crate) fn ticks(self) -> Vec<Tick> {
        let days: Vec<NaiveDate> = if self.len() <= 7 * MOST_TICKS {
            self.first
                .iter_days()
                .take_while(|day| *day <= self.last)
                .filter(|day| day.weekday() == Weekday::Mon)
                .collect()
        } else {
            self.months(MOST_TICKS)
        };
        let is_weekly = self.len() <= 7 * MOST_TICKS;
        let mut year = None;
        let ticks = days.into_iter().enumerate().map(|(index, day)| {
            let is_new_year = year.replace(day.year()) != Some(day.year());
            let label = match (is_weekly, is_new_year) {
                (true, true) => format!("{} {} {}", day.day(), day.format("%b"), day.year()),
                (true, false) => format!("{} {}", day.day(), day.format("%b")),
                (false, true) => format!("{} {}", day.format("%b"), day.year()),
                (false, false) if day.month() == 1 => day.year().to_string(),
                (false, false) => day.format("%b").to_string(),
            };
            let x = self.x(day);
            let label = if x.0 > LAST_LABEL { String::new() } else { label };
            Tick { x, label, is_minor: index % 2 == 1 }
        });
        ticks.collect()
    }

    /// The first days of months, in steps of months or years so that there are at most `most`.
    pub(crate) fn months(self, most: i64) -> Vec<NaiveDate> {
        let number = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        let (first, last) = (number(self.first), number(self.last));
        let fits = |step: &i64| last.div_euclid(*step) - (first - 1).div_euclid(*step) <= most;
        let step = MONTH_STEPS.into_iter().find(fits).unwrap_or(last - first + 1);
        let months = (first..=last).filter(|month| month.rem_euclid(step) == 0);
        let day = |month: i64| {
            let year = i32::try_from(month.div_euclid(12)).ok()?;
            NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1)
        };
        months.filter_map(day).filter(|day| self.contains(*day)).collect()
    }

    /// The weekends, as places and widths; none in a chart of many days.
    pub(crate) fn weekends(self) -> Vec<(Percent, Percent)> {
        if self.len() > DAYS_WITH_WEEKENDS {
            return Vec::new();
        }
        let days = self.first.iter_days().take_while(|day| *day <= self.last);
        let is_begin = |day: &NaiveDate| {
            day.weekday() == Weekday::Sat || (day.weekday() == Weekday::Sun && *day == self.first)
        };
        let weekends = days.filter(is_begin).map(|day| {
            let rest =
                if day.weekday() == Weekday::Sat { (self.last - day).num_days().min(1) + 1 } else { 1 };
            (self.x(day), self.width(rest))
        });
        weekends.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn range(start: &str, end: &str) -> DateRange {
        DateRange::new(day(start), day(end)).unwrap()
    }

    fn chart(start: &str, end: &str) -> ChartDays {
        ChartDays::around([range(start, end)]).unwrap()
    }

    #[test]
    fn days_are_numbered_from_1970() {
        assert_eq!(day_number(day("1970-01-01")), 0);
        assert_eq!(day_number(day("1969-12-31")), -1);
        assert_eq!(day_number(day("2024-02-29")), 19_782);
    }

    #[test]
    fn bars_end_where_the_next_day_begins() {
        let chart = chart("2024-01-01", "2024-01-10");
        let first = chart.bar(range("2024-01-01", "2024-01-04"));
        let second = chart.bar(range("2024-01-05", "2024-01-10"));
        assert_eq!((first.x.to_string(), first.width.to_string()), ("0%".to_owned(), "40%".to_owned()));
        assert_eq!((second.x.to_string(), second.width.to_string()), ("40%".to_owned(), "60%".to_owned()));
        assert_eq!(chart.bar(range("2024-01-10", "2024-01-10")).width.to_string(), "10%");
    }

    #[test]
    fn labels_of_short_bars_are_where_there_is_room() {
        let chart = chart("2024-01-01", "2024-04-09");
        assert_eq!(chart.bar(range("2024-01-01", "2024-02-01")).label, LabelPlace::Inside);
        assert!(matches!(chart.bar(range("2024-01-01", "2024-01-02")).label, LabelPlace::Behind(_)));
        assert!(matches!(chart.bar(range("2024-04-08", "2024-04-09")).label, LabelPlace::Before(_)));
    }

    #[test]
    fn ticks_fit_whatever_the_length() {
        for years in [0, 1, 2, 3, 5, 10, 40, 200, 2000] {
            let chart = ChartDays {
                first: day("2021-11-17"),
                last: NaiveDate::from_ymd_opt(2022 + years, 3, 5).unwrap(),
            };
            let ticks = chart.ticks();
            assert!(!ticks.is_empty() && ticks.len() <= 15, "{years}: {}", ticks.len());
            assert!(ticks.iter().all(|tick| tick.x >= Percent(0.0) && tick.x < Percent(100.0)), "{years}");
        }
        let weeks = chart("2024-02-26", "2024-03-20").ticks();
        let labels: Vec<&str> = weeks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["26 Feb 2024", "4 Mar", "11 Mar", "18 Mar"]);
    }

    #[test]
    fn weekends_are_saturdays_and_sundays_inside_the_chart() {
        // 2024-03-02 is a Saturday.
        assert_eq!(chart("2024-03-02", "2024-03-02").weekends(), [(Percent(0.0), Percent(100.0))]);
        assert_eq!(chart("2024-03-03", "2024-03-04").weekends(), [(Percent(0.0), Percent(50.0))]);
        let two = chart("2024-03-01", "2024-03-10").weekends();
        assert_eq!(two, [(Percent(10.0), Percent(20.0)), (Percent(80.0), Percent(20.0))]);
        assert!(chart("2024-01-01", "2025-01-01").weekends().is_empty());
    }

    #[test]
    fn a_chart_contains_all_its_ranges() {
        assert_eq!(ChartDays::around([]), None);
        let chart = ChartDays::around([range("2024-03-01", "2024-03-05"), range("2023-12-31", "2024-01-01")])
            .unwrap();
        assert_eq!((chart.first, chart.last), (day("2023-12-31"), day("2024-03-05")));
        assert!(chart.contains(day("2024-02-01")) && !chart.contains(day("2024-03-06")));
    }
}
