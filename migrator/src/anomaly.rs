//! Anomalies of a legacy database: their meaning, their rows, and the remedy.

use crate::spill::SpilledTexts;
use phaseline_store::Quarantine;
use phaseline_store::chain::Inspector;
use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $refused:literal, $meaning:literal, $remedy:literal;)*) => {
        /// The kinds of anomaly.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// All kinds, refused ones first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// Whether the migration refuses it; the others are carried over as they are.
            pub const fn refused(self) -> bool {
                match self { $(Self::$name => $refused),* }
            }

            /// Its meaning.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }

            /// The remedy.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),* }
            }
        }
    };
}

codes! {
    /// The planner's tables are missing.
    NoPlannerTables, "no_planner_tables", true,
        "The planner's tables are not in schema public of this database.",
        "Connect to the planner's database.";
    /// A table differs from the planner's.
    NotThePlanners, "not_the_planners_tables", true,
        "The tables differ from those of the planner's revision 976e6adbac6f.",
        "Bring the tables to that revision; move added columns of project_phases to another table first.";
    /// The planner's own migration was run and rolled back, which leaves `phase_type` as text.
    PhaseTypeIsText, "phase_type_is_text", true,
        "The planner's own migration was run and rolled back, which leaves project_phases.phase_type as text instead of the type phasetype.",
        "Run: ALTER TABLE public.project_phases ALTER phase_type TYPE public.phasetype USING phase_type::public.phasetype";
    /// The planner was upgraded past the last revision that this program supports.
    NewerRevision, "newer_revision", true,
        "The planner's revision is newer than this program knows; the last one that it knows is 92023c163a26.",
        "Use a phaseline that knows this revision, and wait for one if there is none. `alembic downgrade 92023c163a26` would \
         delete what later revisions store (such as split budgets): only after a backup, and only if that data is not needed.";
    /// The planner's tables lack columns that this program needs.
    PlannerSchemaChanged, "planner_schema_changed", true,
        "The planner's tables are not those of its revision 92023c163a26, which this program needs.",
        "If the planner was upgraded, use a phaseline that knows its revision. Otherwise restore these columns.";
    /// `alembic_version` has another revision.
    WrongRevision, "wrong_revision", true,
        "The planner's own migrations are not at 976e6adbac6f (exactly one row in alembic_version).",
        "Run the planner's migrations up to 976e6adbac6f, no further: alembic upgrade 976e6adbac6f.";
    /// The server is newer than this program.
    NewerServer, "newer_server", true,
        "The server is newer than every PostgreSQL that this program is tested with: features that only that version has might be lost.",
        "Use a phaseline that is tested with it. Or rehearse (`phaseline rehearse` compares dumps), then migrate with --allow-newer-server.";
    /// An object depends on the tables that cannot be carried over.
    Obstacle, "obstacle", true,
        "Objects depend on the tables and would be lost or broken by the rebuild.",
        "See each one.";
    /// The role may not read the log of an earlier migration.
    LogUnreadable, "log_unreadable", true,
        "This database was migrated before, and this role may not read the log.",
        "Grant the role phaseline_reader, or use another role.";
    /// A project has no start or no end.
    ProjectDatesNull, "project_dates_null", true,
        "Projects without a start or an end date: phases would have no dates.",
        "Give each of them both dates.";
    /// The planner's own migration moved the database.
    MigratedByTheOriginal, "migrated_by_the_original", true,
        "The planner's own migration moved this database to 92023c163a26: there is no log; types and links that it dropped cannot be restored.",
        "Take its phases over as they are: --adopt-migrated.";
    /// Changes of the legacy rows do not fit the timeline of the log.
    RulesBroken, "rules_broken", true,
        "Changes in the legacy tables since the rollback break a rule of the timeline in the log.",
        "Correct the project's dates or phases in the legacy tables. Or give it its former dates, migrate, shape its phases by \
         commands, and reschedule it then.";
    /// A row of another program cannot be adopted.
    Unadoptable, "unadoptable", true,
        "Phases that other programs wrote into project_phases break the rules of a timeline, so they cannot be adopted.",
        "Correct the rows, or remove them. Rows of phases that the log has elsewhere: phaseline drift --repair PROJECT.";
    /// The log's chain of hashes is broken.
    LogDamaged, "log_damaged", true,
        "The log was altered or is not complete, and cannot be trusted.",
        "Restore the database from a backup. `phaseline verify` names everything that is wrong.";
    /// An event cannot be read, so its timeline is in quarantine.
    EventUnreadable, "event_unreadable", true,
        "Events of the log cannot be read: the timelines that they belong to are in quarantine.",
        "Skip each event permanently: phaseline quarantine skip PROJECT --position N --reason TEXT. Or use the phaseline \
         that wrote them.";
    /// A project starts or ends at infinity.
    ProjectDatesInfinite, "project_dates_infinite", true,
        "Projects with an infinite date: an infinite range cannot be divided among phases.",
        "Give each of them finite dates.";
    /// A project's date is BC or after 9999.
    ProjectDatesOutOfRange, "project_dates_out_of_range", true,
        "Projects with dates outside the years 1 to 9999.",
        "Correct the dates.";
    /// A project ends before it starts.
    ProjectDatesReversed, "project_dates_reversed", true,
        "Projects that end before they start.",
        "Correct the dates.";
    /// A project without a phase.
    ProjectWithoutPhases, "project_without_phases", true,
        "Projects without phases: a timeline has at least one.",
        "Give each of them a phase, or let the migration give them a default one: --repair.";
    /// A project has fewer days than phases.
    MorePhasesThanDays, "more_phases_than_days", true,
        "Projects with more phases than days: a phase has at least one day.",
        "Lengthen the project, or remove phases.";
    /// A phase's project is missing.
    PhaseOrphan, "phase_orphan", true,
        "Phases whose project does not exist.",
        "Delete the phase, or restore its project.";
    /// A phase lacks a value.
    PhaseNull, "phase_null", true,
        "Phases with NULL where the planner has a value.",
        "Set the value.";
    /// A budget is NaN, negative or does not add up.
    PhaseBudget, "phase_budget", true,
        "Phases with a budget that is not an amount, is negative, or whose total is not capital plus expense.",
        "Correct the amounts.";
    /// A phase's timestamp cannot be carried over.
    PhaseTimestamp, "phase_timestamp", true,
        "Phases with created_at or updated_at infinite or outside the years 1 to 9999.",
        "Correct the timestamps.";
    /// An assignment lacks a value.
    AssignmentNull, "assignment_null", true,
        "Assignments with NULL where the planner has a value.",
        "Set the value.";
    /// An assignment's date cannot be carried over.
    AssignmentDate, "assignment_date", true,
        "Assignments with a date that is infinite or outside the years 1 to 9999.",
        "Correct the date.";
    /// An assignment's timestamp cannot be carried over.
    AssignmentTimestamp, "assignment_timestamp", true,
        "Assignments with created_at or updated_at infinite or outside the years 1 to 9999.",
        "Correct the timestamps.";
    /// An assignment's project is missing.
    AssignmentOrphanProject, "assignment_orphan_project", true,
        "Assignments whose project does not exist.",
        "Delete the assignment, or restore its project.";
    /// An assignment's phase is missing.
    AssignmentOrphanPhase, "assignment_orphan_phase", true,
        "Assignments whose phase does not exist.",
        "Give the assignment a phase that exists.";
    /// A row violates a foreign key that is created again.
    ForeignKeyOrphan, "foreign_key_orphan", true,
        "Rows that violate a foreign key which the run recreates.",
        "Delete the row, or restore the row that it refers to.";
    /// A project with a timeline in the log was deleted.
    ProjectGone, "project_gone", false,
        "Projects with a timeline were deleted: their timelines are closed.",
        "Nothing, if they were deleted on purpose; the log keeps their history.";
    /// A link differs from the one in the log.
    LinkChanged, "assignment_link_changed", false,
        "Assignments that refer to another phase than the log: the table's value is used.",
        "Nothing, if people changed them. If all of them differ, another program restored the table: find out which.";
    /// A repair gives a project its phase.
    ProjectRepaired, "project_repaired", false,
        "Projects without phases: each gets a default phase over its dates, without a budget.",
        "Nothing; a rollback omits the phase again unless it was changed.";
    /// Several phases of one type.
    SeveralOfOneType, "several_phases_of_one_type", false,
        "Projects with several phases of one type: each becomes a phase, and they share the project's dates.",
        "Nothing. The original migration fails here.";
    /// The fitted boundary leaves a phase one day.
    PhaseOfOneDay, "phase_of_one_day", false,
        "Projects of which one phase gets a single day, because few assignments fall on its dates.",
        "Nothing, if intended; `phaseline phase resize` gives it more dates later. Or plan with --boundary midpoint.";
    /// An assignment outside its project's dates.
    AssignmentOutside, "assignment_outside_project", false,
        "Assignments dated outside their project: after the migration they belong to no phase.",
        "Nothing; the rollback restores their phase. Reports by phase will not show them.";
    /// An assignment with another project's phase.
    AssignmentForeignPhase, "assignment_of_another_projects_phase", false,
        "Assignments that refer to a phase of another project.",
        "Nothing; the rollback restores the link.";
    /// The same resource on the same day in several phases.
    SameResourceAndDay, "same_resource_and_day", false,
        "Assignments of one resource in one project on one day in several phases: by date they belong to one phase.",
        "Nothing; the rollback restores each link.";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A row or an object that has an anomaly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnomalyRow {
    /// Its table, or the kind of object.
    pub table: String,
    /// Its id or its name.
    pub id: String,
    /// The details; for an orphan, the id that it refers to.
    pub detail: String,
}

/// The rows of one kind of anomaly, in memory while they are few.
#[derive(Clone, Default)]
pub struct AnomalyRows {
    texts: Arc<SpilledTexts<3>>,
}

impl AnomalyRows {
    /// Their number.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them. If the temporary file of many cannot be read, the last row says so.
    pub fn iter(&self) -> impl Iterator<Item = AnomalyRow> {
        self.texts.iter().map(|texts| match texts {
            Ok([table, id, detail]) => AnomalyRow { table, id, detail },
            Err(error) => AnomalyRow {
                table: String::new(),
                id: String::new(),
                detail: format!("the others are missing: {error}"),
            },
        })
    }

    fn push(&mut self, table: &str, id: &str, detail: &str) {
        match Arc::get_mut(&mut self.texts) {
            Some(texts) => texts.push([table, id, detail]),
            // Others read them, too.
            None => {
                let mut texts = SpilledTexts::default();
                self.iter().for_each(|row| texts.push([&row.table, &row.id, &row.detail]));
                texts.push([table, id, detail]);
                self.texts = Arc::new(texts);
            }
        }
    }

    /// Adds the rows of others.
    pub(crate) fn extend(&mut self, others: &Self) {
        others.iter().for_each(|row| self.push(&row.table, &row.id, &row.detail));
    }
}

impl fmt::Debug for AnomalyRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for AnomalyRows {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for AnomalyRows {}

/// Fails if the temporary file cannot be read: a document without the other rows would look complete.
impl Serialize for AnomalyRows {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.len()))?;
        for texts in self.texts.iter() {
            let [table, id, detail] = texts.map_err(S::Error::custom)?;
            rows.serialize_element(&AnomalyRow { table, id, detail })?;
        }
        rows.end()
    }
}

