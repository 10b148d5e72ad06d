//! Log lines for whoever looks for a fault: on stderr, by `-v` or `PHASELINE_LOG`.

use crate::failure::Failure;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// The variable with the filter; it wins over `-v`.
pub(crate) const VARIABLE: &str = "PHASELINE_LOG";

/// Starts logging. Without a word only warnings are shown, and with `--quiet` only errors.
pub(crate) fn start(verbose: u8, quiet: bool) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
            Failure::usage(format!("{VARIABLE}: {error}"))
                .remedy(format!("For example: {VARIABLE}=phaseline=debug"))
        })?,
        _ => EnvFilter::new(match (verbose, quiet) {
            (0, true) => "error",
            (0, false) => "warn",
            (1, _) => "info",
            (2, _) => "debug",
            _ => "trace",
        }),
    };
    // Two at once would be a bug of ours, and no reason to fail.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(
            std::io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        )
        .try_init();
    Ok(())
}
