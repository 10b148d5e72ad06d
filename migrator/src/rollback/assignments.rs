//! Builds the legacy `resource_assignments` beside the current one: the current rows in their order, each with the phase that it
//! refers to.

use super::assigned::{AssignedLink, AssignedLinks, LinkRule};
use super::index_progress;
use super::inspect::PreparedRollback;
use super::phases::check_rows;
use crate::change_detector::{Recheck, TableFingerprints};
use crate::ddl;
use crate::definition::{self, TableDefinition};
use crate::error::MigratorError;
use crate::fast_hash::FastHash;
use crate::report::RollbackCompleted;
use crate::run::cut_over::SHADOW;
use crate::run::session::{HeldLocks, RunContext};
use crate::spill::{SpillError, SpilledList};
use chrono::NaiveDate;
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId};
use phaseline_projections::LegacyPhaseRow;
use phaseline_store::StoreError;
use phaseline_store::copy::{self, Row, Sink};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 10_000;

/// An assignment whose phase is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkedAssignment {
    pub assignment: AssignmentId,
    project: ProjectId,
    date: Option<NaiveDate>,
}

impl LinkedAssignment {
    /// From the first three fields of a row: id, project and date.
    pub(super) fn of(row: &Row<'_>) -> Result<Self, MigratorError> {
        Ok(Self {
            assignment: AssignmentId::from(row.uuid(0)?),
            project: ProjectId::from(row.nullable_uuid(1)?.unwrap_or_default()),
            // A value that is not a date of the calendar, such as infinity, is in no phase.
            date: row.date(2).ok(),
        })
    }
}

/// The dates of each project's restored phases, in order.
pub(super) type RestoredRanges = HashMap<ProjectId, Vec<(PhaseId, DateRange)>, FastHash>;

/// The dates of each project's restored phases, in order.
pub(super) fn restored_ranges(prepared: &PreparedRollback) -> RestoredRanges {
    let ranges = prepared.log.timelines.iter().map(|(project, folded)| {
        let back = folded.timeline.phases().iter().filter(|phase| prepared.comes_back.contains(&phase.id));
        (*project, back.map(|phase| (phase.id, phase.range)).collect())
    });
    ranges.collect()
}

/// Resolves the phase of every assignment: the one that the log has, if it is restored; else the one of its date, by the log's
/// dates; else its project's first.
struct LinkResolver<'a> {
    prepared: &'a PreparedRollback,
    ranges: &'a RestoredRanges,
}

impl LinkResolver<'_> {
    /// The phase, and its rule if the log does not have the link. None if the project has no phase.
    fn phase_for_assignment(
        &self,
        assignment: AssignmentId,
        project: ProjectId,
        date: Option<NaiveDate>,
    ) -> Result<Option<(PhaseId, Option<LinkRule>)>, SpillError> {
        let recorded = self.prepared.log_read.links.phase_of.get(assignment)?;
        if let Some(phase) = recorded.filter(|phase| self.prepared.comes_back.contains(phase)) {
            return Ok(Some((phase, None)));
        }
        let Some(ranges) = self.ranges.get(&project) else { return Ok(None) };
        let on_date = date.and_then(|date| ranges.iter().find(|(_, range)| range.contains(date)));
        Ok(match on_date {
            Some((phase, _)) => Some((*phase, Some(LinkRule::Date))),
            None => ranges.first().map(|(phase, _)| (*phase, Some(LinkRule::FirstPhase))),
        })
    }
}

/// The state of the build.
#[derive(Debug)]
pub(super) struct Built {
    /// The state of the current tables when the rows were copied.
    fingerprints: TableFingerprints,
    /// The phases that links were resolved with.
    pub(super) ranges: RestoredRanges,
    /// Rows of `project_phases`.
    pub(super) phases: Vec<LegacyPhaseRow>,
    /// Rows of `resource_assignments`.
    rows: u64,
    /// The links that the log does not have.
    pub(super) assigned: AssignedLinks,
}

impl Built {
    /// The state before any row of `resource_assignments` is copied.
    pub(super) fn new(prepared: &PreparedRollback, phases: Vec<LegacyPhaseRow>) -> Self {
        Self {
            fingerprints: prepared.fingerprints.clone(),
            ranges: restored_ranges(prepared),
            phases,
            rows: 0,
            assigned: AssignedLinks::default(),
        }
    }

    /// The same state, to be changed independently, once all rows are copied.
    pub(super) fn fork(&self) -> Self {
        let Self { fingerprints, ranges, phases, rows, assigned } = self;
        Self {
            fingerprints: fingerprints.clone(),
            ranges: ranges.clone(),
            phases: phases.clone(),
            rows: *rows,
            assigned: assigned.fork(),
        }
    }

