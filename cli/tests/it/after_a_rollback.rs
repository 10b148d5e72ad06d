//! After a rollback no command advises to migrate: the legacy shape is the intended one.

use crate::program::{migrated, on, project_and_phase};

#[test]
fn commands_on_timelines_name_the_rollback_and_that_nothing_is_to_be_done() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["rollback", "--yes", "--actor", "grace"]).exits_with(0);
    let before = database.dump(&[]);
    for command in [
        &["drift"][..],
        &["drift", "--repair", "all", "--yes"],
        &["rebuild"],
        &["rebuild", "--check"],
        &["adopt"],
        &["adopt", "--dry-run"],
        &["timeline", "open", &project],
        &["timeline", "reschedule", &project, "2026-01-01", "2026-12-31"],
        &["phase", "rename", &phase, "x"],
        &["phase", "remove", &phase],
    ] {
        let refused = on(&database, command).exits_with(3);
        for named in [
            "legacy shape since the rollback of 2",
            "by grace",
            "nothing was written",
            "Nothing is to be done",
        ] {
            assert!(refused.stderr.contains(named), "{command:?} {named}: {}", refused.stderr);
        }
        assert!(!refused.stderr.contains("phaseline migrate"), "{command:?}: {}", refused.stderr);
    }
    for (command, code) in [
        (&["status"][..], 0),
        (&["verify"], 0),
        (&["doctor"], 0),
        (&["upgrade"], 0),
        (&["history", &project], 0),
        (&["quarantine", "list"], 0),
        (&["rollback", "--dry-run"], 0),
        (&["rollback", "--yes"], 0),
    ] {
        let shown = on(&database, command).exits_with(code);
        let all = format!("{}{}", shown.stdout, shown.stderr);
        assert!(!all.contains("phaseline migrate"), "{command:?}: {all}");
    }
    assert!(database.dump(&[]) == before);
}

/// A log whose migrations failed is no sign of a rollback.
#[test]
fn without_a_completed_migration_the_hint_is_the_plan() {
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    database.psql("ALTER TABLE phaseline.events DISABLE TRIGGER USER; DELETE FROM phaseline.events WHERE event_type LIKE '%RollbackCompleted%' OR event_type LIKE '%MigrationCompleted%'");
    let refused = on(&database, &["drift"]).exits_with(3);
    assert!(
        refused.stderr.contains("phaseline plan") && !refused.stderr.contains("rollback of"),
        "{}",
        refused.stderr
    );
}
