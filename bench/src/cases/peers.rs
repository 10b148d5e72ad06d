//! Other event stores, each in a program of its own, which executes the same commands: `bench/peers/`.

use super::load::{Load, PROJECTS, fixture, ours, store};
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Measured, Rounds, alternate};
use crate::meter::Meter;
use crate::server::{Bench, connect, number, settle};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// disintegrate's functions have hexadecimal numbers.
const DISINTEGRATE_NEEDS: i64 = 16;
/// The number of clients, and commands of all at once in relation to those of one.
const LOADS: [(usize, u64); 3] = [(1, 1), (16, 4), (64, 8)];
/// How a program is started.
type PeerCommand = fn() -> Result<Command>;
/// The programs in other languages, which `bench/peers/run.sh` installs.
const OTHERS: [(&str, PeerCommand); 2] = [("emmett", emmett), ("eventsourcing", eventsourcing)];
/// How many times fewer commands are enough for programs that do some hundred a second.
const FEWER: u64 = 4;

/// A program that executes loads: one line for each, which it answers with the numbers of commands done and refused.
struct PeerProgram {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl PeerProgram {
    /// Starts the program, and waits until it is connected.
    fn start(name: &'static str, mut command: Command, url: &str) -> Result<Self> {
        let command = command.env("PHASELINE_PEER_URL", url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(BenchError::io(format!(
            "cannot start {name}; bench/peers/run.sh installs what it needs: {command:?}"
        )))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BenchError::Failed(format!("{name} has no pipes")));
        };
        let mut program = Self { name, child, input, output: BufReader::new(output).lines() };
        match program.line()?.as_str() {
            "ready" => Ok(program),
            other => Err(BenchError::Failed(format!("{name} printed {other:?} instead of \"ready\""))),
        }
    }

    fn line(&mut self) -> Result<String> {
        let ended = || BenchError::Failed(format!("{} ended, see its errors", self.name));
        self.output.next().ok_or_else(ended)?.map_err(BenchError::io(format!("{}'s output", self.name)))
    }

    /// Commands done per second, and the number refused.
    async fn run(&mut self, meter: Meter<'_>, load: &Load<'_>) -> Result<(Measured, i64)> {
        let (answer, spent) = meter
            .beside(self.child.id())
            .timed(async {
                writeln!(self.input, "{} {}", load.clients, load.commands)
                    .map_err(BenchError::io(format!("{}'s input", self.name)))?;
                self.line()
            })
            .await?;
        let counts = answer
            .split_once(' ')
            .and_then(|(done, refused)| Some((done.parse::<i64>().ok()?, refused.parse::<i64>().ok()?)));
        let Some((done, refused)) = counts.filter(|(done, refused)| {
            done + refused
                == i64::try_from(load.commands / load.clients as u64 * load.clients as u64).unwrap_or(-1)
        }) else {
            return Err(BenchError::Failed(format!("{} answered {answer:?}", self.name)));
        };
        Ok((Measured::rate(done, spent), refused))
    }
}

impl Drop for PeerProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the peers' programs, beside that of this one.
fn built(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(BenchError::io("cannot find this program's file"))?;
    let target = program.ancestors().nth(2).map(|target| target.join("peers").join(name));
    target.ok_or_else(|| BenchError::Failed("this program is not in a target folder".to_owned()))
}

fn source(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(name)
}

