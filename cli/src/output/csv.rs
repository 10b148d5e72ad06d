//! `--output csv`: the rows of a result as a table, without what is beside them. Whether it is complete, the exit code says.

use super::{Output, OutputFormat};
use crate::export_table::{TableFormat, TableValue, TableWriter};
use std::io;

/// Prints rows of a table.
#[derive(Debug)]
pub(crate) struct CsvRows<'a> {
    output: &'a Output,
    table: TableWriter<Vec<u8>>,
}

impl CsvRows<'_> {
    /// Prints a row, with a value for each column.
    pub(crate) fn row(&mut self, values: &[TableValue<'_>]) {
        let written = self.table.row(values);
        self.print(written);
    }

    /// Prints the written line. On stdout it ends as the system's lines do, for tools that read lines.
    fn print(&mut self, written: io::Result<()>) {
        let line = self.table.take();
        match written {
            Ok(()) => self.output.stdout(String::from_utf8_lossy(&line).trim_end_matches("\r\n")),
            Err(error) => self.output.unwritable(&error),
        }
    }
}

impl Output {
    /// A printer of rows with these columns, whose names it prints; only with `--output csv`.
    pub(crate) fn csv(&self, columns: &'static [&'static str]) -> Option<CsvRows<'_>> {
        if self.form() != OutputFormat::Csv {
            return None;
        }
        let table = TableWriter::begin(Vec::new(), TableFormat::Csv, columns).ok()?;
        let mut rows = CsvRows { output: self, table };
        rows.print(Ok(()));
        Some(rows)
    }
}
