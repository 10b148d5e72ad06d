//! The terminal's width.

/// The columns of the terminal on stdout; none if it is no terminal.
pub(crate) fn of_terminal() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}