/// Builds disintegrate's program, outside of this workspace: see its `Cargo.toml`.
fn disintegrate() -> Result<Command> {
    let folder = built("disintegrate")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(source("disintegrate").join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        .status()
        .map_err(BenchError::io("cannot start cargo"))?;
    if !status.success() {
        return Err(BenchError::Failed("cargo could not build the program of disintegrate".to_owned()));
    }
    Ok(Command::new(folder.join("release/phaseline-peer-disintegrate")))
}

/// 64 clients beside disintegrate-postgres; the rounds of Phaseline are those of the other cases.
pub(super) async fn beside_disintegrate(bench: &Bench, ours: Rounds) -> Result<CaseResult> {
    let name = "command-64-disintegrate";
    let load = Load { targets: &[], clients: 64, commands: bench.sizes.commands, first: 1 };
    let size = format!("{PROJECTS} timelines, theirs {} commands a round", load.commands);
    let database = bench.empty();
    let mut connection = connect(database.url()).await?;
    let version =
        number(&mut connection, "SELECT current_setting('server_version_num')::bigint / 10000").await?;
    if version < DISINTEGRATE_NEEDS {
        let reason =
            format!("it needs PostgreSQL {DISINTEGRATE_NEEDS} or later, and this server is {version}");
        return CaseResult::left_out(name, size, reason);
    }
    let mut program = PeerProgram::start("disintegrate", disintegrate()?, database.url())?;
    let (mut theirs, mut of_them, mut all_done) = (Rounds::default(), 0, 0);
    for _ in 0..bench.rounds {
        settle(&mut connection).await?;
        let (measured, refused) = program.run(bench.meter(), &load).await?;
        theirs.push(measured);
        of_them += refused;
        all_done += i64::try_from(load.commands).unwrap_or(i64::MAX) - refused;
    }
    drop(program);
    let stored = number(&mut connection, "SELECT count(*) FROM event").await?;
    if stored != all_done {
        return Err(BenchError::Failed(format!(
            "disintegrate stored {stored} events of {all_done} commands"
        )));
    }
    Ok(CaseResult {
        ours,
        theirs,
        note: Some(format!(
            "theirs refused {of_them} commands beside {all_done}, because another came in between"
        )),
        ..CaseResult::of(name, size, "it stored an event for each command that it did")?
    })
}

fn emmett() -> Result<Command> {
    let mut command = Command::new("node");
    command.arg(built("emmett")?.join("peer.mjs"));
    Ok(command)
}

fn eventsourcing() -> Result<Command> {
    let mut command = Command::new(built("eventsourcing")?.join("bin/python"));
    command.arg("-B").arg(source("eventsourcing").join("peer.py"));
    Ok(command)
}

/// Each with 1, 16 and 64 clients.
pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let mut outcomes = Vec::new();
    for (name, command) in OTHERS {
        if LOADS.iter().any(|(clients, _)| bench.wants(&format!("command-{clients}-{name}"))) {
            outcomes.extend(beside(bench, name, command()?).await?);
        }
    }
    Ok(outcomes)
}

async fn beside(bench: &Bench, name: &'static str, command: Command) -> Result<Vec<CaseResult>> {
    let (our_database, targets) = fixture(bench).await?;
    let (store, pool) = store(our_database.url()).await?;
    let their_database = bench.empty();
    let mut program = PeerProgram::start(name, command, their_database.url())?;
    let mut first = 1;
    let mut outcomes = Vec::new();
    for (clients, times) in LOADS {
        let commands = bench.sizes.commands * times;
        let meter = bench.meter();
        let fewer = Load { targets: &[], clients, commands: commands / FEWER, first: 1 };
        let mut refused = 0;
        let (of_ours, theirs) = alternate(
            bench.rounds,
            async || {
                settle(&mut connect(our_database.url()).await?).await?;
                let load = Load { targets: &targets, clients, commands, first };
                first += commands;
                Ok(ours(meter, &store, &load).await?.rate())
            },
            async || {
                settle(&mut connect(their_database.url()).await?).await?;
                let (measured, more) = program.run(meter, &fewer).await?;
                refused += more;
                Ok(measured)
            },
        )
        .await?;
        let size = format!("{PROJECTS} timelines, {commands} commands a round, theirs {}", fewer.commands);
        let note = (refused > 0).then(|| format!("theirs refused {refused} commands"));
        let case = CaseResult::of(&format!("command-{clients}-{name}"), size, "the number of commands")?;
        outcomes.push(CaseResult { ours: of_ours, theirs, note, ..case });
    }
    drop(program);
    // Each client has timelines of its own.
    let rows = number(&mut connect(their_database.url()).await?, "SELECT count(*) FROM phases").await?;
    if !(64..=i64::from(PROJECTS)).contains(&rows) {
        return Err(BenchError::Failed(format!("the read model of {name} has {rows} rows")));
    }
    pool.close().await;
    Ok(outcomes)
}
