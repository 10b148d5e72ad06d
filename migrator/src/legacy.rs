//! The legacy tables: rows as they are, values proven good, and where assignments point.

pub(crate) mod assignment_links;
pub(crate) mod tables;
pub(crate) mod values;