    /// Whether the current assignments changed since they were copied, and their number now. Only valid while writers are locked out.
    pub(super) async fn recheck(&self, connection: &mut PgConnection) -> Result<Recheck, sqlx::Error> {
        self.fingerprints.recheck(connection, "resource_assignments").await
    }

    /// Records one row; returns its phase, or none if there is none to refer to.
    fn note(&mut self, prepared: &PreparedRollback, row: &Row<'_>) -> Result<Option<PhaseId>, MigratorError> {
        let assignment = LinkedAssignment::of(row)?;
        let phase = self.resolve(prepared, assignment)?;
        self.rows += u64::from(phase.is_some());
        Ok(phase)
    }

    /// The same for a row that is counted already.
    pub(super) fn resolve(
        &mut self,
        prepared: &PreparedRollback,
        LinkedAssignment { assignment, project, date }: LinkedAssignment,
    ) -> Result<Option<PhaseId>, SpillError> {
        let resolver = LinkResolver { prepared, ranges: &self.ranges };
        let found = resolver.phase_for_assignment(assignment, project, date)?;
        if let Some((phase, Some(by))) = found {
            self.assigned.push(AssignedLink { project, phase, assignment, by })?;
        }
        Ok(found.map(|(phase, _)| phase))
    }

    /// The assignments that were inserted or updated since they were copied. Only valid while writers are locked out.
    pub(super) async fn newer_assignments(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.fingerprints.newer_assignments(connection).await
    }

    /// Forgets rows that were deleted.
    pub(super) fn forget_rows(&mut self, gone: &HashSet<AssignmentId>) {
        self.rows -= gone.len() as u64;
        self.forget_links(gone);
    }

    /// Forgets the links of these assignments, which are resolved again.
    pub(super) fn forget_links(&mut self, assignments: &HashSet<AssignmentId>) {
        self.assigned.forget(assignments);
    }

    /// Rows in the legacy table.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The sources of the links.
    pub(super) fn completed(&self, prepared: &PreparedRollback) -> Result<RollbackCompleted, SpillError> {
        let (assigned, by_date) = self.assigned.counts()?;
        Ok(RollbackCompleted {
            phases: prepared.plan.phases,
            assignments: self.rows,
            links_recorded: assigned,
            accepted_loss: prepared.plan.loss.digest.clone(),
            links_restored: self.rows - assigned,
            links_by_date: by_date,
            links_first_phase: assigned - by_date,
        })
    }
}

/// Builds the table with all its rows, then its indexes and checks. If this transaction does not hold the tables, the run's second
/// connection reads the current table while this one writes.
///
/// # Errors
/// [`BuildError::AssignmentWithoutPhase`] if there is such an assignment: its project was created after the log was read.
pub(super) async fn build(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    prepared: &PreparedRollback,
    held: HeldLocks,
    mut built: Built,
) -> Result<Built, BuildError> {
    let [_, assignments] = &prepared.old;
    // Assignments were made and deleted since, so that this is not quite the number of rows.
    let total = prepared.log_read.links.phase_of.len() as u64;
    run.step("building the legacy resource_assignments", Some(total));
    ddl::run(connection, &assignments.create_in(SHADOW)).await?;
    if held == HeldLocks::None && binary_io(connection).await? {
        stream(connection, run, prepared, &mut built).await?;
    } else {
        copy_rows(connection, prepared, &mut built, "true").await?;
    }
    built.assigned.settle()?;
    run.progress().advance(total);
    run.check_interrupt()?;
    build_indexes(connection, run, assignments, built.rows).await?;
    run.step("checking the legacy resource_assignments", None);
    check_rows(connection, prepared).await?;
    run.check_interrupt()?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases, {SHADOW}.resource_assignments"))
        .execute(connection)
        .await?;
    Ok(built)
}

/// Builds the indexes, with progress in rows: each index counts every row.
async fn build_indexes(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    table: &TableDefinition,
    rows: u64,
) -> Result<(), MigratorError> {
    let statements = table.index_in(SHADOW);
    let progress = run.progress();
    run.step("indexing the legacy resource_assignments", Some(rows * statements.len() as u64));
    for (statement, before) in statements.into_iter().zip((0..).map(|index| index * rows)) {
        index_progress::run(connection, &mut run.watcher, statement, |thousandths| {
            progress.advance(before + rows * thousandths / 1000);
        })
        .await?;
        progress.advance(before + rows);
        run.check_interrupt()?;
    }
    Ok(())
}

/// Why rows could not be built.
#[derive(Debug)]
pub(super) enum BuildError {
    /// An assignment has no phase to refer to.
    AssignmentWithoutPhase,
    Failed(MigratorError),
}

