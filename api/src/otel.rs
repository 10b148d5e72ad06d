//! Spans for an OpenTelemetry collector, by OTLP over gRPC, configured by the standard variables:
//! `OTEL_EXPORTER_OTLP_ENDPOINT` (default `http://localhost:4317`) and others.

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The name of the service in traces.
const NAME: &str = "phaseline";

/// Sends the remaining spans when it is dropped.
#[derive(Debug)]
pub struct Sending(SdkTracerProvider);

impl Drop for Sending {
    fn drop(&mut self) {
        // An unreachable collector must not fail the service.
        let _ = self.0.shutdown();
    }
}

/// A layer that sends spans, for as long as the second value lives. Must be called inside the runtime.
///
/// # Errors
/// The variables are not valid.
pub fn layer<S>() -> Result<(impl Layer<S> + Send + Sync, Sending), ExporterBuildError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let resource = Resource::builder().with_service_name(NAME).build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(NAME));
    Ok((layer, Sending(provider)))
}

/// A request's headers, for the trace that they name (`traceparent`).
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Makes the client's span the parent of a request's span.
pub(crate) fn join(span: &Span, headers: &HeaderMap) {
    let caller = TraceContextPropagator::new().extract(&Headers(headers));
    // Fails if no layer records spans: then there is nothing to join.
    let _ = span.set_parent(caller);
}
