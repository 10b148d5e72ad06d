//! A table of text: columns as wide as their widest cell, or as a terminal permits.
//!
//! If the terminal is too narrow, columns of text give way and their cells are cut; then ids move to lines of their own, whole; at last each
//! row becomes a record of a line per cell, with nothing cut.

use super::layout::Layout;
use crate::style::DIM;
use crate::width::{cut, of_text};

/// The least width of a column of text beside ids.
const COMFORTABLE: usize = 16;
/// The least width of a column of text. Dates fit.
const LEAST: usize = 10;
/// The length of an id.
const ID: usize = 36;
/// The line below a table with a cell that is cut.
const CUT: &str = "  … is cut; --wide shows all";

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Of text, which may be cut.
    Left,
    /// Of words by which a row is found; never cut.
    Key,
    /// Of numbers.
    Right,
}

/// A table with a heading; rows have as many cells as there are columns.
#[derive(Clone, Debug)]
pub(crate) struct TextTable {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

/// The position of the ids of a table that is too narrow for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdPlace {
    InColumns,
    OnOwnLines,
}

impl TextTable {
    pub(crate) fn new(columns: &[(&'static str, Align)], rows: Vec<Vec<String>>) -> Self {
        Self { columns: columns.to_vec(), rows }
    }

    /// The lines of the whole table, each indented by two spaces.
    pub(crate) fn whole(&self) -> Vec<String> {
        self.lines(&self.natural_widths(), IdPlace::InColumns)
    }

    /// The lines of the table on a terminal of this width.
    pub(crate) fn fitted(&self, terminal: usize) -> Vec<String> {
        let natural = self.natural_widths();
        for (ids, least) in [(IdPlace::InColumns, COMFORTABLE), (IdPlace::OnOwnLines, LEAST)] {
            if ids == IdPlace::OnOwnLines && !self.ids_fit(terminal) {
                continue;
            }
            let Some(widths) = self.narrowed(natural.clone(), ids, least, terminal) else { continue };
            let mut lines = self.lines(&widths, ids);
            if self.shown(ids).any(|column| widths[column] < natural[column]) {
                lines.push(format!("{DIM}{CUT}{DIM:#}"));
            }
            return lines;
        }
        self.records(terminal)
    }

    fn natural_widths(&self) -> Vec<usize> {
        let cells = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        self.columns
            .iter()
            .enumerate()
            .map(|(index, (title, _))| {
                cells(index).map(|cell| of_text(cell)).fold(of_text(title), usize::max)
            })
            .collect()
    }

    fn is_of_ids(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column)).peekable();
        let is_id = |cell: &String| cell.len() == ID && cell.matches('-').count() == 4;
        cells.peek().is_some() && cells.all(is_id)
    }

    /// Whether lines of ids fit, with indentation and title.
    fn ids_fit(&self, terminal: usize) -> bool {
        let titles = self.columns.iter().enumerate().filter(|(column, _)| self.is_of_ids(*column));
        titles.map(|(_, (title, _))| 4 + of_text(title) + 1 + ID).all(|needed| needed <= terminal)
    }

