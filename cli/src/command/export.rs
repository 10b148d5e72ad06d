//! `phaseline export`: the log and its timelines as files, with a manifest.

use crate::argument::{self, GivenTime};
use crate::as_of::instant;
use crate::context::Context;
use crate::exit::Exit;
use crate::export_folder::{ExportFile, ExportFolder};
use crate::export_table::{TableFormat, TableValue, TableWriter};
use crate::failure::Failure;
use crate::log_reads::need_log;
use crate::names::KnownNames;
use crate::project::ProjectArg;
use crate::render;
use crate::render::history::DAMAGED_REMEDY;
use crate::report::elapsed_ms;
use crate::report::export::{ExportCounts, ExportManifest, ExportReport, ExportedFile};
use crate::target::Target;
use chrono::{NaiveDateTime, SecondsFormat};
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_migrator::progress::Progress;
use phaseline_projections::{FoldedLog, project_phases};
use phaseline_store::moment::{Moment, ResolvedMoment, resolve};
use phaseline_store::read::{self, ChainedEvent};
use phaseline_store::{FoldedTimeline, LogHead, hash, schema};
use sqlx::PgConnection;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Events between two reports of progress.
const REPORT_EVERY: u64 = 4096;

/// The columns of the events, in the log's order; one project's events have the hash before each of them, too.
const EVENT_COLUMNS: [&str; 14] = [
    "position",
    "stream_type",
    "stream_id",
    "version",
    "event_id",
    "event_type",
    "schema_version",
    "payload",
    "metadata",
    "salt",
    "recorded_at",
    "hash",
    "login",
    "previous_hash",
];
/// The number of those without the hash before.
const OWN_COLUMNS: usize = EVENT_COLUMNS.len() - 1;

/// The columns of the phases.
const PHASE_COLUMNS: [&str; 15] = [
    "project_id",
    "project_name",
    "version",
    "project_start_date",
    "project_end_date",
    "phase_id",
    "name",
    "start_date",
    "end_date",
    "description",
    "capital_budget",
    "expense_budget",
    "total_budget",
    "created_at",
    "updated_at",
];

/// Write the log, and every phase at its end, into files that others can check without the program
///
/// events has each event with all its columns, payload and metadata as they are stored, so that anyone can recompute the chain of hashes
/// (docs/events.md); timelines has the phases with dates and budgets, and the names that the projects have now. manifest.json has the
/// log's id, the head, and the SHA-256 of each file; it comes last, so that a folder with it is complete. The files are readable by their
/// owner only.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline export --out audit-2026
  phaseline export --out audit-2026 --until 2026-01-31 --zone Europe/Berlin --format csv
  phaseline export --out alpha --project 'Alpha' --until 4711
  jq -r '.files[] | .sha256 + \"  \" + .name' manifest.json | sha256sum --check    in that folder")]
pub(crate) struct ExportArgs {
    /// The folder: a new one, or an empty one
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Up to this moment: a position (to the end of its command), or a time such as 2026-01-31T12:00:00Z; with --zone also
    /// 2026-01-31T12:00, or 2026-01-31 (the end of that day)
    #[arg(long, value_name = "POSITION|TIME", value_parser = until)]
    until: Option<GivenUntil>,
    /// The time zone of --until, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE", requires = "until")]
    zone: Option<String>,
    /// The format of the tables
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TableFormat::default())]
    format: TableFormat,
    /// Only this project: its id, an id prefix (4 characters or more), its name or its cost centre
    #[arg(long, value_name = "PROJECT")]
    project: Option<ProjectArg>,
}

/// The end of the exported part.
#[derive(Clone, Copy, Debug)]
enum GivenUntil {
    Position(i64),
    Time(GivenTime),
}

/// Parses a position or a time.
fn until(text: &str) -> Result<GivenUntil, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return argument::position(text).map(GivenUntil::Position);
    }
    argument::moment(text)
        .map(GivenUntil::Time)
        .map_err(|error| format!("neither a position nor a time: {error}"))
}

