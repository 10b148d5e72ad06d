//! What is wrong with projects that differ from the log, in words, each with its remedy.

use crate::pages::words;
use phaseline_domain::ProjectId;
use phaseline_projections::drift::{DriftedProject, Finding, Remedy};

/// The most differences of a project that are shown.
const MOST: usize = 20;

/// One difference.
#[derive(Debug)]
pub(super) struct FindingText {
    pub(super) text: String,
    /// Whether it is a note only.
    pub(super) is_note: bool,
    /// What to do, in words.
    pub(super) remedy: String,
    /// The command that does it.
    pub(super) command: Option<String>,
}

/// All that is wrong with a project, and how much is left out.
pub(super) fn texts(project: ProjectId, drifted: &DriftedProject) -> (Vec<FindingText>, usize) {
    let mut texts = damages(project, drifted);
    texts.extend(drifted.findings.iter().take(MOST).map(|finding| of_finding(project, finding)));
    (texts, drifted.findings.len().saturating_sub(MOST))
}

fn damages(project: ProjectId, drifted: &DriftedProject) -> Vec<FindingText> {
    let mut texts = Vec::new();
    if !drifted.unreadable.is_empty() {
        texts.push(FindingText {
            text: format!(
                "{} cannot be read: the rows of this project were not compared",
                events_at(&drifted.unreadable)
            ),
            is_note: false,
            remedy: "see what is wrong with it, and leave it out if that is right".to_owned(),
            command: Some(format!("phaseline quarantine {project}")),
        });
    }
    if !drifted.altered.is_empty() {
        texts.push(FindingText {
            text: format!(
                "{} altered after being recorded: the log may be wrong, and the rows of this project were not compared",
                were_events_at(&drifted.altered)
            ),
            is_note: false,
            remedy: "see all damage of the log, and restore it from a backup".to_owned(),
            command: Some("phaseline verify".to_owned()),
        });
    }
    if drifted.is_busy {
        texts.push(FindingText {
            text: "was changed during each comparison, and not compared".to_owned(),
            is_note: true,
            remedy: "load the page again".to_owned(),
            command: None,
        });
    }
    texts
}

fn events_at(positions: &[i64]) -> String {
    match positions {
        [one] => format!("the event at position {one}"),
        many => format!("the events at positions {}", list(many)),
    }
}

fn were_events_at(positions: &[i64]) -> String {
    let is = if positions.len() == 1 { "was" } else { "were" };
    format!("{} {is}", events_at(positions))
}

fn list(positions: &[i64]) -> String {
    let shown: Vec<String> = positions.iter().take(MOST).map(ToString::to_string).collect();
    let more = if positions.len() > MOST { " and others" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn of_finding(project: ProjectId, finding: &Finding) -> FindingText {
    // The row says which project it is.
    let text = finding.to_string();
    let text = text.replace(&format!(" of project {project}"), "");
    let text = text.strip_prefix(&format!("project {project}: ")).unwrap_or(&text);
    let (remedy, command) = match finding.remedy() {
        Remedy::Repair => {
            ("write the rows from the log", Some(format!("phaseline drift --repair {project}")))
        }
        Remedy::Adopt => ("take the rows into the log", Some(format!("phaseline adopt {project}"))),
        Remedy::AdoptRepair => {
            ("give the project a phase", Some(format!("phaseline adopt --repair {project}")))
        }
        Remedy::Close => (
            "none is needed: the service closes the timeline; to close it now",
            Some("phaseline adopt".to_owned()),
        ),
        Remedy::NextCommand => (
            "none is needed: the next change of the project takes its dates in; to apply them now",
            Some(format!("phaseline timeline reschedule {project} --from-table")),
        ),
        Remedy::None => ("none is needed", None),
        Remedy::Reschedule => {
            ("save a complete list of phases over these dates, or change the project's dates back", None)
        }
    };
    FindingText { text: words::shown(text), is_note: finding.is_note(), remedy: remedy.to_owned(), command }
}
