//! The span of a request: part of its caller's trace, and the root of what the request causes here.

use std::fmt;

use http::{StatusCode, request::Parts as Head};
use masthead_api::RequestId;
use masthead_ports::trace::SPANS;
use masthead_telemetry::continue_trace;
use tracing::{Span, field::Empty};

use crate::http_methods::{OTHER, known_method};

/// A span with the pattern of the path, not the path: that names users. Disabled, and free, where spans are not recorded.
pub(super) fn request_span(head: &Head, route: Option<&str>, id: &RequestId) -> Span {
    let method = match known_method(&head.method) {
        // As the semantic conventions of HTTP spans have it.
        OTHER => "_OTHER",
        known => known,
    };
    let span = tracing::trace_span!(
        target: SPANS,
        "request",
        otel.name = %SpanName { method, route },
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        error.type = Empty,
        masthead.request_id = id.redacted(),
    );
    continue_trace(&span, &head.headers);
    span
}

/// Records the answer; only a fault of the server is an error of its span.
pub(super) fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
}

/// Method and route; the method alone of a path without one.
struct SpanName<'a> {
    method: &'static str,
    route: Option<&'a str>,
}

impl fmt::Display for SpanName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, route } = self;
        match route {
            Some(route) => write!(f, "{method} {route}"),
            None => f.write_str(method),
        }
    }
}