pub(crate) async fn run(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let start = Instant::now();
    let target = Target::resolve(context).await?;
    let mut connection = target.read("export").await?;
    need_log(&mut connection).await?;
    let folder = ExportFolder::create(&args.out)?;
    let project = match &args.project {
        Some(project) => Some(project.resolve(&mut connection).await?),
        None => None,
    };
    let moment = end_of_export(&mut connection, args).await?;
    let head = LogHead::at(&mut connection, moment.position).await?;
    let head = head.ok_or_else(|| Failure::refused("not_found", "the log has no event up to that time"))?;
    let watcher = context.watcher();
    let exported = export_events(&mut connection, &folder, args.format, project, head, &watcher).await?;
    watcher.step("writing the timelines", None);
    let mut projects: Vec<ProjectId> = exported.folded.timelines.keys().copied().collect();
    projects.sort_unstable();
    let names = KnownNames::of_projects(&mut connection, &projects).await;
    let timelines = export_timelines(&folder, args.format, &exported.folded, &projects, &names)?;
    let manifest = ExportManifest {
        format: "phaseline.export/1",
        program: env!("CARGO_PKG_VERSION"),
        log_id: schema::log_id(&mut connection).await?,
        project_id: project,
        head,
        position: head.position,
        head_hash: hash::hex(&head.hash),
        recorded_at: moment.recorded_at,
        first_position: exported.first,
        last_position: exported.last,
        counts: ExportCounts { events: exported.events, ..timelines.counts },
        quarantined: exported.folded.quarantined.keys().copied().collect(),
        files: vec![exported.file, timelines.file],
    };
    let path = folder.path().display().to_string();
    write_manifest(folder, &manifest)?;
    watcher.finish();
    context.output.set_names(names);
    let exit = if manifest.quarantined.is_empty() { Exit::Done } else { Exit::VerificationFailed };
    let report =
        ExportReport { format: "phaseline.exported/1", folder: path, manifest, took_ms: elapsed_ms(start) };
    context.output.result(&report, || render::export::page(&report));
    Ok(exit)
}

/// The end of a command, or of the log.
async fn end_of_export(connection: &mut PgConnection, args: &ExportArgs) -> Result<ResolvedMoment, Failure> {
    let zone = args.zone.as_deref();
    let moment = match args.until {
        Some(GivenUntil::Position(_)) if zone.is_some() => {
            return Err(Failure::usage("--zone has no effect on a position; leave it out"));
        }
        Some(GivenUntil::Position(position)) => Moment::Position(position),
        Some(GivenUntil::Time(time)) => Moment::Time(instant(connection, "--until", time, zone).await?),
        None => Moment::Position(schema::tip(connection).await?.position),
    };
    Ok(resolve(connection, moment).await?)
}

/// The exported events.
struct ExportedEvents {
    file: ExportedFile,
    folded: FoldedLog,
    events: u64,
    first: i64,
    last: i64,
}

/// Writes the events up to a head while reading them. Each is compared with its hash: a damaged log is not exported.
async fn export_events(
    connection: &mut PgConnection,
    folder: &ExportFolder,
    format: TableFormat,
    project: Option<ProjectId>,
    head: LogHead,
    progress: &dyn Progress,
) -> Result<ExportedEvents, Failure> {
    progress.step("exporting the log", project.is_none().then_some(head.position.unsigned_abs()));
    let columns = if project.is_some() { &EVENT_COLUMNS[..] } else { &EVENT_COLUMNS[..OWN_COLUMNS] };
    let mut folded = FoldedLog::begin(connection).await?;
    let file = folder.file(&format.file_name("events"))?;
    let mut table = TableWriter::begin(file, format, columns).map_err(|error| folder.failure(&error))?;
    let (mut events, mut first, mut last) = (0, 0, 0);
    let each = |chained: &ChainedEvent<'_>| -> Result<(), Failure> {
        let event = &chained.event;
        if !chained.fits() {
            return Err(damaged(event.position));
        }
        table.row(&event_values(chained)[..columns.len()]).map_err(|error| folder.failure(&error))?;
        folded.apply(event);
        if events == 0 {
            first = event.position;
        }
        last = event.position;
        events += 1;
        if events % REPORT_EVERY == 0 {
            progress.advance(events);
        }
        Ok(())
    };
    match project {
        Some(project) => read::scan_project(connection, project, head.position, each).await?,
        None => read::scan_between(connection, 1..=head.position, each).await?,
    }
    progress.advance(events);
    if let Some(project) = project.filter(|_| events == 0) {
        let message = format!("the log has no event of project {project} up to position {}", head.position);
        return Err(Failure::refused("not_found", message));
    }
    let file = table.end().finish().map_err(|error| folder.failure(&error))?;
    Ok(ExportedEvents { file, folded, events, first, last })
}

