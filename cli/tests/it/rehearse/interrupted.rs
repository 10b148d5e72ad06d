//! Interrupted rehearsals: the copy is dropped, or reported.

use super::{FORMAT, list_copies, notes, query_beside, run_on_copies};
use crate::program::{eventually, legacy, on, signal};
use crate::signals::{Holder, Running};
use phaseline_embedded::testing::TestDatabase;

/// Whether the copy is executing a statement that [`on_copies`] made slow.
fn copy_sleeps(database: &TestDatabase) -> bool {
    query_beside(
        database,
        &format!(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname LIKE '{}\\_rehearsal\\_%'",
            database.name()
        ),
    ) == "1"
}

#[test]
fn a_signal_in_any_step_exits_with_8_and_leaves_no_copy() {
    // During a statement on the copy.
    let database = legacy();
    run_on_copies(&database, "PERFORM pg_sleep(600)");
    let before = database.dump(&[]);
    for (name, arguments) in [
        ("TERM", &["rehearse", "--method", "template"][..]),
        ("INT", &["rehearse", "--method", "dump", "--json"]),
    ] {
        let run = Running::start(&database, arguments);
        eventually("it sleeps", || copy_sleeps(&database));
        signal(name, run.id());
        let ran = run.end().exits_with(8);
        let output = format!("{}{}", ran.stdout, ran.stderr);
        assert!(output.contains("the copy was dropped") && output.contains("is unchanged"), "{output}");
        assert_eq!(list_copies(&database), "", "{name}");
    }
    assert!(database.dump(&[]) == before);
    // While the dump waits for a locked table.
    let database = legacy();
    let user = Holder::on(&database, "BEGIN; LOCK TABLE public.programs");
    let run = Running::start(&database, &["rehearse"]);
    eventually("it copies", || !list_copies(&database).is_empty() && run.has_said("the copy needs"));
    signal("TERM", run.id());
    run.end().exits_with(8);
    assert_eq!(list_copies(&database), "");
    // A dump that waits too long for the table fails.
    let late = on(&database, &["rehearse", "--lock-timeout", "1"]).exits_with(8);
    assert!(late.stderr.contains("--lock-timeout") && late.stderr.contains("programs"), "{}", late.stderr);
    assert_eq!(list_copies(&database), "");
    drop(user);
}

#[test]
fn the_copy_of_a_killed_rehearsal_is_listed_and_dropped_on_request() {
    let database = legacy();
    run_on_copies(&database, "PERFORM pg_sleep(600)");
    let run = Running::start(&database, &["rehearse", "--method", "template", "--actor", "ada@desk"]);
    eventually("it sleeps", || copy_sleeps(&database));
    let copy = list_copies(&database);
    // A running rehearsal is not a leftover.
    assert!(!on(&database, &["doctor"]).stdout.contains(&copy));
    let refused = on(&database, &["rehearse", "--drop", &copy]).exits_with(5);
    assert!(refused.stderr.contains("ada@desk"), "{}", refused.stderr);
    signal("KILL", run.id());
    assert_eq!(run.end().code, None);
    eventually("the server has noticed", || on(&database, &["doctor"]).stdout.contains(&copy));
    let doctor = on(&database, &["doctor"]).exits_with(0).stdout;
    assert!(doctor.contains("ada@desk") && doctor.contains(&format!("rehearse --drop {copy}")), "{doctor}");
    database.psql("DROP INDEX public.on_copies");
    let report = on(&database, &["rehearse", "--json"]).exits_with(0).object(FORMAT);
    assert!(notes(&report).contains(&copy), "{report}");
    assert_eq!(list_copies(&database), copy, "dropped without request");
    // Nothing else is dropped.
    for other in [database.name(), "postgres", "no_such_database"] {
        let refused = on(&database, &["rehearse", "--drop", other]).exits_with(3);
        assert!(refused.stderr.contains("nothing was dropped"), "{}", refused.stderr);
    }
    on(&database, &["rehearse", "--drop", &copy]).exits_with(0);
    assert_eq!(list_copies(&database), "");
}

#[test]
fn a_copy_that_cannot_be_dropped_is_reported_with_the_command() {
    let database = legacy();
    run_on_copies(&database, "PERFORM pg_sleep(600)");
    let run = Running::start(&database, &["rehearse", "--method", "template", "--quiet"]);
    eventually("it sleeps", || copy_sleeps(&database));
    let copy = list_copies(&database);
    query_beside(&database, &format!("ALTER DATABASE {copy} IS_TEMPLATE true"));
    signal("TERM", run.id());
    let ran = run.end().exits_with(8);
    for named in ["COULD NOT BE DROPPED", &format!("phaseline rehearse --drop {copy}"), "template"] {
        assert!(ran.stderr.contains(named), "{named}: {}", ran.stderr);
    }
    assert_eq!(list_copies(&database), copy);
    query_beside(&database, &format!("ALTER DATABASE {copy} IS_TEMPLATE false"));
    eventually("there are no connections", || on(&database, &["rehearse", "--drop", &copy]).code == Some(0));
    assert_eq!(list_copies(&database), "");
}
