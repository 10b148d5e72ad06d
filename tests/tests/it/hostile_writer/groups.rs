//! A group of usual commands, which needs no loop for verdicts, leaves the same log and the same rows as the loop would.

use super::arguments::{Arguments, ProjectState};
use super::single_events::{contents, described, leave_an_event_out, look_at_log, stop_clock};
use super::{project_states, writer};
use crate::fixture::{handle, migrated, sample};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_tests::random::SeededRandom;

/// Keys of other logins, of logins from before they were recorded, and expired ones.
fn used_keys(database: &TestDatabase) {
    database.psql(
        "INSERT INTO phaseline.idempotency_keys (scope, key, login, fingerprint, stream_id, version, events, recorded_at)
         SELECT 'ann', 'key ' || n, (ARRAY['other', '', 'phaseline_test_clerk'])[n % 3 + 1], decode(repeat('00', 32), 'hex'),
                gen_random_uuid(), 1, 1, timestamptz '2100-01-01' - (n / 3 % 2) * interval '25 hours'
           FROM generate_series(0, 14) AS n",
    );
}

#[tokio::test]
async fn a_usual_group_leaves_the_same_log_as_the_loop_for_verdicts() {
    // Appended: groups of commands that are apart, with more events than commands, with keys; single commands of several events. Others.
    let (mut groups, mut long, mut keyed, mut alone, mut mixed) = (0, 0, 0, 0, 0);
    for seed in 0..5_u64 {
        let slow = sample(8, 20, 700 + seed);
        migrated(slow.url()).await;
        if seed == 4 {
            // Then each command is judged by itself.
            leave_an_event_out(&slow).await;
        }
        stop_clock(&slow);
        used_keys(&slow);
        look_at_log(&slow);
        let fast = TestCluster::shared().database_from(slow.name());
        let (mut at_once, mut by_loop) = (writer(&fast).await, writer(&slow).await);
        let mut owner = handle(slow.url()).connect("test").await.unwrap();
        let mut random = SeededRandom::new(seed);
        let mut now: Vec<ProjectState> = project_states(&mut owner).await;
        for call in 0..400 {
            let arguments = Arguments::usual(&mut random, &now, 10);
            let (commands, events) = arguments.extent();
            // A command without events makes the function judge each command by itself.
            let Some(more) = arguments.with_an_empty_command(&now) else { continue };
            let mut expected = described(more.call_in_full(&mut by_loop).await);
            if let Ok(verdicts) = &mut expected {
                let last = verdicts.pop().unwrap();
                assert!(last.starts_with("appended "), "{last}");
            }
            let found = described(arguments.call_in_full(&mut at_once).await);
            assert_eq!(found, expected, "seed {seed}, call {call}: {arguments:?}");
            let Ok(verdicts) = found else { continue };
            now = project_states(&mut owner).await;
            let appended = verdicts.iter().all(|verdict| verdict.starts_with("appended "));
            let usual = seed < 4 && appended && arguments.are_apart();
            groups += usize::from(usual && commands > 1);
            long += usize::from(usual && commands > 1 && events > commands);
            keyed += usize::from(usual && commands > 1 && arguments.have_keys());
            alone += usize::from(usual && commands == 1 && events > 1);
            mixed += usize::from(!appended);
        }
        assert!(contents(&fast) == contents(&slow), "seed {seed}: the logs, the rows or the keys differ");
    }
    assert!(
        groups > 30 && long > 25 && keyed > 5 && alone > 60 && mixed > 100,
        "{groups} groups, {long} with several events, {keyed} with keys, {alone} single commands, {mixed} with another verdict"
    );
}
