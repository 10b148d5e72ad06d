//! Queries and dumps through PostgreSQL's client programs.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Binaries, Dump, EmbeddedError, process, url};

/// The origin of the server of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerOrigin {
    /// Possibly the user's: settings of the environment, such as `PGSSLROOTCERT`, apply.
    Users,
    /// Started by this crate: settings of the environment do not apply.
    Ours,
}

impl Binaries {
    /// Runs SQL and returns its output: one line per row, the columns separated by `|`.
    /// Several statements run in one transaction.
    ///
    /// # Errors
    /// [`EmbeddedError::Program`] with the output of `psql`, at the first statement that fails.
    pub fn psql(&self, url: &str, sql: &str) -> Result<String, EmbeddedError> {
        run_sql(self.psql_command(url, ServerOrigin::Users)?, sql)
    }

    /// As [`Binaries::psql`], on a server that this crate started.
    pub(crate) fn psql_on_ours(&self, url: &str, sql: &str) -> Result<String, EmbeddedError> {
        run_sql(self.psql_command(url, ServerOrigin::Ours)?, sql)
    }

    /// Runs a file of SQL, up to the first statement that fails.
    ///
    /// # Errors
    /// [`EmbeddedError::Program`] with the output of `psql`, which names the line.
    pub fn psql_file(&self, url: &str, path: &Path) -> Result<(), EmbeddedError> {
        let mut command = self.psql_command(url, ServerOrigin::Users)?;
        process::run(command.arg("-f").arg(path), &format!("running {}", path.display())).map(|_| ())
    }

    /// Dumps a database, with additional arguments of `pg_dump`. Two dumps of one state in plain text are equal byte for byte: a fixed
    /// `--restrict-key` is passed if this `pg_dump` has the option, and options that the server keeps for itself are left out (see
    /// [`Dump`]).
    ///
    /// # Errors
    /// [`EmbeddedError::Program`] with the output of `pg_dump`.
    pub fn pg_dump(&self, url: &str, args: &[&str]) -> Result<Dump, EmbeddedError> {
        self.dump(self.client("pg_dump", url, ServerOrigin::Users)?, args)
    }

    /// Whether this `pg_dump` prints options that the server keeps for itself (see [`Dump`]): one does that was released before the
    /// server. Version numbers do not show that (16.14 was released before 15.20), so this dumps the definition of one table.
    ///
    /// # Errors
    /// [`EmbeddedError::Program`] with the output of `psql` or `pg_dump`.
    pub fn pg_dump_prints_servers_own(&self, url: &str) -> Result<bool, EmbeddedError> {
        // A pattern of names that matches only the table.
        let table = run_sql(
            self.psql_command(url, ServerOrigin::Users)?,
            "SELECT pg_catalog.format('%s.%s', pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(c.relname))
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind = 'r' AND n.nspname !~ '[^a-z_]' AND c.relname !~ '[^a-z_]' AND n.nspname !~ '^pg_'
                AND n.nspname <> 'information_schema' AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                AND EXISTS (SELECT FROM pg_catalog.pg_attribute a, pg_catalog.unnest(a.attoptions) o
                             WHERE a.attrelid = c.oid AND o ~ '^pg_')
              ORDER BY n.nspname <> 'public', c.relname LIMIT 1",
        )?;
        if table.is_empty() {
            return Ok(false);
        }
        Ok(self.pg_dump(url, &["--schema-only", "--table", &table])?.options_left_out > 0)
    }

    /// As [`Binaries::pg_dump`], of a server that this crate started.
    pub(crate) fn pg_dump_of_ours(&self, url: &str, args: &[&str]) -> Result<Dump, EmbeddedError> {
        self.dump(self.client("pg_dump", url, ServerOrigin::Ours)?, args)
    }

    fn dump(&self, mut command: Command, args: &[&str]) -> Result<Dump, EmbeddedError> {
        let plain = is_plain(args);
        if plain && self.pg_dump_has_restrict_key() {
            command.arg("--restrict-key=fixed");
        }
        let bytes = process::run(command.args(args), "dumping the database")?.stdout;
        Ok(if plain { Dump::of_text(&bytes) } else { Dump { bytes, options_left_out: 0 } })
    }

    fn psql_command(&self, url: &str, origin: ServerOrigin) -> Result<Command, EmbeddedError> {
        let mut command = self.client("psql", url, origin)?;
        // Independent of psqlrc and of the terminal's encoding.
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).env("PGCLIENTENCODING", "UTF8");
        Ok(command)
    }

    fn client(&self, program: &str, url: &str, origin: ServerOrigin) -> Result<Command, EmbeddedError> {
        let url::Split { bare, password } = url::split(url)?;
        let mut command = Command::new(self.program(program));
        if origin == ServerOrigin::Ours {
            process::forget_database(&mut command);
        }
        command.arg("-w").arg("-d").arg(bare).stdin(Stdio::null());
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        Ok(command)
    }
}

fn run_sql(mut psql: Command, sql: &str) -> Result<String, EmbeddedError> {
    let output = process::run(psql.args(["-A", "-t", "-c", sql]), "running SQL")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Whether these arguments of `pg_dump` keep the plain format, the only one with a restrict key.
fn is_plain(args: &[&str]) -> bool {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let format = match *arg {
            "-F" | "--format" => args.next().copied(),
            arg => arg.strip_prefix("--format=").or_else(|| arg.strip_prefix("-F")),
        };
        if format.is_some_and(|format| !matches!(format, "p" | "plain")) {
            return false;
        }
    }
    true
}

/// A name as an SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal (with `standard_conforming_strings`, the default of all supported versions).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_dump_gets_a_restrict_key() {
        assert!(is_plain(&["--schema=public", "-n", "x"]));
        assert!(is_plain(&["-Fp"]) && is_plain(&["--format", "plain"]));
        assert!(!is_plain(&["-Fc"]) && !is_plain(&["-F", "d"]) && !is_plain(&["--format=tar"]));
    }
}
