//! A table of text: columns as wide as their widest cell.

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Lines of a table with a heading, each indented by two spaces. Rows must have as many cells as there are columns.
pub(crate) fn lines(columns: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let width = |index: usize, title: &str| {
        rows.iter()
            .filter_map(|row| row.get(index))
            .map(|cell| cell.chars().count())
            .fold(title.chars().count(), usize::max)
    };
    let widths: Vec<usize> =
        columns.iter().enumerate().map(|(index, (title, _))| width(index, title)).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(columns)
            .zip(&widths)
            .map(|((cell, (_, align)), width)| {
                let space = " ".repeat(width.saturating_sub(cell.chars().count()));
                if *align == Align::Right { format!("{space}{cell}") } else { format!("{cell}{space}") }
            })
            .collect();
        format!("  {}", padded.join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![line(columns.iter().map(|(title, _)| *title).collect())];
    lines.push(line(
        widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect(),
    ));
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["Entwurf ä".to_owned(), "7".to_owned()], vec!["B".to_owned(), "1,000".to_owned()]];
        let lines = lines(&[("name", Align::Left), ("days", Align::Right)], &rows);
        assert_eq!(
            lines,
            ["  name        days", "  ---------  -----", "  Entwurf ä      7", "  B          1,000"]
        );
    }
}
