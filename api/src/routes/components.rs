//! The schemas of requests and responses that the description lists.

mod schemas;

use super::diff::TimelineDiffBody;
use super::history::{HistoryPage, Order};
use super::log::LogPageBody;
use super::past_timeline::PastTimelineBody;
use super::phases::{ChangedPhase, ChangedPhases};
use super::portfolio::{TimelineList, TimelineListDiff};
use super::preview::PreviewResponse;
use super::requests::NeighboursBody;
use super::responses::PhaseResponse;
use super::restore::RestoredTimeline;
use super::timeline::{TimelineAtMoment, TimelineBody};
use crate::problem::Problem;
use schemas::{Attempted, AuthErrors, CurrentPhases, Detail, ShapeOrRuleErrors, StaleResponse};
use utoipa::OpenApi;

/// The schemas of responses and parameters: `#[utoipa::path]` finds only those of bodies.
#[derive(OpenApi)]
#[openapi(components(schemas(
    Problem,
    CurrentPhases,
    Attempted,
    Detail,
    StaleResponse,
    ShapeOrRuleErrors,
    AuthErrors,
    PhaseResponse,
    ChangedPhase,
    ChangedPhases,
    TimelineBody,
    TimelineAtMoment,
    PastTimelineBody,
    TimelineDiffBody,
    TimelineList,
    TimelineListDiff,
    RestoredTimeline,
    PreviewResponse,
    HistoryPage,
    LogPageBody,
    Order,
    NeighboursBody,
)))]
pub(crate) struct PhaselineComponents;
