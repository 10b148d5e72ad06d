//! The split with the fewest assignments outside their own phase, compared with all possible splits.

use crate::fixture::*;
use chrono::{Days, NaiveDate};
use phaseline_domain::DateRange;
use phaseline_domain::legacy::{self, Boundary};
use proptest::prelude::*;

fn range_of(length: u64) -> DateRange {
    let start = day("02-20");
    DateRange::new(start, start + Days::new(length - 1)).unwrap()
}

/// The days of each phase's assignments, from offsets to the first day; negative ones lie before the project.
fn dates(range: DateRange, offsets: &[Vec<i64>]) -> Vec<Vec<NaiveDate>> {
    let date = |offset: &i64| range.start() + chrono::TimeDelta::days(*offset);
    offsets.iter().map(|days| days.iter().map(date).collect()).collect()
}

fn fitted(range: DateRange, assigned: &[Vec<NaiveDate>]) -> Option<Vec<DateRange>> {
    legacy::fit(range, &assigned.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The number of assignments inside their own phase.
fn kept(pieces: &[DateRange], assigned: &[Vec<NaiveDate>]) -> usize {
    pieces
        .iter()
        .zip(assigned)
        .map(|(piece, days)| days.iter().filter(|day| piece.contains(**day)).count())
        .sum()
}

/// The ends of all pieces but the last, in days from the first day.
fn boundaries(range: DateRange, pieces: &[DateRange]) -> Vec<i64> {
    pieces[..pieces.len() - 1].iter().map(|piece| (piece.end() - range.start()).num_days()).collect()
}

fn distance(range: DateRange, pieces: &[DateRange]) -> i64 {
    let even = legacy::split(range, pieces.len()).unwrap();
    let pairs = boundaries(range, pieces).into_iter().zip(boundaries(range, &even));
    pairs.map(|(one, other)| (one - other).abs()).sum()
}

/// Every way to split days into so many ranges.
fn every_split(range: DateRange, parts: usize) -> Vec<Vec<DateRange>> {
    if parts == 1 {
        return vec![vec![range]];
    }
    let mut splits = Vec::new();
    for length in 1..=range.days() - (parts as i64 - 1) {
        let next = range.start() + Days::new(length.unsigned_abs());
        let first = DateRange::new(range.start(), next.pred_opt().unwrap()).unwrap();
        for rest in every_split(DateRange::new(next, range.end()).unwrap(), parts - 1) {
            splits.push(std::iter::once(first).chain(rest).collect());
        }
    }
    splits
}

/// The best of all splits: the most kept, then the nearest to the even one, then the earliest boundaries.
fn best_by_brute_force(range: DateRange, assigned: &[Vec<NaiveDate>]) -> Vec<DateRange> {
    let rank = |pieces: &Vec<DateRange>| {
        (std::cmp::Reverse(kept(pieces, assigned)), distance(range, pieces), boundaries(range, pieces))
    };
    every_split(range, assigned.len()).into_iter().min_by_key(rank).unwrap()
}

/// Some phases' assignments, a few of them outside a project of `length` days.
fn assigned(
    phases: impl Strategy<Value = usize>,
    length: i64,
    most: usize,
) -> impl Strategy<Value = Vec<Vec<i64>>> {
    phases.prop_flat_map(move |phases| {
        let days = proptest::collection::vec(-2..length + 2, 0..most);
        proptest::collection::vec(days, phases)
    })
}

proptest! {
    #![proptest_config(reproducible())]

    #[test]
    fn no_split_of_all_is_better(length in 1_u64..15, offsets in assigned(1_usize..6, 15, 8)) {
        let range = range_of(length);
        let assigned = dates(range, &offsets);
        match fitted(range, &assigned) {
            None => prop_assert!(assigned.len() as u64 > length),
            Some(pieces) => prop_assert_eq!(pieces, best_by_brute_force(range, &assigned)),
        }
    }

    /// Few assignments on many days: not every day is a candidate.
    #[test]
    fn no_split_of_all_is_better_where_assignments_are_rare(
        length in 16_u64..30, offsets in assigned(2_usize..6, 6, 2),
    ) {
        let range = range_of(length);
        let assigned = dates(range, &offsets);
        prop_assert_eq!(fitted(range, &assigned), Some(best_by_brute_force(range, &assigned)));
    }

    #[test]
    fn all_days_are_shared_in_order_and_never_worse_than_evenly(
        length in 12_u64..800, offsets in assigned(1_usize..12, 800, 60),
    ) {
        let range = range_of(length);
        let assigned = dates(range, &offsets);
        let pieces = fitted(range, &assigned).unwrap();
        let even = legacy::split(range, assigned.len()).unwrap();
        prop_assert!(kept(&pieces, &assigned) >= kept(&even, &assigned));
        prop_assert_eq!(pieces.len(), assigned.len());
        prop_assert_eq!(pieces[0].start(), range.start());
        prop_assert_eq!(pieces[pieces.len() - 1].end(), range.end());
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[1].start(), pair[0].end() + Days::new(1));
        }
    }

    #[test]
    fn without_assignments_it_is_the_even_split(length in 1_u64..3000, parts in 0_usize..40) {
        let range = range_of(length);
        prop_assert_eq!(fitted(range, &vec![Vec::new(); parts]), legacy::split(range, parts));
    }
}

#[test]
fn assignments_decide_the_boundary_and_the_even_split_breaks_ties() {
    let range = range_of(10);
    let fit = |offsets: &[Vec<i64>]| boundaries(range, &fitted(range, &dates(range, offsets)).unwrap());
    assert_eq!(
        fit(&[vec![0, 1], vec![3, 4]]),
        [2],
        "any end from 1 to 2 keeps all, 2 is nearer to the even one"
    );
    assert_eq!(fit(&[vec![7, 8], vec![9]]), [8]);
    assert_eq!(fit(&[vec![9], vec![0]]), [4], "one of both changes wherever it lies");
    assert_eq!(fit(&[vec![3, 5], vec![4, 5]]), [3], "the earlier of 3 and 5, both a day from the even one");
    assert_eq!(fit(&[vec![], vec![0, 1]]), [0], "a phase has a day, even if an assignment changes for it");
    assert_eq!(
        fit(&[vec![-5, 40], vec![-1]]),
        [4],
        "assignments outside the project are outside of every split"
    );
}

#[test]
fn a_project_of_all_the_days_there_are_is_split_without_a_table_of_them() {
    let range = DateRange::new("0001-01-01".parse().unwrap(), "9999-12-31".parse().unwrap()).unwrap();
    let last = range.end();
    let mut assigned = vec![Vec::new(); 40];
    assigned[38] = vec![last.pred_opt().unwrap(); 3];
    assigned[39] = vec![last];
    let pieces = fitted(range, &assigned).unwrap();
    assert_eq!(kept(&pieces, &assigned), 4);
    assert_eq!(pieces[39], DateRange::new(last, last).unwrap());
    let even = legacy::split(range, 40).unwrap();
    assert_eq!(pieces[..38], even[..38], "no other boundary has a reason to move");
}

#[test]
fn boundaries_are_parsed_by_their_names() {
    assert_eq!(Boundary::default(), Boundary::Midpoint);
    for (boundary, name) in [(Boundary::Midpoint, "midpoint"), (Boundary::Fit, "fit")] {
        assert_eq!(boundary.to_string(), name);
        assert_eq!(serde_json::to_string(&boundary).unwrap(), format!("\"{name}\""));
    }
}
