//! Log lines for whoever looks for a fault: on stderr, by `-v` or `PHASELINE_LOG`.

use crate::args::GlobalArgs;
use crate::config::LogFormat;
use crate::failure::Failure;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// The variable with the filter; it wins over `-v`.
pub(crate) const VARIABLE: &str = "PHASELINE_LOG";

/// How a command's log looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// What its lines look like.
    pub(crate) format: LogFormat,
    /// Whether what is as it should be is worth a line, too: a service's log has one for each request.
    pub(crate) tells_all: bool,
}

/// Starts logging. Without a word only warnings are shown, and with `--quiet` only errors.
pub(crate) fn start(global: &GlobalArgs, style: Style) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
            Failure::usage(format!("{VARIABLE}: {error}"))
                .remedy(format!("For example: {VARIABLE}=phaseline=debug"))
        })?,
        _ => EnvFilter::new(match (global.verbose, global.quiet) {
            (0, true) => "error",
            (0, false) if style.tells_all => "warn,phaseline=info,phaseline_api=info",
            (0, false) => "warn",
            (1, _) => "info",
            (2, _) => "debug",
            _ => "trace",
        }),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Two at once would be a bug of ours, and no reason to fail.
    let _ = match style.format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
        LogFormat::Text => lines
            .with_ansi(
                std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            )
            .try_init(),
    };
    Ok(())
}
