//! The copy: created on the same server, and dropped. Only databases created here are dropped here.

use super::admin::Admin;
use super::args::CopyMethod;
use super::leftovers::mark;
use super::settings;
use super::source::RehearsalSource;
use super::sql::{identifier, literal};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::format::bytes;
use crate::report::rehearse::Method;
use crate::target::Target;
use phaseline_migrator::progress::Progress;
use phaseline_store::SqlState;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

/// An existing copy.
pub(super) struct Copy {
    name: String,
    /// Identifies it on the server, even if it is renamed.
    oid: Option<i64>,
    admin: Target,
    target: Target,
    /// The start of a suggested command.
    program: String,
}

/// The outcome of the copy.
#[derive(Debug)]
pub(super) enum CopyOutcome {
    Dropped,
    Kept,
    Stuck(Failure),
}

/// Creates it: a complete one from the template, or an empty one for a dump. Also returns why `auto` chose a dump.
pub(super) async fn make(
    context: &Context,
    target: &Target,
    admin: &Admin,
    source: &RehearsalSource,
    way: CopyMethod,
) -> Result<(Copy, Method, Option<String>), Failure> {
    let mut connection = admin.connect().await?;
    let name = free_name(&source.name);
    let made = |oid| Copy {
        target: target.beside(&name),
        name: name.clone(),
        oid,
        admin: target.beside(admin.name()),
        program: target.program().to_owned(),
    };
    let mut why = None;
    if way != CopyMethod::Dump {
        match as_template(context, admin, &mut connection, source, &name).await {
            Ok(()) => {
                let oid = oid_of(&mut connection, &name).await.ok().flatten();
                return Ok((made(oid), Method::Template, None));
            }
            Err(refusal) if way == CopyMethod::Auto && refusal.may_dump => {
                why = Some(format!("copied by a dump, since {}", refusal.failure.message()));
            }
            Err(refusal) => return Err(refusal.failure),
        }
    }
    let mut options = owner(source) + &source.properties.locale();
    if let Some((tablespace, true)) = source.properties.tablespace() {
        options.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
    }
    create(admin, &mut connection, &name, &format!("TEMPLATE template0{options}")).await?;
    let oid = oid_of(&mut connection, &name).await.ok().flatten();
    Ok((made(oid), Method::Dump, why))
}

fn owner(source: &RehearsalSource) -> String {
    if source.properties.owner_fits {
        format!(" OWNER {}", identifier(&source.properties.owner))
    } else {
        String::new()
    }
}

/// The database's name with a random suffix, within PostgreSQL's 63 bytes.
fn free_name(source: &str) -> String {
    let mut end = source.len().min(44);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = Uuid::new_v4().into_bytes();
    let random = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    format!("{}_rehearsal_{random:08x}", &source[..end])
}

/// Why it cannot be copied as a template, and whether a dump is an alternative.
struct CopyRefusal {
    failure: Failure,
    may_dump: bool,
}

impl From<Failure> for CopyRefusal {
    fn from(failure: Failure) -> Self {
        Self { failure, may_dump: false }
    }
}

/// From this size on the server copies files between two checkpoints, as PostgreSQL recommends: its WAL would otherwise
/// grow by the whole database. Smaller databases go through the WAL, which disturbs no other session.
const COPY_FILES_FROM: u64 = 1 << 30;

/// Number of checks for connections.
const LOOKS: u32 = 4;