fn damaged(position: i64) -> Failure {
    let message = format!(
        "the log is damaged: the event at position {position} does not fit its hash: it, or the event before it in the log, was altered \
         after it was recorded; nothing was exported"
    );
    Failure::new(Exit::VerificationFailed, "log_damaged", message).remedy(DAMAGED_REMEDY)
}

/// An event's values in the order of the columns.
fn event_values<'a>(chained: &ChainedEvent<'a>) -> [TableValue<'a>; EVENT_COLUMNS.len()] {
    let event = chained.event;
    [
        event.position.into(),
        event.stream_type.into(),
        event.stream_id.to_string().into(),
        event.version.into(),
        event.event_id.to_string().into(),
        event.event_type.into(),
        i64::from(event.schema_version).into(),
        event.payload.into(),
        event.metadata.into(),
        hash::hex(event.salt).into(),
        event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        hash::hex(&event.hash).into(),
        event.login.into(),
        chained.previous.map(|previous| hash::hex(&previous)).into(),
    ]
}

/// The exported phases.
struct ExportedTimelines {
    file: ExportedFile,
    counts: ExportCounts,
}

/// Writes the phases of the open timelines.
fn export_timelines(
    folder: &ExportFolder,
    format: TableFormat,
    folded: &FoldedLog,
    projects: &[ProjectId],
    names: &KnownNames,
) -> Result<ExportedTimelines, Failure> {
    let file = folder.file(&format.file_name("timelines"))?;
    let mut table =
        TableWriter::begin(file, format, &PHASE_COLUMNS).map_err(|error| folder.failure(&error))?;
    let mut counts = ExportCounts::default();
    let names = names.projects();
    for project in projects {
        let Some(timeline) = folded.timelines.get(project) else { continue };
        counts.projects += u64::from(timeline.timeline.project().is_some());
        let name = names.get(&project.uuid()).map(String::as_str);
        counts.phases += phases_of(&mut table, timeline, name).map_err(|error| folder.failure(&error))?;
    }
    let file = table.end().finish().map_err(|error| folder.failure(&error))?;
    Ok(ExportedTimelines { file, counts })
}

/// Writes the phases of one timeline, and returns their number.
fn phases_of(
    table: &mut TableWriter<ExportFile>,
    folded: &FoldedTimeline,
    name: Option<&str>,
) -> std::io::Result<u64> {
    let range = folded.timeline.range();
    let time = |time: NaiveDateTime| time.format("%Y-%m-%dT%H:%M:%S%.f").to_string();
    let mut phases = 0;
    for row in project_phases::rows(folded) {
        phases += 1;
        table.row(&[
            row.project_id.to_string().into(),
            name.into(),
            folded.version.into(),
            range.map(|range| range.start().to_string()).into(),
            range.map(|range| range.end().to_string()).into(),
            row.id.to_string().into(),
            row.name.into(),
            row.start_date.to_string().into(),
            row.end_date.to_string().into(),
            row.description.into(),
            row.capital_budget.to_string().into(),
            row.expense_budget.to_string().into(),
            row.total_budget.to_string().into(),
            time(row.created_at).into(),
            time(row.updated_at).into(),
        ])?;
    }
    Ok(phases)
}

/// Writes the manifest, and puts all files into their places, the manifest last.
fn write_manifest(folder: ExportFolder, manifest: &ExportManifest) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let mut file = folder.file("manifest.json")?;
    let written = file.write_all(&text).and_then(|()| file.finish());
    let written = written.map_err(|error| folder.failure(&error))?;
    let files: Vec<&ExportedFile> = manifest.files.iter().chain([&written]).collect();
    folder.finish(&files)
}
