//! The trace of a request, taken from the caller and passed on: the header `traceparent` of W3C Trace Context.
//!
//! `tracestate` and `baggage` are neither taken nor passed on: their values are any text of the caller, and could name a
//! person.

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// Makes the span part of the trace that the headers name; a missing or invalid header begins a new one. The span must not
/// have been entered.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&Traceparent(headers));
    if parent.span().span_context().is_valid() {
        // Fails for a span that has begun, or without the layer: it is the root of a trace then.
        let _ = span.set_parent(parent);
    }
}

/// Adds the header by which the receiver continues the trace of the current span, if there is one.
pub fn add_trace_headers(headers: &mut HeaderMap) {
    let span = Span::current();
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut TraceparentMut(headers));
    }
}

struct Traceparent<'a>(&'a HeaderMap);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        // A repeated header is invalid (W3C Trace Context, section 3.2).
        let mut values = self.0.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if key == TRACEPARENT => value.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

struct TraceparentMut<'a>(&'a mut HeaderMap);

impl Injector for TraceparentMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT
            && let Ok(value) = HeaderValue::try_from(value)
        {
            self.0.insert(TRACEPARENT, value);
        }
    }
}
