//! `phaseline rebuild`: output, exit codes, and its state after an interruption.

use crate::boundaries::at_each;
use crate::program::{
    ProgramOutput, eventually, legacy, migrated, on, phaseline, project_and_phase, run, signal,
};
use crate::signals::{Holder, Running};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_tests::crash_recovery::{StoppedRun, is_thorough};
use phaseline_tests::protocol_proxy::{ProtocolProxy, ServerBoundary, Stop};
use std::process::{Child, Command};
use std::time::Duration;

const STRANGER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

/// One changed row, one deleted, one unknown to the log.
const DAMAGE: &str = "
    UPDATE project_phases SET name = e'by\\u001bhand' WHERE id = (SELECT max(id::text)::uuid FROM project_phases);
    DELETE FROM project_phases WHERE id = (SELECT min(id::text)::uuid FROM project_phases);
    INSERT INTO project_phases SELECT project_id, 0, 0, 0, '6f9619ff-8b86-4011-b42d-00c04fc964ff', created_at, updated_at,
            'Theirs', start_date, end_date, NULL FROM project_phases LIMIT 1";

/// The rows and the end of the log.
const TABLE_STATE: &str =
    "SELECT (SELECT string_agg(ph::text, E'\\n' ORDER BY id) FROM public.project_phases ph),
                             (SELECT max(position) FROM phaseline.events)";

fn position(database: &TestDatabase) -> u64 {
    database.psql("SELECT max(position) FROM phaseline.events").trim().parse().unwrap()
}