async fn as_template(
    context: &Context,
    admin: &Admin,
    connection: &mut PgConnection,
    source: &RehearsalSource,
    name: &str,
) -> Result<(), CopyRefusal> {
    let in_use = |who: String| CopyRefusal {
        failure: Failure::new(
            Exit::Interrupted,
            "database_in_use",
            format!("{:?} cannot be copied as a template while it has connections: {who}", source.name),
        )
        .remedy("End those connections, or copy it with --method dump."),
        may_dump: true,
    };
    if admin.is_source {
        return Err(in_use("this session itself, since no other database accepts this role".to_owned()));
    }
    // A connection that was just closed still exists for a moment.
    for look in 1.. {
        match others(connection, source).await? {
            Some(who) if look == LOOKS => return Err(in_use(who)),
            Some(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            None => break,
        }
    }
    let watcher = context.watcher();
    watcher.step(
        &format!("copying {} as a template; new connections wait meanwhile", bytes(source.bytes)),
        None,
    );
    let strategy = if source.bytes >= COPY_FILES_FROM { " STRATEGY file_copy" } else { "" };
    let process: i32 = sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()")
        .fetch_one(&mut *connection)
        .await
        .map_err(Failure::from)?;
    let options = format!("TEMPLATE {}{}{strategy}", identifier(&source.name), owner(source));
    let created = {
        let creating = create(admin, connection, name, &options);
        tokio::pin!(creating);
        tokio::select! {
            created = &mut creating => created,
            () = context.interrupt.signalled() => {
                // Without a cancel request the server would continue after the connection is dropped.
                if let Ok(mut other) = admin.connect().await {
                    let _ = sqlx::query("SELECT pg_catalog.pg_cancel_backend($1)").bind(process).execute(&mut other).await;
                }
                creating.await
            }
        }
    };
    let Err(failure) = created else {
        watcher.finish();
        return Ok(());
    };
    if context.interrupt.requested() {
        return Err(Failure::interrupted().into());
    }
    match failure.sqlstate() {
        Some(SqlState::ObjectInUse) => Err(in_use(
            others(connection, source).await?.unwrap_or_else(|| "a session was connected".to_owned()),
        )),
        // A dump is an alternative to any refusal of this method, but not to errors of the server itself.
        Some(SqlState::ReadOnly | SqlState::DuplicateDatabase) | None => Err(failure.into()),
        Some(state) if state.is_intervention() || state.is_out_of_resources() => Err(failure.into()),
        Some(_) => Err(CopyRefusal { failure, may_dump: true }),
    }
}

/// Other connections to the database; the server's own workers end by themselves.
async fn others(connection: &mut PgConnection, source: &RehearsalSource) -> Result<Option<String>, Failure> {
    let found: Vec<(i32, String, String)> = sqlx::query_as(
        "SELECT a.pid, coalesce(a.usename::text, '?'), coalesce(nullif(a.application_name, ''), a.backend_type, '?')
           FROM pg_catalog.pg_stat_activity a
          WHERE a.datname = $1 AND a.backend_type IS DISTINCT FROM 'autovacuum worker' AND a.pid <> ALL ($2)
          ORDER BY a.backend_start",
    )
    .bind(&source.name)
    .bind(&source.own)
    .fetch_all(&mut *connection)
    .await?;
    let prepared: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = $1")
            .bind(&source.name)
            .fetch_one(connection)
            .await?;
    let mut words: Vec<String> = found
        .iter()
        .take(3)
        .map(|(pid, user, what)| format!("server process {pid} (user {user}, {what})"))
        .collect();
    if found.len() > 3 {
        words.push(format!("{} more", found.len() - 3));
    }
    if prepared > 0 {
        words.push(format!("{prepared} prepared transactions"));
    }
    Ok((!words.is_empty()).then(|| words.join(", ")))
}

/// `CREATE DATABASE`, without connections allowed yet.
async fn create(
    admin: &Admin,
    connection: &mut PgConnection,
    name: &str,
    options: &str,
) -> Result<(), Failure> {
    let sql = format!("CREATE DATABASE {} ALLOW_CONNECTIONS false {options}", identifier(name));
    let Err(error) = sqlx::raw_sql(&sql).execute(connection).await else { return Ok(()) };
    let has_replied = error.as_database_error().is_some();
    let failure = Failure::from(error);
    if has_replied {
        return Err(failure);
    }
    // It is unknown whether the database was created, so it is not dropped.
    Err(failure.detail([format!(
        "the copy {name:?} may exist; if so, drop it from database {}: DROP DATABASE {}",
        admin.name(),
        identifier(name)
    )]))
}

async fn oid_of(connection: &mut PgConnection, name: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT d.oid::int8 FROM pg_catalog.pg_database d WHERE d.datname = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
}

/// Number of attempts to drop.
const TRIES: u32 = 3;

impl Copy {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// The command that drops it.
    pub(super) fn how_to_drop(&self) -> String {
        format!("{} rehearse --drop {}", self.program, crate::target::quoted(&self.name))
    }

    /// Marks it as a rehearsal's and allows connections of this role only: a copy must not disclose data of the database.
    pub(super) async fn open(
        &self,
        context: &Context,
        source: &RehearsalSource,
    ) -> Result<Vec<String>, Failure> {
        let mut connection = self.admin.connect("rehearse").await?;
        let copy = identifier(&self.name);
        let sql = format!(
            "COMMENT ON DATABASE {copy} IS {}; REVOKE CONNECT ON DATABASE {copy} FROM PUBLIC;
             ALTER DATABASE {copy} WITH ALLOW_CONNECTIONS true",
            literal(&mark(context, &source.name))
        );
        sqlx::raw_sql(&sql).execute(&mut connection).await?;
        let mut notes = settings::grants(&mut connection, &source.name, &self.name).await?;
        let properties = &source.properties;
        if !properties.owner_fits {
            notes.push(format!(
                "the copy is owned by this role, which may not create databases of {:?}",
                properties.owner
            ));
        }
        if let Some((tablespace, false)) = properties.tablespace() {
            notes.push(format!(
                "the copy may be in another tablespace: this role may not create in {tablespace:?}"
            ));
        }
        if let Some(limit) = properties.connection_limit() {
            notes.push(format!("the database is limited to {limit} connections; the copy is not"));
        }
        Ok(notes)
    }

    /// Copies the database's grants and settings. Returns those that failed.
    pub(super) async fn set_up(&self, source: &RehearsalSource) -> Result<Vec<String>, Failure> {
        let mut connection = self.admin.connect("rehearse").await?;
        settings::copy(&mut connection, &source.name, &self.name).await
    }

    /// Drops or keeps it.
    pub(super) async fn end(&self, keep: bool) -> CopyOutcome {
        if keep {
            return CopyOutcome::Kept;
        }
        let mut tries = 1;
        loop {
            match self.remove().await {
                Ok(()) => return CopyOutcome::Dropped,
                Err(failure) if tries == TRIES => return CopyOutcome::Stuck(failure),
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
            tries += 1;
        }
    }

    async fn remove(&self) -> Result<(), Failure> {
        let mut connection = self.admin.connect("rehearse").await?;
        let Some(found) = oid_of(&mut connection, &self.name).await? else { return Ok(()) };
        if self.oid.is_some_and(|ours| ours != found) {
            return Err(Failure::unexpected(format!(
                "another database has the name {:?} now, and is kept",
                self.name
            )));
        }
        // By force: cancelled connections may still exist for a moment.
        sqlx::raw_sql(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(&self.name)))
            .execute(&mut connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::free_name;

    #[test]
    fn a_copys_name_begins_like_the_databases_and_fits() {
        assert!(free_name("planner").starts_with("planner_rehearsal_"));
        assert_ne!(free_name("planner"), free_name("planner"));
        for long in ["x".repeat(63), "ä".repeat(31), format!("x{}", "ä".repeat(31))] {
            let name = free_name(&long);
            assert!(name.len() <= 63 && name.contains("_rehearsal_"), "{name}");
        }
    }
}
