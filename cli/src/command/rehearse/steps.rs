//! The steps on the copy.

use super::args::RehearseArgs;
use super::compare::FirstDump;
use super::copy::Copy;
use super::programs::Programs;
use super::source::RehearsalSource;
use crate::backup;
use crate::command::{migrate, plan, rollback};
use crate::context::Context;
use crate::failure::Failure;
use crate::operator::operator;
use crate::render::format::bytes;
use crate::report::rehearse::{FailedCheck, Method, Rehearsal, RehearsalStepName};
use crate::target::Target;
use phaseline_migrator::MigratorError;
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::migrate::MigrateOptions;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::rollback::RollbackOptions;
use phaseline_migrator::run::Operator;
use phaseline_migrator::verify::verify;
use phaseline_projections::is_powerful;
use std::time::{Duration, Instant};

pub(super) struct RehearsalSteps<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a RehearseArgs,
    pub(super) source: &'a RehearsalSource,
    pub(super) target: &'a Target,
    pub(super) programs: &'a Programs,
    pub(super) copy: &'a Copy,
}

impl RehearsalSteps<'_> {
    /// All steps. A failed verification or different dumps end them; the report has the reason.
    pub(super) async fn go(&self, report: &mut Rehearsal, copying: Instant) -> Result<(), Failure> {
        report.notes.extend(self.copy.open(self.context, self.source).await?);
        let on = self.copy.target();
        // This connection marks the copy as in use for a search of leftovers.
        let _in_use = on.connect("rehearsal").await?;
        if report.method == Method::Dump {
            self.fill(report).await?;
        }
        report.notes.extend(self.copy.set_up(self.source).await?);
        report.step(RehearsalStepName::Copy, copying, None);
        report.copy_bytes = Some(self.size(DATABASE).await?);

        let begun = Instant::now();
        let watcher = self.context.watcher();
        watcher.step("dumping the copy, to compare", None);
        let before = FirstDump::write(self.programs, on.url()).await?;
        watcher.finish();
        report.dump_bytes = Some(before.bytes);
        report.step(RehearsalStepName::Dump, begun, None);

        let through = self.both_directions(report).await?;
        report.log_bytes = Some(self.size(LOG).await?);
        if through {
            self.compare(report, before).await?;
        }
        Ok(())
    }

    /// Both directions, each with its verification. Returns whether all passed.
    async fn both_directions(&self, report: &mut Rehearsal) -> Result<bool, Failure> {
        let directions = match report.first {
            Direction::Migrate => [Direction::Migrate, Direction::Rollback],
            Direction::Rollback => [Direction::Rollback, Direction::Migrate],
        };
        for direction in directions {
            match direction {
                Direction::Migrate => self.migrate(report).await?,
                Direction::Rollback => self.roll_back(report).await?,
            }
            if !self.verify(report).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Pipes the database into the empty copy.
    async fn fill(&self, report: &mut Rehearsal) -> Result<(), Failure> {
        self.refuse_planted_code().await?;
        let watcher = self.context.watcher();
        watcher.step(&format!("copying {} by a dump", bytes(self.source.bytes)), None);
        let to = self.copy.target();
        self.programs.copy(self.target.url(), to.url(), self.args.lock_timeout).await?;
        // A restored database has no statistics, and would be slower.
        let mut connection = to.connect("rehearse").await?;
        if let Err(error) = sqlx::raw_sql("ANALYZE").execute(&mut connection).await {
            let error = Failure::from(error);
            report
                .notes
                .push(format!("the copy has no statistics, so steps may be slower: {}", error.message()));
        }
        watcher.finish();
        report.notes.push(
            "the copy was restored, so it is less bloated than the database: steps may be faster".to_owned(),
        );
        Ok(())
    }

    /// A restore creates every table of the database with the rights of this role, and so runs the expressions of checks, indexes and
    /// generated columns. A role with a superuser's rights requires that all of them belong to superusers or to itself; a copy by
    /// template runs none.
    async fn refuse_planted_code(&self) -> Result<(), Failure> {
        let mut connection = self.target.connect("rehearse").await?;
        let query = format!(
            "WITH me AS (
                 SELECT login.oid FROM pg_catalog.pg_roles login WHERE login.rolname = session_user AND {}),
             objects AS (
                 SELECT 'pg_catalog.pg_class'::regclass AS catalogue, c.oid, c.relowner AS owner, c.relnamespace AS namespace
                   FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
                 UNION ALL
                 SELECT 'pg_catalog.pg_proc'::regclass, p.oid, p.proowner, p.pronamespace FROM pg_catalog.pg_proc p
                 UNION ALL
                 SELECT 'pg_catalog.pg_type'::regclass, y.oid, y.typowner, y.typnamespace
                   FROM pg_catalog.pg_type y WHERE y.typtype IN ('d', 'b') AND y.typelem = 0)
             SELECT pg_catalog.pg_describe_object(o.catalogue, o.oid, 0) || ' of role ' || r.rolname
               FROM me, objects o
               JOIN pg_catalog.pg_roles r ON r.oid = o.owner
               JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace AND n.nspname NOT LIKE 'pg\\_t%'
              WHERE o.oid >= 16384 AND NOT r.rolsuper AND r.rolname <> 'phaseline_owner' AND r.oid <> me.oid
              ORDER BY 1 LIMIT 5",
            is_powerful("login.oid")
        );
        let others: Vec<String> = sqlx::query_scalar(&query).fetch_all(&mut connection).await?;
        if others.is_empty() || self.context.global.allow_superuser {
            return Ok(());
        }
        let text =
            format!("a copy by a dump may run code of others with this role's rights: {}", others.join(", "));
        Err(Failure::refused("foreign_code", text).remedy(
            "Use --method template without other connections, or rehearse as a role that is not a superuser (with CREATEDB). If all roles \
             that may create objects in this database are trusted: --allow-superuser",
        ))
    }

    async fn migrate(&self, report: &mut Rehearsal) -> Result<(), Failure> {
        let on = self.copy.target();
        let begun = Instant::now();
        let plan = plan::make(self.context, on, &self.args.plan_options()).await?;
        report.step(RehearsalStepName::Plan, begun, None);
        if !plan.ready {
            return Err(MigratorError::Refused(Box::new(plan)).into());
        }
        if let Some(planned) = &self.source.plan {
            if planned.digest == plan.digest {
                report.digest.clone_from(&plan.digest);
            } else {
                report.notes.push(
                    "the copy does not have the planned digest: the database was changed meanwhile"
                        .to_owned(),
                );
            }
        }
        let begun = Instant::now();
        let options = MigrateOptions {
            plan: self.args.plan_options(),
            expected_digest: plan.digest,
            lock_timeout: self.lock_timeout(),
            operator: self.operator(),
        };
        let done = migrate::carry_out(self.context, on, &options).await?;
        report.step(RehearsalStepName::Migrate, begun, Some(done.locked_ms));
        report.migrate_locked_ms = Some(done.locked_ms);
        report.migrated_bytes = Some(self.size(DATABASE).await?);
        Ok(())
    }

    async fn roll_back(&self, report: &mut Rehearsal) -> Result<(), Failure> {
        let begun = Instant::now();
        let options = RollbackOptions {
            lock_timeout: self.lock_timeout(),
            operator: self.operator(),
            accept_loss: None,
        };
        let done = rollback::carry_out(self.context, self.copy.target(), &options).await?;
        report.step(RehearsalStepName::Rollback, begun, Some(done.locked_ms));
        report.rollback_locked_ms = Some(done.locked_ms);
        Ok(())
    }

    async fn verify(&self, report: &mut Rehearsal) -> Result<bool, Failure> {
        let begun = Instant::now();
        let mut connection = self.copy.target().connect("verify").await?;
        let watcher = self.context.watcher();
        let verification = verify(&mut connection, &watcher).await?;
        watcher.finish();
        report.step(RehearsalStepName::Verify, begun, None);
        let passed = verification.passed;
        if !passed {
            report.failed = Some(FailedCheck::Verification);
            report.verification = Some(verification);
        }
        Ok(passed)
    }

    async fn compare(&self, report: &mut Rehearsal, before: FirstDump) -> Result<(), Failure> {
        let begun = Instant::now();
        let watcher = self.context.watcher();
        let total = before.bytes;
        watcher.step_of_bytes("dumping the copy again and comparing", total);
        let advance = |read: u64| watcher.advance(read.min(total));
        let compared = before.compare(self.programs, self.copy.target().url(), advance).await?;
        watcher.finish();
        report.difference = compared.difference;
        report
            .notes
            .extend(backup::left_out_note(compared.options_left_out, self.programs.pg_dump_version()));
        report.step(RehearsalStepName::Compare, begun, None);
        report.identical = Some(report.difference.is_none());
        if report.difference.is_some() {
            report.failed = Some(FailedCheck::Dumps);
        }
        Ok(())
    }

    fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.args.lock_timeout)
    }

    /// The operator recorded in the copy's log.
    fn operator(&self) -> Operator {
        operator(&self.context.global, Some("rehearsal"))
    }

    /// A size of the copy.
    async fn size(&self, sql: &str) -> Result<u64, Failure> {
        let mut connection = self.copy.target().connect("rehearse").await?;
        let size: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        Ok(size.unsigned_abs())
    }
}

/// The size of the database.
const DATABASE: &str = "SELECT pg_catalog.pg_database_size(current_database())";

/// The size of schema `phaseline`.
const LOG: &str = "SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::int8
                     FROM pg_catalog.pg_class c
                    WHERE c.relnamespace = to_regnamespace('phaseline') AND c.relkind = 'r'";
