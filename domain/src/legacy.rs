//! The translation of the legacy planner's phases into a timeline.
//!
//! The legacy planner knew two kinds of phase and gave them no dates. The rules here are those of the planner's own
//! migration `92023c163a26` where that is right, extended to the cases in which it fails.

mod fit;
mod remigrate;
mod split;
mod translation;

pub use crate::legacy_type::{LegacyPhaseType, UnknownPhaseType};
pub use fit::{Boundary, fit};
pub use remigrate::{DoesNotFit, remigrate, supply};
pub use split::split;
pub use translation::{LegacyPhase, Untranslatable, adopt, order, translate};
