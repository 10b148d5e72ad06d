//! `--profile`: where the processor time of the timed work goes, by functions (`perf`) and by statements (`pg_stat_statements`).

use crate::error::{BenchError, Result};
use phaseline_embedded::testing::TestCluster;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Samples per second of processor time; not a divisor of the kernel's own ticks.
const FREQUENCY: &str = "997";
/// The limit of attempts to attach to processes of which some end.
const ATTEMPTS: u32 = 20;
/// Functions with a smaller share are left out.
const SMALLEST_SHARE: f64 = 0.001;
/// Settings of the server that count statements, also those inside functions.
pub(crate) const SETTINGS: [(&str, &str); 3] = [
    ("shared_preload_libraries", "pg_stat_statements"),
    ("pg_stat_statements.track", "all"),
    ("pg_stat_statements.track_planning", "on"),
];
const STATEMENTS: &str = include_str!("../sql/statements.sql");
/// The name of every process of the server.
const SERVER: &str = "postgres";

/// One of the two sides of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// Writes profiles into a folder. Those of a later round replace those of an earlier one.
#[derive(Debug)]
pub(crate) struct Profiler {
    folder: PathBuf,
    cluster: TestCluster,
}

/// perf, while it records.
#[derive(Debug)]
pub(crate) struct Recording {
    perf: Child,
    /// perf ends with this.
    input: ChildStdin,
    data: PathBuf,
}

