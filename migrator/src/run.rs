//! The frame that migrate, rollback and takeover share: the operator, the locks, the journal, and the swap's common steps.

pub(crate) mod attempts;
pub(crate) mod cut_over;
mod journal;
pub(crate) mod lock;
mod operator;
pub(crate) mod session;
mod swap_locks;

pub(crate) use journal::Journal;
pub use operator::Operator;