/// One kind of anomaly with all its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// The kind.
    pub code: Code,
    /// Whether the migration refuses it.
    pub refused: bool,
    /// Its meaning.
    pub meaning: &'static str,
    /// The remedy.
    pub remedy: &'static str,
    /// All its rows.
    pub rows: AnomalyRows,
}

/// Collects anomalies by kind, in the order of [`Code::ALL`].
#[derive(Debug, Default)]
pub struct Findings {
    by_code: BTreeMap<Code, AnomalyRows>,
}

impl Findings {
    /// Notes one row.
    pub fn note(&mut self, code: Code, table: &str, id: impl ToString, detail: impl AsRef<str>) {
        self.by_code.entry(code).or_default().push(table, &id.to_string(), detail.as_ref());
    }

    /// Notes the log's damage, and its events that cannot be read.
    pub(crate) fn note_log(&mut self, inspector: &Inspector, unreadable: &Quarantine) {
        for found in inspector.breaks() {
            self.note(Code::LogDamaged, "event", "phaseline.events", found.to_string());
        }
        // A version out of order is among the breaks.
        for event in unreadable.events.iter().filter(|event| !event.damage) {
            self.note(Code::EventUnreadable, "event", event.position, event.to_string());
        }
        if unreadable.more() > 0 {
            let more = format!("and {} more events that cannot be read", unreadable.more());
            self.note(Code::EventUnreadable, "event", "phaseline.events", more);
        }
    }

    /// Whether anything refuses the migration.
    pub fn refused(&self) -> bool {
        self.by_code.keys().any(|code| code.refused())
    }

    /// Whether an anomaly of the row or object with this id is noted.
    pub fn names(&self, id: &str) -> bool {
        self.by_code.values().any(|rows| rows.iter().any(|row| row.id == id))
    }

    /// Adds the findings of others.
    pub fn extend(&mut self, other: Self) {
        for (code, rows) in other.by_code {
            match self.by_code.entry(code) {
                Entry::Vacant(none) => {
                    none.insert(rows);
                }
                Entry::Occupied(mut some) => some.get_mut().extend(&rows),
            }
        }
    }

    /// All anomalies.
    pub fn into_anomalies(self) -> Vec<Anomaly> {
        self.by_code
            .into_iter()
            .map(|(code, rows)| Anomaly {
                code,
                refused: code.refused(),
                meaning: code.meaning(),
                remedy: code.remedy(),
                rows,
            })
            .collect()
    }
}
