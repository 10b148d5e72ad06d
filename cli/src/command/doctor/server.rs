//! Checks of the server, and of PostgreSQL's programs on this machine.

use super::report::DoctorReport;
use crate::backup;
use crate::database_url::DatabaseUrl;
use crate::failure::Failure;
use crate::target::Target;
use phaseline_embedded::{Binaries, OLDEST_MAJOR_VERSION, Version};
use phaseline_migrator::definition::NEWEST_MAJOR_VERSION;
use sqlx::{FromRow, PgConnection};

#[derive(FromRow)]
struct ServerRow {
    version: String,
    number: i32,
    fsync: String,
    synchronous_commit: String,
    full_page_writes: String,
    encoding: String,
    recovering: bool,
}

pub(super) async fn check(report: &mut DoctorReport, connection: &mut PgConnection, target: &Target) {
    let server: Result<ServerRow, _> = sqlx::query_as(
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
    if version.major > NEWEST_MAJOR_VERSION {
        report.warn(
            "server version",
            format!("PostgreSQL {}, newer than {NEWEST_MAJOR_VERSION}", server.version),
            format!(
                "This program is tested with PostgreSQL {OLDEST_MAJOR_VERSION} to {NEWEST_MAJOR_VERSION}: `migrate` refuses it without --allow-newer-server. Rehearse first."
            ),
        );
    } else if version.major >= OLDEST_MAJOR_VERSION {
        report.ok("server version", format!("PostgreSQL {}", server.version));
    } else {
        report.fail(
            "server version",
            format!("PostgreSQL {}, older than {OLDEST_MAJOR_VERSION}", server.version),
            format!("Upgrade the server to PostgreSQL {OLDEST_MAJOR_VERSION} or later."),
        );
    }
    if server.recovering {
        report.fail("primary", "this server is a standby and read-only", "Connect to the primary.");
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
            format!("off: {}; a power cut can lose committed changes, or more", off.join(", ")),
            format!("ALTER SYSTEM SET {} = on; SELECT pg_reload_conf();", off[0]),
        );
    }
    if server.encoding != "UTF8" {
        report.warn(
            "encoding",
            format!("the database's encoding is {}, which cannot hold every name", server.encoding),
            "A new database in UTF8 can hold every name.",
        );
    }
    check_programs(report, Some((version, target.url())), target.binaries(version.major)).await;
}

/// Checks `pg_dump`, which reads servers of its own major version and older ones; `database` is the one to read.
pub(super) async fn check_programs(
    report: &mut DoctorReport,
    database: Option<(Version, &DatabaseUrl)>,
    binaries: Result<Binaries, Failure>,
) {
    let for_backup = "It is needed for rehearse, migrate --backup and the private server only.";
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
            format!("pg_dump is missing in {}", binaries.bindir().display())
        };
        return report.warn("pg_dump", text, format!("Install PostgreSQL's client programs. {for_backup}"));
    };
    let Some((server, url)) = database else {
        return report.ok("pg_dump", format!("{}, version {version}", program.display()));
    };
    let text = format!("{}, version {version}, the server is {server}", program.display());
    if version.major < server.major {
        let remedy = format!(
            "It cannot read this server. Install the client programs of PostgreSQL {}.",
            server.major
        );
        return report.warn("pg_dump", text, remedy);
    }
    let is_older_minor = version.major == server.major && version.minor < server.minor;
    match backup::prints_servers_own(&binaries, url).await {
        Ok(false) if is_older_minor => report.warn(
            "pg_dump",
            format!("{text}; it is older than the server and may print options that the server reserves"),
            "Upgrade the client programs.",
        ),
        Ok(true) => report.warn(
            "pg_dump",
            format!("{text}; it is older than the server and prints options that the server reserves"),
            "Upgrade the client programs. phaseline ignores these options when it compares dumps, but a backup \
             has them, and servers from before November 2026 refuse them.",
        ),
        // The role need not be able to read the table of this probe.
        Ok(false) | Err(_) => report.ok("pg_dump", text),
    }
}
