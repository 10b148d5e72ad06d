//! Random unreadable events in random streams: all other projects are unaffected.

use super::{connect, folded, projects, skip_all};
use crate::fixture::{assert_verified, migrated, sample};
use phaseline_projections::drift;
use phaseline_tests::random::SeededRandom;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use std::collections::BTreeSet;

#[tokio::test]
async fn unreadable_events_affect_no_other_project() {
    for seed in 0..6 {
        let mut random = SeededRandom::new(seed);
        let database = sample(12, 80, 7);
        migrated(database.url()).await;
        let all = projects(&database);
        let before = folded(&database, 50).await;
        let mut victims = BTreeSet::new();
        let mut planted = 0;
        for _ in 0..=random.below(12) {
            let victim = random.one_of(&all).unwrap();
            insert_unreadable(database.url(), victim.uuid(), random.pick(UnreadableKind::ALL)).await;
            victims.insert(victim);
            planted += 1;
        }
        let chunk = random.within(1, 40);
        let log = folded(&database, chunk).await;
        assert_eq!(log.quarantined.keys().copied().collect::<BTreeSet<_>>(), victims, "seed {seed}");
        assert_eq!(log.unreadable().count, planted, "seed {seed}");
        for project in all.iter().filter(|project| !victims.contains(project)) {
            assert_eq!(log.timelines[project], before.timelines[project], "seed {seed}");
        }
        let differs = drift::find_drift(&mut connect(&database).await, &log, None).await.unwrap();
        assert!(differs.is_empty(), "seed {seed}: {differs:?}");

        // Some are left out; the timelines of the others stay in quarantine.
        let left_out: BTreeSet<_> = victims.iter().copied().filter(|_| random.hits(50)).collect();
        for project in &left_out {
            skip_all(&database, *project).await;
        }
        let log = folded(&database, chunk).await;
        let quarantined: BTreeSet<_> = log.quarantined.keys().copied().collect();
        assert_eq!(quarantined, victims.difference(&left_out).copied().collect(), "seed {seed}");
        for project in victims.difference(&left_out) {
            skip_all(&database, *project).await;
        }
        let log = folded(&database, chunk).await;
        for project in &all {
            let (was, is) = (&before.timelines[project], &log.timelines[project]);
            assert_eq!((&is.timeline, &is.timestamps), (&was.timeline, &was.timestamps), "seed {seed}");
        }
        assert_verified(database.url()).await;
    }
}
