//! PostgreSQL's own benchmark program: one INSERT, one commit.

use super::load::Load;
use crate::error::{BenchError, Result};
use crate::measure::Measured;
use crate::server::Bench;
use std::process::Command;

const TABLE: &str =
    "CREATE TABLE one (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload json NOT NULL)";
const INSERT: &str = "INSERT INTO one (payload) VALUES ('{\"phase_id\":\"6f9619ff-8b86-d011-b42d-00c04fc964ff\",\"name\":\"Phase 4711\"}');";

/// Rows inserted per second by as many clients as the load has.
pub(super) async fn pgbench(bench: &Bench, case: &'static str, load: &Load<'_>) -> Result<Measured> {
    let database = bench.empty();
    database.psql(TABLE);
    database.psql("CHECKPOINT");
    let script = std::env::temp_dir().join(format!("phaseline-bench-{}.sql", std::process::id()));
    std::fs::write(&script, INSERT).map_err(BenchError::io("pgbench's script"))?;
    let share = load.commands / load.clients as u64;
    let mut command = Command::new(database.cluster().binaries().program("pgbench"));
    command
        .args(["-n", "-M", "prepared", "-j", "2", "-c", &load.clients.to_string()])
        .args(["-t", &share.to_string(), "-f"])
        .arg(&script)
        .arg(database.url());
    let [_, meter] = bench.meters(case);
    let run = meter.timed(async { command.output().map_err(BenchError::io("pgbench")) }).await;
    let _ = std::fs::remove_file(&script);
    let (output, spent) = run?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = database.psql("SELECT count(*) FROM one");
    let expected = share * load.clients as u64;
    if rows.trim() != expected.to_string() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(BenchError::Failed(format!("pgbench inserted {} rows: {text}{stderr}", rows.trim())));
    }
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    let tps = tps.ok_or_else(|| BenchError::Failed(format!("pgbench printed no rate: {text}")))?;
    Ok(Measured::of(tps, i64::try_from(expected).unwrap_or(i64::MAX), spent))
}
