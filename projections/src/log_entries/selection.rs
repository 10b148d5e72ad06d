//! Which events of the log are wanted.

use super::may_be_of_project;
use super::other_streams::repaired_projects;
use crate::repair::DRIFT_REPAIR;
use phaseline_domain::ProjectId;
use phaseline_store::RawEvent;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// So many projects are read by their streams; for more the log is looked through.
const FEW_STREAMS: usize = 16;

/// Whose events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorFilter {
    /// The actor, its name or the database login has this text.
    NameOrLogin(String),
    /// The actor has this id.
    Id(String),
}

impl ActorFilter {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NameOrLogin(text) | Self::Id(text) => text,
        }
    }

    fn fits(&self, event: &RawEvent<'_>) -> bool {
        let metadata = event.metadata();
        match self {
            Self::Id(id) => metadata.actor.as_ref() == Some(id),
            Self::NameOrLogin(text) => {
                let names = [metadata.actor.as_deref(), metadata.actor_name.as_deref(), event.login];
                names.into_iter().flatten().any(|name| name == text)
            }
        }
    }
}

/// The wanted events.
#[derive(Clone, Debug)]
pub struct LogSelection {
    /// At these positions.
    pub positions: RangeInclusive<i64>,
    /// About this project, repairs that name it included; none for all.
    pub project: Option<ProjectId>,
    /// The only projects whose events may be read; none for all. Otherwise runs are left out, and repairs of any other project.
    pub visible: Option<BTreeSet<ProjectId>>,
    /// By this actor; none for all.
    pub actor: Option<ActorFilter>,
    /// Of this type; none for all.
    pub event_type: Option<String>,
    /// The most events, from the beginning or, newest first, from the end.
    pub limit: Option<usize>,
    /// Whether the newest events come first.
    pub newest_first: bool,
}

impl LogSelection {
    /// Whether an event of the project, if one is given, is wanted; independent of the limit.
    pub fn wants(&self, event: &RawEvent<'_>) -> bool {
        self.positions.contains(&event.position)
            && self.event_type.as_deref().is_none_or(|wanted| wanted == event.event_type)
            && self.visible.as_ref().is_none_or(|visible| is_about_only(visible, event))
            && self.actor.as_ref().is_none_or(|actor| actor.fits(event))
    }

    /// The projects whose streams have all wanted events; none if these are many.
    pub(super) fn few_projects(&self) -> Option<Vec<ProjectId>> {
        match (self.project, &self.visible) {
            (Some(project), _) => Some(vec![project]),
            (None, Some(visible)) if visible.len() <= FEW_STREAMS => Some(visible.iter().copied().collect()),
            _ => None,
        }
    }
}

/// Whether an event is about some of these projects, and about no other one.
fn is_about_only(projects: &BTreeSet<ProjectId>, event: &RawEvent<'_>) -> bool {
    if event.stream_type == DRIFT_REPAIR {
        let repaired = repaired_projects(event.payload);
        return repaired.is_some_and(|repaired| !repaired.is_empty() && repaired.is_subset(projects));
    }
    may_be_of_project(event.stream_type) && projects.contains(&event.stream_id.into())
}