impl Profiler {
    /// Creates the folder, and prepares the server, which has the [`SETTINGS`].
    pub(crate) fn new(folder: &Path, cluster: &TestCluster) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(BenchError::io(format!("cannot create {}", folder.display())))?;
        let profiler = Self { folder: folder.to_owned(), cluster: cluster.clone() };
        profiler.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")?;
        Ok(profiler)
    }

    /// Begins to record these processes, and all that they start.
    pub(crate) fn begin(&self, processes: impl Fn() -> Vec<u32>) -> Result<Recording> {
        self.sql("SELECT pg_stat_statements_reset()")?;
        let mut attempts = 0;
        // perf fails if one of the processes or a thread ends before it is attached to all of them.
        loop {
            attempts += 1;
            match self.attach(&processes()) {
                Err(_) if attempts < ATTEMPTS => {}
                done => return done,
            }
        }
    }

    fn attach(&self, processes: &[u32]) -> Result<Recording> {
        let data = self.folder.join(format!("{}.perf.data", std::process::id()));
        let processes: Vec<String> = processes.iter().map(ToString::to_string).collect();
        // perf starts `cat` once it records, and ends when that ends.
        let mut perf = Command::new("perf")
            .args(["record", "--event", "cpu-clock", "--freq", FREQUENCY])
            .args(["--pid", &processes.join(","), "--output"])
            .arg(&data)
            .args(["--", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(BenchError::io("cannot start perf; scripts/setup.sh profile installs it"))?;
        let (Some(mut input), Some(output)) = (perf.stdin.take(), perf.stdout.take()) else {
            return Err(BenchError::Failed("perf has no pipes".to_owned()));
        };
        let mut echo = String::new();
        let begun = writeln!(input, "recording").and_then(|()| BufReader::new(output).read_line(&mut echo));
        if begun.is_err() || echo.trim() != "recording" {
            drop(input);
            let output = perf.wait_with_output().map_err(BenchError::io("perf record"))?;
            return Err(failed("perf record", &output.stderr));
        }
        Ok(Recording { perf, input, data })
    }

    /// Ends a recording, and writes its profiles.
    pub(crate) fn end(&self, recording: Recording, case: &str, side: Side) -> Result<()> {
        let Recording { perf, input, data } = recording;
        drop(input);
        let output = perf.wait_with_output().map_err(BenchError::io("perf record"))?;
        let statements = self.sql(STATEMENTS)?;
        let report = Command::new("perf")
            .args(["report", "--stdio", "--quiet", "--field-separator", "\t"])
            .args(["--fields", "sample,comm,dso,symbol", "--input"])
            .arg(&data)
            .output()
            .map_err(BenchError::io("perf report"))?;
        let _ = std::fs::remove_file(&data);
        if !output.status.success() || !report.status.success() {
            return Err(failed("perf", &[output.stderr, report.stderr].concat()));
        }
        let functions = Functions::parse(&String::from_utf8_lossy(&report.stdout));
        self.write(case, side, "program", &functions.table(|process| process != SERVER))?;
        self.write(case, side, "server", &functions.table(|process| process == SERVER))?;
        self.write(case, side, "statements", &statements)
    }

    /// Where the profiles of a case are, if there are any.
    pub(crate) fn note(&self, case: &str) -> Option<String> {
        let written =
            [Side::Ours, Side::Theirs].iter().any(|side| self.file(case, *side, "program").exists());
        written.then(|| format!("profiles: {}-*.txt", self.folder.join(case).display()))
    }

    fn file(&self, case: &str, side: Side, what: &str) -> PathBuf {
        let side = match side {
            Side::Ours => "ours",
            Side::Theirs => "theirs",
        };
        self.folder.join(format!("{case}-{side}-{what}.txt"))
    }

    fn write(&self, case: &str, side: Side, what: &str, text: &str) -> Result<()> {
        let file = self.file(case, side, what);
        std::fs::write(&file, text).map_err(BenchError::io(format!("cannot write {}", file.display())))
    }

    fn sql(&self, sql: &str) -> Result<String> {
        let url = self.cluster.url("postgres");
        let done = self.cluster.binaries().psql(&url, sql);
        done.map_err(|error| BenchError::Failed(format!("pg_stat_statements: {error}")))
    }
}

fn failed(what: &str, stderr: &[u8]) -> BenchError {
    BenchError::Failed(format!("{what}: {}", String::from_utf8_lossy(stderr).trim()))
}

/// The samples of functions, by the name of the process or thread, the library, and the function.
#[derive(Debug, Default)]
struct Functions(BTreeMap<(String, String, String), u64>);

impl Functions {
    /// From the lines of `perf report`.
    fn parse(report: &str) -> Self {
        let mut found = Self::default();
        for line in report.lines() {
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            let [samples, process, library, function, ..] = fields[..] else { continue };
            let Ok(samples) = samples.parse::<u64>() else { continue };
            // "[.] name", "[k] name"; only exported functions have names where the symbols were stripped.
            let name = function.get(4..).unwrap_or(function);
            let name = if name.starts_with("0x") { "(functions without a name)" } else { name };
            let key = (process.to_owned(), library.to_owned(), name.to_owned());
            *found.0.entry(key).or_default() += samples;
        }
        found
    }

    /// The functions of some processes, the most expensive first.
    fn table(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut rows: Vec<_> = self.0.iter().filter(|((process, ..), _)| wanted(process)).collect();
        rows.sort_by_key(|(_, samples)| std::cmp::Reverse(**samples));
        let all: u64 = rows.iter().map(|(_, samples)| **samples).sum();
        let mut text = format!("{all} samples, {FREQUENCY} per second of processor time\n");
        for ((process, library, function), samples) in rows {
            let share = *samples as f64 / all as f64;
            if share >= SMALLEST_SHARE {
                let _ = writeln!(
                    text,
                    "{:5.1}% {samples:7}  {process:16} {library:20} {function}",
                    share * 100.0
                );
            }
        }
        text
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use phaseline_embedded::testing::TestOptions;

    /// Tests that measure or use much processor time run one after the other: they share that of this program.
    pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    const REPORT: &str = "\
      30\tpostgres\tpostgres\t[.] ExecScan\t-\t-
       5\tpostgres\tpostgres\t[.] 0x00000000000d00d0\t-\t-
       7\tpostgres\tpostgres\t[.] 0x00000000005d2bd0\t-\t-
      10\ttokio-rt-worker\tlibc.so.6\t[.] memmove\t-\t-

no line of the table";

    #[test]
    fn functions_are_split_into_program_and_server() {
        let functions = Functions::parse(REPORT);
        let server = functions.table(|process| process == SERVER);
        assert_eq!(server.lines().count(), 3, "{server}");
        assert!(server.starts_with("42 samples") && server.contains(" 71.4%      30  postgres"), "{server}");
        assert!(
            server.contains(" 28.6%      12  postgres") && server.contains("(functions without a name)"),
            "{server}"
        );
        assert!(functions.table(|process| process != SERVER).contains("100.0%      10  tokio-rt-worker"));
    }

    #[inline(never)]
    fn a_busy_function(time: std::time::Duration) -> u64 {
        let begun = std::time::Instant::now();
        let mut count = 0;
        while begun.elapsed() < time {
            count = std::hint::black_box(count + 1);
        }
        count
    }

    #[test]
    fn profiles_name_functions_and_statements_inside_functions() {
        let _alone = ALONE.blocking_lock();
        if Command::new("perf").arg("--version").output().is_err() {
            let _ = writeln!(std::io::stderr(), "SKIPPED: perf is missing");
            return;
        }
        let options = SETTINGS
            .iter()
            .fold(TestOptions::default(), |options, (name, value)| options.setting(name, value));
        let cluster = TestCluster::start(options);
        let folder = std::env::temp_dir().join(format!("phaseline-profile-{}", std::process::id()));
        let profiler = Profiler::new(&folder, &cluster).unwrap();
        let database = cluster.database();
        database.psql(
            "CREATE FUNCTION busy() RETURNS bigint LANGUAGE plpgsql AS
             $$ BEGIN RETURN (SELECT sum(n) FROM generate_series(1, 1000000) AS n); END $$",
        );
        let recording = profiler.begin(|| vec![std::process::id(), cluster.process_id()]).unwrap();
        a_busy_function(std::time::Duration::from_millis(300));
        database.psql("SELECT busy()");
        profiler.end(recording, "case", Side::Ours).unwrap();
        let read = |what| std::fs::read_to_string(profiler.file("case", Side::Ours, what)).unwrap();
        let (program, server, statements) = (read("program"), read("server"), read("statements"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(program.contains("a_busy_function"), "{program}");
        assert!(server.contains("generate_series_step_int4"), "{server}");
        assert!(statements.contains("(in a function) (SELECT sum(n)"), "{statements}");
    }
}
