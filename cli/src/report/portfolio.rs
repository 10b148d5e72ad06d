//! All timelines at a moment, and what changed of all between two.

use chrono::NaiveDate;
use phaseline_domain::ProjectId;
use phaseline_projections::portfolio::{ChangeTotals, PortfolioProject, PortfolioTotals, ProjectChange};
use phaseline_store::ResolvedMoment;
use serde::Serialize;

/// `phaseline.portfolio/1` without its projects.
#[derive(Serialize)]
pub(crate) struct PortfolioEnd {
    pub(crate) format: &'static str,
    /// The moment.
    pub(crate) moment: ResolvedMoment,
    /// The day on which projects and phases run; none for all.
    pub(crate) on: Option<NaiveDate>,
    /// The text that the projects have; none for all.
    pub(crate) filter: Option<String>,
    /// Sums over all projects, also of those beyond the limit.
    pub(crate) totals: PortfolioTotals,
}

/// `phaseline.portfolio/1`
#[derive(Serialize)]
pub(crate) struct PortfolioReport {
    #[serde(flatten)]
    pub(crate) end: PortfolioEnd,
    /// The projects, by name.
    pub(crate) projects: Vec<PortfolioProject>,
    #[serde(skip)]
    pub(crate) notes: PortfolioNotes,
}

/// `phaseline.portfolio.diff/1` without its projects.
#[derive(Serialize)]
pub(crate) struct PortfolioDiffEnd {
    pub(crate) format: &'static str,
    /// The earlier moment.
    pub(crate) from: ResolvedMoment,
    /// The later moment.
    pub(crate) to: ResolvedMoment,
    /// Sums over all changed projects.
    pub(crate) totals: ChangeTotals,
}

/// `phaseline.portfolio.diff/1`
#[derive(Serialize)]
pub(crate) struct PortfolioDiffReport {
    #[serde(flatten)]
    pub(crate) end: PortfolioDiffEnd,
    /// The changed projects, by name.
    pub(crate) projects: Vec<ProjectChange>,
    #[serde(skip)]
    pub(crate) notes: PortfolioNotes,
}

/// What people must know beside the projects.
#[derive(Debug, Default)]
pub(crate) struct PortfolioNotes {
    /// Whether this role may read names.
    pub(crate) has_names: bool,
    /// Why the exit code is 6.
    pub(crate) unsound: UnsoundProjects,
}

/// Projects with events that cannot be read, or were altered, also those beyond a limit.
#[derive(Debug, Default)]
pub(crate) struct UnsoundProjects {
    /// A line for each of the first ones, or two.
    listed: Vec<String>,
    total: u64,
}

impl UnsoundProjects {
    /// The number of listed projects.
    const MAX_LISTED: u64 = 20;

    /// Takes the next project.
    pub(crate) fn see(&mut self, project: ProjectId, unreadable: &[i64], altered: &[i64]) {
        if unreadable.is_empty() && altered.is_empty() {
            return;
        }
        self.total += 1;
        if self.total > Self::MAX_LISTED {
            return;
        }
        for (positions, what) in [
            (unreadable, "events that cannot be read are left out"),
            (altered, "events were altered after they were recorded (run: phaseline verify)"),
        ] {
            if !positions.is_empty() {
                let positions: Vec<String> = positions.iter().map(ToString::to_string).collect();
                self.listed.push(format!("project {project}: {what}, at position {}", positions.join(", ")));
            }
        }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// A line for each project.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.listed.clone();
        let more = self.total.saturating_sub(Self::MAX_LISTED);
        if more > 0 {
            lines.push(format!("{more} more projects have events that cannot be read, or were altered"));
        }
        lines
    }
}
