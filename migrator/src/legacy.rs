//! The legacy tables: unchecked rows, checked values, and the links of assignments.

pub(crate) mod assignment_links;
pub(crate) mod assignments;
pub(crate) mod raw;
pub(crate) mod reading;
pub(crate) mod tables;
pub(crate) mod values;
