//! A group of usual commands, which needs no loop for verdicts, leaves the same log and the same rows as the loop would.

use super::arguments::{Arguments, ProjectState};
use super::single_events::{contents, described, look_at_log, stop_clock};
use super::{project_states, writer};
use crate::fixture::{handle, migrated, sample};
use phaseline_embedded::testing::TestCluster;
use phaseline_tests::random::SeededRandom;

#[tokio::test]
async fn a_usual_group_leaves_the_same_log_as_the_loop_for_verdicts() {
    // Groups of several commands that were all appended, of more events than commands, with keys, and with another verdict.
    let (mut groups, mut long, mut keyed, mut mixed) = (0, 0, 0, 0);
    for seed in 0..4_u64 {
        let slow = sample(8, 20, 700 + seed);
        migrated(slow.url()).await;
        stop_clock(&slow);
        look_at_log(&slow);
        let fast = TestCluster::shared().database_from(slow.name());
        let (mut alone, mut by_loop) = (writer(&fast).await, writer(&slow).await);
        let mut owner = handle(slow.url()).connect("test").await.unwrap();
        let mut random = SeededRandom::new(seed);
        let mut now: Vec<ProjectState> = project_states(&mut owner).await;
        for call in 0..250 {
            let arguments = Arguments::usual(&mut random, &now);
            let (commands, events, has_keys) = arguments.extent();
            // A command without events makes the function judge each command by itself.
            let Some(more) = arguments.with_an_empty_command(&now) else { continue };
            let mut expected = described(more.call(&mut by_loop).await);
            if let Ok(verdicts) = &mut expected {
                assert_eq!(verdicts.pop().as_deref(), Some("appended"));
            }
            let found = described(arguments.call(&mut alone).await);
            assert_eq!(found, expected, "seed {seed}, call {call}: {arguments:?}");
            let Ok(verdicts) = found else { continue };
            now = project_states(&mut owner).await;
            let appended = verdicts.iter().all(|verdict| verdict == "appended");
            groups += usize::from(commands > 1 && appended);
            long += usize::from(commands > 1 && appended && events > commands);
            keyed += usize::from(commands > 1 && appended && has_keys);
            mixed += usize::from(!appended);
        }
        assert!(contents(&fast) == contents(&slow), "seed {seed}: the logs, the rows or the keys differ");
    }
    assert!(
        groups > 50 && long > 30 && keyed > 5 && mixed > 20,
        "{groups} groups, {long} with several events, {keyed} with keys, {mixed} with another verdict"
    );
}
