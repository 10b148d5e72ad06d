//! What commands print, as data: each is serialised as it is, and rendered by the page of the same name.

pub(crate) mod adopt;
pub(crate) mod drift;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
