//! The part of a project's page with the timeline, and the way to it.

use super::view::ProjectTimelineView;
use crate::auth::TokenScope;
use crate::pages::answer::PageFailure;
use crate::pages::frame::Section;
use crate::pages::visitor::Visitor;
use crate::routes::PathId;
use askama::Template;
use phaseline_domain::ProjectId;

/// The timeline alone.
#[derive(Template)]
#[template(path = "timeline_part.html")]
pub(super) struct TimelinePart {
    pub(super) t: ProjectTimelineView,
}

/// The visitor of a project's page, and the project.
pub(super) fn entered(visitor: Visitor, project: &PathId) -> Result<(Visitor, ProjectId), PageFailure> {
    let visitor = visitor.in_section(Section::Portfolio, TokenScope::PhasesRead)?;
    let project = project.project_for(&visitor.caller).map_err(|failure| visitor.failure(failure))?;
    Ok((visitor, project))
}
