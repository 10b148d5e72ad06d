//! The server, and PostgreSQL's programs on this machine.

use super::Report;
use crate::failure::Failure;
use crate::target::Target;
use phaseline_embedded::{Binaries, OLDEST_MAJOR_VERSION, Version};
use sqlx::{FromRow, PgConnection};

#[derive(FromRow)]
struct Server {
    version: String,
    number: i32,
    fsync: String,
    synchronous_commit: String,
    full_page_writes: String,
    encoding: String,
    recovering: bool,
}

pub(super) async fn check(report: &mut Report, connection: &mut PgConnection, target: &Target) {
    let server: Result<Server, _> = sqlx::query_as(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int4 AS number,
                current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
                current_setting('full_page_writes') AS full_page_writes,
                current_setting('server_encoding') AS encoding, pg_catalog.pg_is_in_recovery() AS recovering",
    )
    .fetch_one(connection)
    .await;
    let server = match server {
        Ok(server) => server,
        Err(error) => return report.unchecked("server", error),
    };
    let version = Version::of_server(server.number.unsigned_abs());
    if version.major >= OLDEST_MAJOR_VERSION {
        report.ok("server version", format!("PostgreSQL {}", server.version));
    } else {
        report.fail(
            "server version",
            format!("PostgreSQL {}, older than {OLDEST_MAJOR_VERSION}", server.version),
            format!("Upgrade the server to PostgreSQL {OLDEST_MAJOR_VERSION} or later."),
        );
    }
    if server.recovering {
        report.fail("primary", "this server is a standby and takes no writes", "Connect to the primary.");
    }
    let settings = [
        ("fsync", &server.fsync),
        ("synchronous_commit", &server.synchronous_commit),
        ("full_page_writes", &server.full_page_writes),
    ];
    let off: Vec<&str> =
        settings.iter().filter(|(_, value)| *value == "off").map(|(name, _)| *name).collect();
    if off.is_empty() {
        report.ok("durability", "fsync, synchronous_commit and full_page_writes are on");
    } else {
        report.warn(
            "durability",
            format!("off: {}; a power cut can lose what was committed, or more", off.join(", ")),
            format!("ALTER SYSTEM SET {} = on; SELECT pg_reload_conf();", off[0]),
        );
    }
    if server.encoding != "UTF8" {
        report.warn(
            "encoding",
            format!("the database is in {}, so not every name can be kept", server.encoding),
            "A new database in UTF8 takes every name.",
        );
    }
    check_programs(report, Some(version), target.binaries(version.major));
}

/// Looks for `pg_dump`, which reads servers of its own version and older ones.
pub(super) fn check_programs(
    report: &mut Report,
    server: Option<Version>,
    binaries: Result<Binaries, Failure>,
) {
    let for_backup = "It is needed for migrate --backup and for the private server only.";
    let binaries = match binaries {
        Ok(binaries) => binaries,
        Err(failure) => {
            let remedy = failure.remedy_text().unwrap_or(for_backup).to_owned();
            return report.warn("pg_dump", failure.message(), remedy);
        }
    };
    let program = binaries.program("pg_dump");
    let Some(version) = binaries.version_of("pg_dump") else {
        let text = if program.is_file() {
            format!("{} does not run", program.display())
        } else {
            format!("there is none in {}", binaries.bindir().display())
        };
        return report.warn("pg_dump", text, format!("Install PostgreSQL's client programs. {for_backup}"));
    };
    let of = server.map_or_else(String::new, |server| format!(", the server's is {server}"));
    let text = format!("{}, version {version}{of}", program.display());
    match server {
        Some(server) if version.major < server.major => report.warn(
            "pg_dump",
            text,
            format!("It does not read this server. Install the client programs of PostgreSQL {}.", server.major),
        ),
        Some(server) if version.is_older_minor_of(server) => report.warn(
            "pg_dump",
            text,
            "It may print options that a newer server keeps for itself: phaseline leaves them out where it compares, \
             but a backup has them, and older servers do not take them. Upgrade the client programs.",
        ),
        _ => report.ok("pg_dump", text),
    }
}
