//! The span of one request to a provider.

use bytes::Bytes;
use http::Request;
use masthead_ports::{source::SourceName, trace::SPANS};
use tracing::{Span, field::Empty};

/// A span with the host, without the path: that names users.
pub(crate) fn call_span(provider: SourceName, operation: &'static str, request: &Request<Bytes>) -> Span {
    tracing::trace_span!(
        target: SPANS,
        "provider call",
        otel.name = format_args!("{} {provider} {operation}", request.method()),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.response.status_code = Empty,
        server.address = request.uri().host().unwrap_or_default(),
        error.type = Empty,
    )
}

/// Records how the call ended; `outcome` is `ok`, or why it failed.
pub(crate) fn record_outcome(span: &Span, status: Option<u16>, outcome: &'static str) {
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    if outcome != "ok" {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", outcome);
    }
}
