//! Why `pg_dump` or `pg_restore` failed.

/// The causes that have a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProgramError {
    OutOfSpace,
    NoPassword,
    MissingPrivilege,
    LockTimeout,
    Other,
}

impl ProgramError {
    /// Reads the message in the C locale: these programs have one exit code for every error, and print no SQLSTATE. The server's part
    /// of a message may be in another language; then the cause is `Other`, and the message is shown without a remedy.
    pub(super) fn of(stderr: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stderr);
        let names = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if names(&["No space left on device"]) {
            Self::OutOfSpace
        } else if names(&["no password supplied"]) {
            Self::NoPassword
        } else if names(&["permission denied", "must be owner", "must be superuser"]) {
            Self::MissingPrivilege
        } else if names(&["timeout"]) && names(&["LOCK TABLE"]) {
            Self::LockTimeout
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ProgramError;
    use phaseline_embedded::testing::{TestCluster, TestDatabase};
    use std::fs::OpenOptions;
    use std::process::{Command, Stdio};

    /// Larger than the buffers of a program.
    const LARGE_TABLE: &str = "CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)";

    fn pg_dump(url: &str) -> Command {
        let mut command = Command::new(TestCluster::shared().binaries().program("pg_dump"));
        command.env("LC_ALL", "C").env_remove("PGPASSWORD").env("PGPASSFILE", "/dev/null");
        command.args(["--no-password", "--lock-wait-timeout=100", "--dbname", url]).stdout(Stdio::null());
        command
    }

    fn error_of(command: &mut Command) -> ProgramError {
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        ProgramError::of(&output.stderr)
    }

    /// The URL for a role without a right on the table `t`.
    fn of_a_stranger(database: &TestDatabase) -> String {
        let role = format!("stranger_of_{}", database.name());
        database.psql(&format!("{LARGE_TABLE}; CREATE ROLE {role} LOGIN PASSWORD 'stranger'"));
        let port = database.cluster().port();
        format!("postgres://{role}:stranger@127.0.0.1:{port}/{}", database.name())
    }

    #[test]
    fn errors_of_the_real_pg_dump_are_distinguished() {
        let database = TestCluster::shared().database();
        let stranger = of_a_stranger(&database);
        assert_eq!(error_of(&mut pg_dump(&stranger)), ProgramError::MissingPrivilege);
        let without_password = stranger.replace(":stranger@", "@");
        assert_eq!(error_of(&mut pg_dump(&without_password)), ProgramError::NoPassword);
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut into_full = pg_dump(database.url());
        assert_eq!(error_of(into_full.stdout(full)), ProgramError::OutOfSpace);
        let missing = database.url().replace(database.name(), "no_such_database");
        assert_eq!(error_of(&mut pg_dump(&missing)), ProgramError::Other);
        database.psql(&format!("DROP ROLE stranger_of_{}", database.name()));
    }

    #[test]
    fn a_locked_table_and_a_closed_pipe_are_distinguished() {
        let database = TestCluster::shared().database();
        database.psql(LARGE_TABLE);
        let mut closed = pg_dump(database.url()).stdout(Stdio::piped()).spawn().unwrap();
        drop(closed.stdout.take());
        // A signal ends it, so its message is not read.
        assert_eq!(closed.wait().unwrap().code(), None);
        // Holds the table until its input ends.
        let mut holder = Command::new(database.cluster().binaries().program("psql"))
            .args(["--quiet", "--no-psqlrc", "--dbname", database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = holder.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, b"BEGIN; LOCK TABLE t; \\echo locked\n").unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.take().unwrap()), &mut line)
            .unwrap();
        assert_eq!(error_of(&mut pg_dump(database.url())), ProgramError::LockTimeout);
        drop(input);
        holder.wait().unwrap();
    }
}
