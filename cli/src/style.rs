//! The colours. `{GOOD}` opens one and `{GOOD:#}` closes it; anstream strips them where the output is not a terminal.

use anstyle::{AnsiColor, Style};

/// Passed, ready, done.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Failed, refused.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Attention.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// Ids and other small print.
pub(crate) const DIM: Style = Style::new().dimmed();
