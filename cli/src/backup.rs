//! `migrate --backup`: dumps the whole database to a file before the migration.

use crate::context::Context;
use crate::database_url::DatabaseUrl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::format::{bytes, plural};
use crate::target::{Target, quoted};
use phaseline_embedded::{Binaries, Version};
use phaseline_migrator::progress::Progress;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Fails if the file exists: an older backup must not be lost.
pub(crate) fn refuse_existing(file: &Path) -> Result<(), Failure> {
    // Also finds a dangling symbolic link.
    match fs::symlink_metadata(file) {
        Ok(_) => Err(exists(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(Failure::usage(format!("--backup: {} cannot be accessed: {error}", file.display())))
        }
    }
}

fn exists(file: &Path) -> Failure {
    Failure::usage(format!("--backup: {} exists and is not overwritten", file.display()))
        .remedy("Use a new file name.")
}

/// Dumps the database. The file appears complete or not at all.
pub(crate) async fn write(context: &Context, target: &Target, file: &Path) -> Result<(), Failure> {
    let version = server_version(target).await?;
    let binaries = target.binaries(version)?;
    let partial = Partial::create(file)?;
    let watcher = context.watcher();
    watcher.step(&format!("writing the backup {}", file.display()), None);
    let mut command = Command::new(binaries.program("pg_dump"));
    command.args(["--no-password", "--format=custom", "--file"]).arg(&partial.path);
    command.arg("--dbname").arg(target.url().bare());
    if let Some(password) = target.url().password() {
        command.env("PGPASSWORD", password);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| {
        Failure::new(Exit::NoDatabase, "no_pg_dump", format!("pg_dump cannot be run: {error}"))
            .remedy("Install PostgreSQL's client programs, or set PHASELINE_PG_BINDIR to their folder.")
    })?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::unexpected(format!(
            "the backup failed ({}), so nothing was migrated: {stderr}",
            output.status
        )));
    }
    let size = partial.keep_as(file)?;
    watcher.finish();
    // The backup is complete: if the version query fails now, only the warning is missing.
    if prints_servers_own(&binaries, target.url()).await.unwrap_or(false) {
        let version =
            binaries.version_of("pg_dump").map_or_else(String::new, |version| format!(" {version}"));
        context.output.warning(&format!(
            "pg_dump{version} is older than the server: the backup has options that the server reserves \
             (pg_attver), and servers from before November 2026 refuse them"
        ));
    }
    context.output.remark(&format!(
        "backup: {} ({}); to restore it into a new database:\n{}",
        file.display(),
        bytes(size),
        restoring(target, file)
    ));
    Ok(())
}

/// The commands that restore the backup as the runbook does: beside the database, whose log would stay if it were overwritten.
fn restoring(target: &Target, file: &Path) -> String {
    let url = target.url();
    let name = format!("{}_restored", url.database());
    let password = url.password().map_or("", |_| "PGPASSWORD=… ");
    format!(
        "  {password}createdb --maintenance-db={} --template=template0 {}\n  \
         {password}pg_restore --exit-on-error --dbname={} {}",
        quoted(url.bare()),
        quoted(&name),
        quoted(url.beside(&name).bare()),
        quoted(&file.to_string_lossy())
    )
}

async fn server_version(target: &Target) -> Result<u32, Failure> {
    let mut connection = target.connect("backup").await?;
    let number: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int4")
        .fetch_one(&mut connection)
        .await?;
    Ok(Version::of_server(number.unsigned_abs()).major)
}

/// Whether this `pg_dump` prints options that the server reserves.
pub(crate) async fn prints_servers_own(binaries: &Binaries, url: &DatabaseUrl) -> Result<bool, Failure> {
    let (binaries, url) = (binaries.clone(), url.with_password());
    tokio::task::spawn_blocking(move || binaries.pg_dump_prints_servers_own(&url))
        .await
        .map_err(|error| Failure::unexpected(format!("pg_dump could not be run to its end: {error}")))?
        .map_err(Failure::from)
}

/// The note on a comparison of two dumps that ignored `options` reserved by the server in each.
pub(crate) fn left_out_note(options: u64, pg_dump: Option<Version>) -> Option<String> {
    let version = pg_dump.map_or_else(String::new, |version| format!(" {version}"));
    (options > 0).then(|| {
        format!(
            "pg_dump{version} is older than the server and printed {} that the server reserves (pg_attver); \
             phaseline did not compare them",
            plural(options, "option")
        )
    })
}

/// A dump in progress, in a file beside the final one; removed unless it is kept.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn create(file: &Path) -> Result<Self, Failure> {
        let mut name = OsString::from(file);
        name.push(format!(".partial-{}", std::process::id()));
        let path = PathBuf::from(name);
        // Readable by the owner only.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| {
            Failure::usage(format!("--backup: {} cannot be written: {error}", path.display()))
        })?;
        Ok(Self { path })
    }

    /// Syncs the dump and gives it its final name, unless a file of that name exists by now. Returns the size.
    fn keep_as(&self, file: &Path) -> Result<u64, Failure> {
        let kept = OpenOptions::new().read(true).open(&self.path).and_then(|dump| {
            dump.sync_all()?;
            let size = dump.metadata()?.len();
            // A rename would overwrite.
            fs::hard_link(&self.path, file)?;
            Ok(size)
        });
        kept.map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                return exists(file);
            }
            Failure::unexpected(format!("the backup {} cannot be saved: {error}", file.display()))
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
