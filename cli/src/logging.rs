//! Log lines on stderr, by `-v` or `PHASELINE_LOG`.

use crate::config::LogFormat;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The variable with the filter; it overrides `-v`.
pub(crate) const VARIABLE: &str = "PHASELINE_LOG";

/// A command's log style.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// The lines' format.
    pub(crate) format: LogFormat,
    /// Whether informational lines are logged, as for a service's requests.
    pub(crate) verbose: bool,
}

/// Keeps logging alive while it exists.
#[derive(Debug, Default)]
pub(crate) struct Logging {
    #[cfg(feature = "otel")]
    _sending: Option<phaseline_api::otel::Sending>,
}

/// Starts logging, inside the runtime. Default level: warnings; with `--quiet` errors. The driver logs the server's notices as warnings, and
/// its own errors beside the failures that name them: only `-vv` shows these lines.
pub(crate) fn start(global: &GlobalArgs, style: Style) -> Result<Logging, Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
            Failure::usage(format!("{VARIABLE}: {error}"))
                .remedy(format!("For example: {VARIABLE}=phaseline=debug"))
        })?,
        _ => EnvFilter::new(match (global.verbose, global.quiet) {
            (0, true) => "error,sqlx=off",
            (0, false) if style.verbose => "warn,sqlx=off,phaseline=info,phaseline_api=info",
            (0, false) => "warn,sqlx=off",
            (1, _) => "info,sqlx=off",
            _ => "debug",
        }),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match style.format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => lines
            .with_ansi(
                std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            )
            .boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    let logging = Logging::default();
    #[cfg(feature = "otel")]
    let (subscriber, logging) = if style.verbose {
        let (spans, sending) = phaseline_api::otel::layer().map_err(|error| {
            Failure::usage(format!("the OpenTelemetry collector: {error}"))
                .remedy("Set OTEL_EXPORTER_OTLP_ENDPOINT to its address, such as http://localhost:4317")
        })?;
        (subscriber.with(Some(spans)), Logging { _sending: Some(sending) })
    } else {
        (subscriber.with(None), logging)
    };
    // A second initialisation would be a bug, but not a reason to fail.
    let _ = subscriber.with(filter).try_init();
    Ok(logging)
}
