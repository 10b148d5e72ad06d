//! Where the rows of a long result go while they are read.

use super::{CsvRows, Output, Streamed};
use serde::Serialize;

/// A sink of rows.
#[derive(Debug)]
pub(crate) enum RowSink<'a, T> {
    /// On stdout, as a table.
    Table(CsvRows<'a>),
    /// On stdout, one object a line.
    Lines(Streamed<'a>),
    /// Kept for the one object or the text at the end.
    Report(Vec<T>),
}

impl<T: Serialize> RowSink<'_, T> {
    /// Takes the next row; `table` prints it as a table has it.
    pub(crate) fn add(&mut self, row: T, table: impl FnOnce(&mut CsvRows<'_>, &T)) {
        match self {
            Self::Table(rows) => table(rows, &row),
            Self::Lines(lines) => lines.row(&row),
            Self::Report(rows) => rows.push(row),
        }
    }

    /// Ends what was printed, with the result without its rows. Returns the rows that were kept, if they were.
    pub(crate) fn end(self, result: &impl Serialize) -> Option<Vec<T>> {
        match self {
            Self::Table(_) => None,
            Self::Lines(lines) => {
                lines.end(result);
                None
            }
            Self::Report(rows) => Some(rows),
        }
    }
}

impl Output {
    /// The sink of rows with these columns as a table, and of this format as lines.
    pub(crate) fn sink<T>(&self, columns: &'static [&'static str], format: &'static str) -> RowSink<'_, T> {
        match (self.csv(columns), self.stream(format)) {
            (Some(table), _) => RowSink::Table(table),
            (None, Some(lines)) => RowSink::Lines(lines),
            (None, None) => RowSink::Report(Vec::new()),
        }
    }
}