    /// The columns of the lines.
    fn shown(&self, ids: IdPlace) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(move |column| ids == IdPlace::InColumns || !self.is_of_ids(*column))
    }

    /// The widths with which the table fits, if columns of text become no narrower than `least`; the widest gives way first.
    fn narrowed(
        &self,
        mut widths: Vec<usize>,
        ids: IdPlace,
        least: usize,
        terminal: usize,
    ) -> Option<Vec<usize>> {
        let shown: Vec<usize> = self.shown(ids).collect();
        let elastic: Vec<usize> = shown
            .iter()
            .copied()
            .filter(|column| self.columns[*column].1 == Align::Left && !self.is_of_ids(*column))
            .collect();
        loop {
            let needed: usize = shown.iter().map(|column| widths[*column] + 2).sum();
            if needed <= terminal {
                return Some(widths);
            }
            let widest = elastic.iter().copied().max_by_key(|column| widths[*column])?;
            if widths[widest] <= least {
                return None;
            }
            widths[widest] -= 1;
        }
    }

    fn lines(&self, widths: &[usize], ids: IdPlace) -> Vec<String> {
        let shown: Vec<usize> = self.shown(ids).collect();
        let line = |cells: &dyn Fn(usize) -> String| {
            let padded: Vec<String> = shown
                .iter()
                .map(|column| {
                    let cell = cut(&cells(*column), widths[*column]);
                    let space = " ".repeat(widths[*column].saturating_sub(of_text(&cell)));
                    match self.columns[*column].1 {
                        Align::Right => format!("{space}{cell}"),
                        Align::Left | Align::Key => format!("{cell}{space}"),
                    }
                })
                .collect();
            format!("  {}", padded.join("  ")).trim_end().to_owned()
        };
        let mut lines = vec![
            line(&|column| self.columns[column].0.to_owned()),
            line(&|column| "-".repeat(widths[column])),
        ];
        let hidden: Vec<usize> = (0..self.columns.len()).filter(|column| !shown.contains(column)).collect();
        let id_line = |row: &[String], column: usize, indent: &str| {
            let (title, id) = (self.columns[column].0, row.get(column)?);
            Some(format!("{indent}{DIM}{title} {id}{DIM:#}"))
        };
        for row in &self.rows {
            // An id that begins the row names it.
            let (above, below): (Vec<usize>, Vec<usize>) = hidden.iter().partition(|column| **column == 0);
            lines.extend(above.iter().filter_map(|column| id_line(row, *column, "  ")));
            lines.push(line(&|column| row.get(column).cloned().unwrap_or_default()));
            lines.extend(below.iter().filter_map(|column| id_line(row, *column, "    ")));
        }
        lines
    }

    /// Each row as a record.
    fn records(&self, terminal: usize) -> Vec<String> {
        let names = self.columns.iter().map(|(title, _)| of_text(title)).fold(0, usize::max);
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            for ((title, _), cell) in self.columns.iter().zip(row) {
                let line = format!("  {title:<names$}  {cell}");
                lines.extend(Layout::page(terminal).text(&line).lines().map(str::to_owned));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID_OF_A: &str = "11111111-2222-3333-4444-555555555555";

    fn table(name: &str) -> TextTable {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        TextTable::new(
            &[("name", Align::Left), ("days", Align::Right), ("id", Align::Left)],
            vec![row([name, "7", ID_OF_A]), row(["B", "1,000", ID_OF_A])],
        )
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            vec![vec!["Entwurf ä".to_owned(), "7".to_owned()], vec!["設計".to_owned(), "1,000".to_owned()]];
        let table = TextTable::new(&[("name", Align::Left), ("days", Align::Right)], rows);
        let lines = ["  name        days", "  ---------  -----", "  Entwurf ä      7", "  設計       1,000"];
        assert_eq!(table.whole(), lines);
        assert_eq!(table.fitted(18), lines, "it fits");
    }

    #[test]
    fn names_give_way_first_and_ids_stay_whole() {
        let lines = table("a name that is far too long").fitted(65);
        assert_eq!(lines[2], format!("  a name that is fa…      7  {ID_OF_A}"));
        assert!(lines.last().unwrap().contains("--wide"));
        assert!(lines.iter().all(|line| of_text(line) <= 65), "{lines:#?}");
    }

    #[test]
    fn ids_move_below_their_rows_and_then_rows_become_records() {
        let lines = table("a name that is long").fitted(43);
        assert_eq!(lines[2], "  a name that is long      7");
        assert!(lines[3].starts_with("    ") && lines[3].contains(&format!("id {ID_OF_A}")));
        assert!(!lines.last().unwrap().contains("--wide"), "nothing is cut");
        let mut table = table("a name that is long");
        table.columns.push(("further", Align::Right));
        for row in &mut table.rows {
            row.push("1,000,000,000.00".to_owned());
        }
        assert_eq!(
            table.fitted(30)[..6],
            [
                "  name     a name that is long",
                "  days     7",
                "  id",
                &format!("    {ID_OF_A}"),
                "  further  1,000,000,000.00",
                ""
            ]
        );
    }
}
