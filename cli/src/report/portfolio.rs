//! All timelines at a moment, and what changed of all between two.

use chrono::NaiveDate;
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
}
