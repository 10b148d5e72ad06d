//! Log lines for whoever looks for a fault: on stderr, by `-v` or `PHASELINE_LOG`.

use crate::config::LogFormat;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

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

/// What must live for as long as anything is logged.
#[derive(Debug, Default)]
pub(crate) struct Logging {
    #[cfg(feature = "otel")]
    _sending: Option<phaseline_api::otel::Sending>,
}

/// Starts logging, inside the runtime. Without a word only warnings are shown, and with `--quiet` only errors.
pub(crate) fn start(global: &GlobalArgs, style: Style) -> Result<Logging, Failure> {
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
    let (subscriber, logging) = if style.tells_all {
        let (spans, sending) = phaseline_api::otel::layer().map_err(|error| {
            Failure::usage(format!("the OpenTelemetry collector: {error}"))
                .remedy("Set OTEL_EXPORTER_OTLP_ENDPOINT to its address, such as http://localhost:4317")
        })?;
        (subscriber.with(Some(spans)), Logging { _sending: Some(sending) })
    } else {
        (subscriber.with(None), logging)
    };
    // Two at once would be a bug of ours, and no reason to fail.
    let _ = subscriber.with(filter).try_init();
    Ok(logging)
}
