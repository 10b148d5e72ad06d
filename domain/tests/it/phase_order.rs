//! The phases of a timeline, few and many: found by id and in their order after any events.

use crate::fixture::*;
use phaseline_domain::{DateRange, PhaseId, Timeline};
use proptest::prelude::*;

/// Ids, names and days of any phases, kept without order or index.
type Plain = Vec<(PhaseId, String, DateRange)>;

fn in_order(plain: &Plain) -> Plain {
    let mut plain = plain.clone();
    plain.sort_by_key(|(id, _, range)| (range.start(), range.end(), *id));
    plain
}

fn of(timeline: &Timeline) -> Plain {
    timeline.phases().iter().map(|phase| (phase.id, phase.name.as_str().to_owned(), phase.range)).collect()
}

proptest! {
    #![proptest_config(reproducible())]

    #[test]
    fn phases_are_found_and_ordered_after_any_events(
        numbers in 1_u128..120,
        events in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), 1_u8..29, 0_u8..3), 1..400),
    ) {
        let (mut timeline, mut plain) = (Timeline::default(), Plain::new());
        for (step, (kind, number, day, longer)) in events.into_iter().enumerate() {
            let n = number.index(numbers as usize) as u128;
            let (start, end) = (format!("03-{day:02}"), format!("03-{:02}", day + longer));
            let (range, at) = (days(&start, &end), plain.iter().position(|one| one.0 == id(n)));
            let name = format!("Step {step}");
            match kind {
                // More are created than removed, so that some timelines have many.
                0..4 => {
                    timeline.evolve(&created(n, &name, &start, &end));
                    plain.retain(|one| one.0 != id(n));
                    plain.push((id(n), name, range));
                }
                4 | 5 => {
                    timeline.evolve(&resized(n, &start, &end));
                    if let Some(at) = at {
                        plain[at].2 = range;
                    }
                }
                6 => {
                    timeline.evolve(&renamed(n, &name));
                    if let Some(at) = at {
                        plain[at].1 = name;
                    }
                }
                _ => {
                    timeline.evolve(&removed(n));
                    plain.retain(|one| one.0 != id(n));
                }
            }
            let found = timeline.phase(id(n)).map(|phase| phase.range);
            prop_assert_eq!(found, plain.iter().find(|one| one.0 == id(n)).map(|one| one.2));
        }
        prop_assert_eq!(of(&timeline), in_order(&plain));
        for (phase, name, _) in &plain {
            prop_assert_eq!(timeline.phase(*phase).map(|phase| phase.name.as_str()), Some(name.as_str()));
        }
        let stored = serde_json::to_string(&timeline).unwrap();
        let mut read: Timeline = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&read, &timeline);
        // The copy finds phases, too.
        for (phase, _, _) in plain {
            read.evolve(&phaseline_domain::event::PhaseRemoved { phase_id: phase }.into());
        }
        prop_assert!(read.phases().is_empty());
    }
}