impl<E: Into<MigratorError>> From<E> for BuildError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Whether every column can be sent and received in binary, as nearly all can. A type for which this is not certain, such as a composite
/// one, counts as one that cannot.
async fn binary_io(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (
             SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
               LEFT JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END
              WHERE a.attrelid = 'public.resource_assignments'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                AND (t.typtype NOT IN ('b', 'e', 'd') OR t.typsend = 0 OR t.typreceive = 0
                     OR b.typtype NOT IN ('b', 'e') OR b.typelem <> 0 AND t.typtype = 'd'
                     OR b.typsend = 0 OR b.typreceive = 0))",
    )
    .fetch_one(connection)
    .await
}

/// The current columns that the legacy table takes over, quoted, and the link's place among the legacy table's columns.
fn columns(assignments: &TableDefinition) -> (Vec<String>, usize) {
    let mut columns: Vec<&str> = assignments.loadable_columns().collect();
    let link = columns.iter().position(|column| *column == "project_phase_id").unwrap_or_default();
    columns.remove(link);
    (columns.into_iter().map(definition::quote_ident).collect(), link)
}

/// Streams rows from the live table into the shadow table, adding each link.
async fn stream(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    prepared: &PreparedRollback,
    built: &mut Built,
) -> Result<(), BuildError> {
    let progress = run.progress();
    let (columns, link) = columns(&prepared.old[1]);
    // PostgreSQL's tables have 1600 columns at most.
    let fields = i16::try_from(columns.len() + 1).unwrap_or(i16::MAX);
    let mut target = columns.clone();
    target.insert(link, "project_phase_id".to_owned());
    let target = format!("{SHADOW}.resource_assignments ({})", target.join(", "));
    let values: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
    // With this session's settings a plain scan returns heap order, which is checked.
    let query = format!(
        "SELECT t.id, t.project_id, t.assignment_date, t.ctid, {} FROM public.resource_assignments t",
        values.join(", ")
    );
    let mut last = None;
    let mut sink = Sink::open_new(connection, &target).await?;
    copy::pipe(&mut run.watcher, &query, &mut sink, |row, into| {
        crate::legacy::tables::in_heap_order(&mut last, row.tid(3)?)?;
        let phase = built.note(prepared, row)?.ok_or(BuildError::AssignmentWithoutPhase)?;
        into.row(fields);
        for index in 0..columns.len() {
            if index == link {
                into.uuid(phase.uuid());
            }
            into.raw(row.nullable(4 + index)?);
        }
        if link == columns.len() {
            into.uuid(phase.uuid());
        }
        if built.rows.is_multiple_of(REPORT_EVERY) {
            progress.advance(built.rows.min(prepared.log_read.links.phase_of.len() as u64));
        }
        Ok::<_, BuildError>(())
    })
    .await?;
    sink.finish().await?;
    Ok(())
}

/// Copies the rows of the live table that satisfy a condition on `t`, on this transaction's connection only.
pub(super) async fn copy_rows(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    built: &mut Built,
    condition: &str,
) -> Result<(), BuildError> {
    let mut phases: SpilledList<(Uuid, Uuid)> = SpilledList::default();
    let mut all = true;
    let query = format!(
        "SELECT t.id, t.project_id, t.assignment_date FROM public.resource_assignments t WHERE {condition} ORDER BY t.ctid"
    );
    copy::read(connection, &query, |row| {
        match built.note(prepared, &row)? {
            Some(phase) => phases.push((row.uuid(0)?, phase.uuid()))?,
            None => all = false,
        }
        Ok::<_, MigratorError>(())
    })
    .await?;
    if !all {
        return Err(BuildError::AssignmentWithoutPhase);
    }
    sqlx::raw_sql(&format!(
        "CREATE TABLE {SHADOW}.phase_of (assignment_id uuid NOT NULL, phase_id uuid NOT NULL)"
    ))
    .execute(&mut *connection)
    .await?;
    let rows = phases.len() as u64;
    let mut sink =
        Sink::open_new(connection, &format!("{SHADOW}.phase_of (assignment_id, phase_id)")).await?;
    for link in phases.iter() {
        let (assignment, phase) = link?;
        sink.row(2, |fields| {
            fields.uuid(assignment);
            fields.uuid(phase);
        })
        .await?;
    }
    sink.finish().await?;
    let (columns, _) = columns(&prepared.old[1]);
    let values: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.phase_of")).execute(&mut *connection).await?;
    let taken = sqlx::raw_sql(&format!(
        "INSERT INTO {SHADOW}.resource_assignments ({}, project_phase_id)
         SELECT {}, p.phase_id FROM public.resource_assignments t JOIN {SHADOW}.phase_of p ON p.assignment_id = t.id
          ORDER BY t.ctid",
        columns.join(", "),
        values.join(", ")
    ))
    .execute(&mut *connection)
    .await?
    .rows_affected();
    sqlx::raw_sql(&format!("DROP TABLE {SHADOW}.phase_of")).execute(connection).await?;
    if taken == rows {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!("{taken} of {rows} assignments were copied")).into())
}
