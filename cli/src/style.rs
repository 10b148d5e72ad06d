//! The few colours. Each is opened by `{GOOD}` and closed by `{GOOD:#}`; anstream strips them where they do not belong.

use anstyle::{AnsiColor, Style};

/// Passed, ready, done.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Failed, refused.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Worth a look.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// Ids and other small print.
pub(crate) const DIM: Style = Style::new().dimmed();