#[test]
fn a_check_writes_nothing_and_exits_with_6_and_a_rebuild_repairs() {
    let database = migrated();
    let good = database.dump(&["--schema=public", "--table=project_phases"]);
    let rows = || database.psql("SELECT ph::text FROM project_phases ph ORDER BY id");
    let stood = rows();
    let before = database.dump(&[]);
    for arguments in
        [&["rebuild"][..], &["rebuild", "--check"], &["rebuild", "--delete-unknown", "--jobs", "3"]]
    {
        let right = on(&database, arguments).exits_with(0);
        assert!(right.stdout.contains("UP TO DATE. project_phases equals the log"), "{}", right.stdout);
    }
    assert!(
        database.dump(&[]) == before && good == database.dump(&["--schema=public", "--table=project_phases"])
    );

    database.psql(DAMAGE);
    let damaged = database.dump(&[]);
    let checked = on(&database, &["rebuild", "--check"]).exits_with(6).stdout;
    for expected in [
        "Rows that differ from the log",
        "name is by\\u{1b}hand in project_phases",
        "in the log, but not in project_phases",
        STRANGER,
        "DIFFERENT. 3 differences; nothing was written.",
    ] {
        assert!(checked.contains(expected), "{expected}: {checked}");
    }
    assert!(database.dump(&[]) == damaged, "a check wrote");

    let last = position(&database);
    let arguments = ["rebuild", "--jobs", "2", "--actor", "ada", "--reason", "by hand", "--json"];
    let left = on(&database, &arguments).exits_with(6).object("phaseline.rebuild/1");
    assert_eq!((&left["inserted"], &left["updated"], &left["deleted"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(
        (&left["jobs"], &left["check"], &left["project_id"]),
        (&2.into(), &false.into(), &None::<u8>.into())
    );
    assert_eq!((&left["position"], &left["caught_up"]), (&last.into(), &0.into()));
    assert_eq!(
        (&left["left"][0]["phase_id"], &left["left"][0]["row"]["name"]),
        (&STRANGER.into(), &"Theirs".into())
    );
    assert_eq!(
        (left["left"].as_array().unwrap().len(), left["differences"].as_array().unwrap().len()),
        (1, 3)
    );
    let recorded = database.psql(
        "SELECT stream_id, metadata ->> 'actor', metadata ->> 'reason', metadata ->> 'source', payload::text
           FROM phaseline.events WHERE event_type = 'DriftRepaired'",
    );
    assert!(recorded.starts_with(left["repair_id"].as_str().unwrap()), "{recorded}");
    assert!(recorded.contains("|ada|by hand|cli|") && recorded.contains("hand\""), "{recorded}");

    let page = on(&database, &["rebuild"]).exits_with(6).stdout;
    assert!(
        page.contains("Unknown to the log, and kept") && page.contains("1 row unknown to the log left"),
        "{page}"
    );
    let done = on(&database, &["rebuild", "--delete-unknown"]).exits_with(0).stdout;
    assert!(done.contains("REBUILT. The log has the overwritten values."), "{done}");
    assert_eq!(rows(), stood);
    on(&database, &["drift"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn one_project_is_rebuilt_and_an_unknown_one_exits_with_3() {
    let database = migrated();
    let projects = database.psql("SELECT DISTINCT project_id FROM project_phases ORDER BY 1 LIMIT 2");
    let (one, other) = projects.trim().split_once('\n').unwrap();
    database.psql("UPDATE project_phases SET name = 'by hand'");
    let of_other = || {
        database
            .psql(&format!("SELECT ctid, xmin, ph::text FROM project_phases ph WHERE project_id = '{other}'"))
    };
    let before = of_other();
    let done =
        on(&database, &["rebuild", "--project", one, "--json"]).exits_with(0).object("phaseline.rebuild/1");
    assert_eq!((&done["project_id"], &done["projects"]), (&one.into(), &1.into()));
    assert_eq!(done["updated"], done["phases"]);
    assert_eq!(before, of_other());
    on(&database, &["rebuild", "--project", one, "--check"]).exits_with(0);
    on(&database, &["rebuild", "--project", other, "--check"]).exits_with(6);

    let before = database.dump(&[]);
    let unknown = on(&database, &["rebuild", "--project", STRANGER]).exits_with(3);
    assert!(unknown.stderr.contains(&format!("Project with ID {STRANGER} not found")), "{}", unknown.stderr);
    for wrong in [
        &["rebuild", "--jobs", "0"][..],
        &["rebuild", "--jobs", "65"],
        &["rebuild", "--project", " "],
        &["rebuild", "--project", one, "--jobs", "2"],
        &["rebuild", "--check", "--delete-unknown"],
        &["rebuild", "--check", "--timeline-states"],
    ] {
        on(&database, wrong).exits_with(2);
    }
    assert!(before == database.dump(&[]), "something was written");
}

#[test]
fn rows_and_projects_of_others_are_listed_with_their_remedies() {
    let database = migrated();
    crate::adopt::add_project(&database, STRANGER);
    crate::adopt::add_phase(&database, STRANGER, "6f9619ff-8b86-4011-b42d-00c04fc964aa", "2025-01-01");
    let page = on(&database, &["rebuild"]).exits_with(0).stdout;
    assert!(page.contains("1 row of projects without timeline: see phaseline adopt"), "{page}");
    on(&database, &["adopt"]).exits_with(0);
    database.psql(&format!(
        "SET session_replication_role = replica; DELETE FROM projects WHERE id = '{STRANGER}'"
    ));
    for arguments in [&["rebuild"][..], &["rebuild", "--check"]] {
        let page = on(&database, arguments).exits_with(6).stdout;
        assert!(page.contains("1 project is not in public.projects and still has rows"), "{page}");
        assert!(page.contains("DIFFERENT."), "{page}");
    }
    // A project deleted with its phases is not an error, although its timeline is still open.
    database.psql(&format!("DELETE FROM project_phases WHERE project_id = '{STRANGER}'"));
    on(&database, &["rebuild", "--check"]).exits_with(0);
    on(&database, &["drift", "--repair", STRANGER, "--yes"]).exits_with(0);
    on(&database, &["rebuild", "--check"]).exits_with(0);
}

#[test]
fn a_rebuild_without_an_intact_log_in_the_timeline_shape_is_refused() {
    let empty = TestCluster::shared().database();
    let refused = on(&empty, &["rebuild", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!(refused["code"], "no_log");
    let database = legacy();
    on(&database, &["rebuild"]).exits_with(3);
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    let before = database.dump(&[]);
    for arguments in [&["rebuild", "--json"][..], &["rebuild", "--check", "--json"]] {
        let refused = on(&database, arguments).exits_with(3).object("phaseline.error/1");
        assert_eq!(refused["code"], "legacy_shape");
    }
    assert!(before == database.dump(&[]));

    for damage in [
        "DELETE FROM phaseline.events WHERE position = 9",
        "UPDATE phaseline.events SET version = 99 WHERE position = 9",
    ] {
        let database = migrated();
        database.psql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only; {damage}; TRUNCATE project_phases"
        ));
        let before = database.dump(&[]);
        for arguments in [&["rebuild", "--json"][..], &["rebuild", "--check", "--json"]] {
            let refused = on(&database, arguments).exits_with(6).object("phaseline.error/1");
            assert_eq!(refused["code"], "log_damaged", "{damage}");
        }
        assert!(before == database.dump(&[]), "{damage}: something was written");
    }
}

#[test]
fn a_signal_during_any_wait_exits_with_8_and_leaves_nothing() {
    for (waits_for, name) in [
        ("LOCK TABLE phaseline.events", "INT"),
        ("LOCK TABLE public.project_phases", "TERM"),
        ("DO $$ BEGIN PERFORM FROM phaseline.head FOR UPDATE; END $$", "INT"),
    ] {
        let database = damaged();
        let before = database.psql(TABLE_STATE);
        let holder = Holder::on(&database, &format!("BEGIN; {waits_for}"));
        let run = Running::start(&database, &["rebuild", "--jobs", "2"]);
        eventually("it waits", || database.psql(WAITING).trim() != "0");
        signal(name, run.id());
        let ran = run.end().exits_with(8);
        assert!(ran.stderr.contains("interrupted"), "{waits_for}: {}", ran.stderr);
        drop(holder);
        wait_for_disconnects(&database);
        assert_eq!(database.psql(TABLE_STATE), before, "{waits_for}");
        on(&database, &["rebuild", "--delete-unknown"]).exits_with(0);
    }
}

const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

fn wait_for_disconnects(database: &TestDatabase) {
    eventually("the server has noticed", || {
        let others = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.psql(others).trim() == "0"
    });
}

/// A sample with damaged rows.
fn damaged() -> TestDatabase {
    let cluster = TestCluster::shared();
    cluster.template("cli_rebuild", |url| {
        let size = ["--projects", "8", "--assignments", "20", "--seed", "3"];
        run(&[&["sample", "--database-url", url][..], &size].concat()).exits_with(0);
        run(&["migrate", "--yes", "--database-url", url]).exits_with(0);
        cluster.binaries().psql(url, DAMAGE).unwrap();
    });
    cluster.database_from("cli_rebuild")
}

fn command(url: &str) -> Command {
    let mut command = phaseline(&["rebuild", "--jobs", "2", "--delete-unknown"]);
    // The connection that looks for a pooler is not the run's.
    command.env("DATABASE_URL", url).env("PHASELINE_POOLER", "none");
    command
}

/// The rebuild is repeated after one of this many stops: an unchanged database needs no further check.
const REPEAT_EVERY: usize = 4;

/// The statements of an undisturbed rebuild, and the table before and after it.
struct UndisturbedRebuild {
    boundaries: Vec<ServerBoundary>,
    before: String,
    after: String,
}

impl UndisturbedRebuild {
    fn run() -> Self {
        let database = damaged();
        let before = database.psql(TABLE_STATE);
        let proxy = ProtocolProxy::counting(database.url());
        ProgramOutput::of(command(proxy.url()).output().unwrap()).exits_with(0);
        let boundaries = proxy.boundaries();
        let after = database.psql(TABLE_STATE);
        let [_] = boundaries.iter().filter(|at| at.what == "COMMIT").collect::<Vec<_>>()[..] else {
            panic!("a rebuild commits once: {boundaries:#?}")
        };
        assert!(boundaries.len() > 20 && boundaries.iter().map(|at| at.connection).max() == Some(2));
        assert_ne!(before, after);
        Self { boundaries, before, after }
    }

    fn commit(&self) -> usize {
        self.boundaries.iter().find(|at| at.what == "COMMIT").unwrap().number
    }

    /// Fails unless the table is unchanged, or rebuilt if the run was stopped after its commit; and, for some stops, unless
    /// the next run repairs it.
    fn check(&self, database: &TestDatabase, stop: Stop, at: &ServerBoundary) -> StoppedRun {
        wait_for_disconnects(database);
        let is_done = match stop {
            Stop::Before(number) => number > self.commit(),
            Stop::After(number) => number >= self.commit(),
        };
        let expected = if is_done { &self.after } else { &self.before };
        assert_eq!(state_lines(&database.psql(TABLE_STATE)), state_lines(expected), "{stop:?}: {}", at.what);
        if is_done || is_thorough() || stop.number().is_multiple_of(REPEAT_EVERY) {
            ProgramOutput::of(command(database.url()).output().unwrap()).exits_with(0);
            assert_eq!(
                state_lines(&database.psql(TABLE_STATE)),
                state_lines(&self.after),
                "the run after {stop:?}: {}",
                at.what
            );
        }
        StoppedRun { is_done, killed: 0, failed: 0 }
    }
}

/// The table as lines.
fn state_lines(state: &str) -> Vec<&str> {
    state.lines().collect()
}

fn run_until(proxy: &ProtocolProxy, stop: Stop) -> (Child, ServerBoundary) {
    let mut child = command(proxy.url()).spawn().unwrap();
    while !proxy.wait(Duration::from_millis(10)) {
        if child.try_wait().unwrap().is_some() && !proxy.has_stopped() {
            panic!("it ended before it came to {stop:?}: {:?}", child.wait_with_output());
        }
    }
    (child, proxy.stopped_at().unwrap())
}

#[test]
fn a_rebuild_killed_at_any_statement_is_undone_or_complete() {
    let undisturbed = UndisturbedRebuild::run();
    // Only some of the boundaries before the first write, and of the readers.
    let begun = undisturbed.boundaries.iter().rfind(|at| at.what.starts_with("BEGIN")).unwrap().number;
    let matters = |at: &&ServerBoundary| {
        is_thorough() || !at.is_preparation() && (at.number >= begun || at.number.is_multiple_of(3))
    };
    let chosen = undisturbed.boundaries.iter().filter(matters);
    let ended = undisturbed.boundaries.iter().filter(|at| at.ends_transaction());
    let stops: Vec<Stop> =
        chosen.map(|at| Stop::Before(at.number)).chain(ended.map(|at| Stop::After(at.number))).collect();
    let found = at_each(&stops, |stop| {
        let database = damaged();
        let proxy = ProtocolProxy::stopping(database.url(), stop);
        let (mut child, at) = run_until(&proxy, stop);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(proxy);
        undisturbed.check(&database, stop, &at)
    });
    assert!(found.iter().any(|(_, left)| left.is_done) && found.iter().any(|(_, left)| !left.is_done));
}

/// Cuts all connections at once; and, by the server, only the one that compares and writes.
#[test]
fn a_rebuild_whose_connections_are_cut_ends_with_8_and_can_be_run_again() {
    let undisturbed = UndisturbedRebuild::run();
    // The names in the report are looked up last, in a transaction of their own, and a report without them is complete.
    let names = undisturbed.boundaries.iter().position(|at| at.what.contains("set_config('lock_timeout'"));
    let before_names = &undisturbed.boundaries[..names.unwrap().saturating_sub(1)];
    let some = before_names.iter().filter(|at| {
        is_thorough()
            || at.what == "COMMIT"
            || at.what.starts_with("COPY (SELECT position")
            || at.number % 9 == 0
    });
    let stops: Vec<Stop> = some.flat_map(|at| [Stop::Before(at.number), Stop::After(at.number)]).collect();
    at_each(&stops, |stop| {
        let database = damaged();
        let proxy = ProtocolProxy::stopping(database.url(), stop);
        let (child, at) = run_until(&proxy, stop);
        proxy.cut();
        let ran = ProgramOutput::of(child.wait_with_output().unwrap());
        let first = proxy.boundaries().iter().find(|other| other.connection == at.connection).unwrap().number;
        // At the first statement the program is still connecting.
        let code = if at.number == first { 9 } else { 8 };
        assert_eq!(ran.code, Some(code), "cut {stop:?}, {}: {ran:#?}", at.what);
        undisturbed.check(&database, stop, &at)
    });

    let database = damaged();
    let holder = Holder::on(&database, "BEGIN; LOCK TABLE public.project_phases");
    let before = position(&database);
    let run = Running::start(&database, &["rebuild", "--jobs", "2"]);
    eventually("it compares", || database.psql(WAITING).trim() != "0");
    database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    let ran = run.end().exits_with(8);
    assert!(ran.stderr.contains("the connection to the database was lost"), "{}", ran.stderr);
    drop(holder);
    assert_eq!(position(&database), before);
}

#[test]
fn timeline_states_are_made_again_on_request() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    for n in 0..10 {
        on(&database, &["phase", "rename", &phase, &format!("Name {n}")]).exits_with(0);
    }
    let states =
        "SELECT string_agg(s::text, ' ' ORDER BY project_id, position) FROM phaseline.timeline_states s";
    let made = on(&database, &["rebuild", "--timeline-states"]).exits_with(0);
    assert!(made.stderr.contains("timeline states."), "{}", made.stderr);
    let before = database.psql(states);
    assert!(before.contains("Name "), "{before}");
    database.psql("UPDATE phaseline.timeline_states SET state = '{}'");
    let wrong = on(&database, &["verify"]).exits_with(6).stdout;
    assert!(
        wrong.contains("is not the fold of the log") && wrong.contains("rebuild --timeline-states"),
        "{wrong}"
    );
    on(&database, &["rebuild", "--timeline-states", "--yes"]).exits_with(0);
    assert_eq!(database.psql(states), before);
    on(&database, &["verify"]).exits_with(0);
    database.psql("DROP TABLE phaseline.timeline_states");
    let refused = on(&database, &["rebuild", "--timeline-states"]).exits_with(3);
    assert!(refused.stderr.contains("phaseline upgrade"), "{}", refused.stderr);
}
