//! What is in the way of a run, and what is worth a remark before it.

/// A table of the migration, for [`super::obstacles`] and [`super::notes`].
#[derive(Clone, Copy, Debug)]
pub struct RebuiltTable<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
    /// The columns that are dropped.
    pub going_columns: &'a [&'a str],
    /// The columns that it may have; `None` if others are carried over.
    pub expected_columns: Option<&'a [&'a str]>,
    /// Whether either direction builds it again, as a new table. If not, only dependents of the dropped columns count.
    pub rebuilt: bool,
}

/// Something that the round trip cannot carry over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The table that it is about, `public.project_phases`; empty if it is about the database.
    pub table: String,
    /// What is in the way, by kind and qualified name: `view public.phase_report`.
    pub object: String,
    /// Why it is in the way.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// A remark that is not an obstacle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The table that it is about.
    pub table: String,
    /// What it is, by kind and qualified name.
    pub object: String,
    /// What will happen to it.
    pub text: String,
}
