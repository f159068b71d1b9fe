//! The collector: takes messages of OTLP as protobuf over HTTP, within a deadline.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use masthead_http_client::{HttpClient, HttpOptions};
use prost::Message;

use crate::options::{TelemetryError, TelemetryOptions};

/// How long one message may take. A message that is late is lost: waiting longer would only fill the queue.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest answer that is read; the answers are a few bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a message is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

pub(crate) struct Collector {
    client: HttpClient,
    traces: Uri,
    metrics: Uri,
    headers: HeaderMap,
    /// Whether the last message was lost, so that the log has the change and not each message.
    is_failing: AtomicBool,
}

impl Collector {
    pub(crate) fn new(options: &TelemetryOptions) -> Result<Self, TelemetryError> {
        let traces = endpoint(&options.endpoint, Signal::Traces)?;
        let metrics = endpoint(&options.endpoint, Signal::Metrics)?;
        // A collector is a neighbour, usually without TLS. What is sent holds no personal data.
        let client = HttpClient::new(HttpOptions {
            total_timeout: DEADLINE,
            max_body_bytes: MAX_ANSWER_BYTES,
            allow_private: true,
            ..HttpOptions::default()
        });
        Ok(Self {
            client: client.map_err(TelemetryError::Client)?,
            traces,
            metrics,
            headers: options.headers.clone(),
            is_failing: AtomicBool::new(false),
        })
    }

    /// Sends one message, once. Failures are counted, and logged when they begin and end.
    pub(crate) async fn send(&self, signal: Signal, message: &impl Message) {
        let uri = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
        };
        let mut request = Request::new(Bytes::from(message.encode_to_vec()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let failure = match self.client.send(request, Instant::now() + DEADLINE).await {
            Ok(reply) if reply.status.is_success() => None,
            Ok(reply) => Some(format!("status {}", reply.status.as_u16())),
            Err(error) => Some(error.to_string()),
        };
        let outcome = if failure.is_none() { "ok" } else { "failed" };
        metrics::counter!("masthead_telemetry_exports_total", "signal" => signal.name(), "outcome" => outcome)
            .increment(1);
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !was_failing => {
                tracing::warn!(
                    signal = signal.name(),
                    reason,
                    "the collector does not take telemetry: it is lost until it does"
                );
            }
            None if was_failing => tracing::info!("the collector takes telemetry again"),
            _ => {}
        }
    }
}

/// Whether this is the base URL of a collector: http or https, without user, query and fragment.
#[must_use]
pub fn is_endpoint(base: &str) -> bool {
    endpoint(base, Signal::Traces).is_ok()
}

/// The URL of a signal below the base URL.
fn endpoint(base: &str, signal: Signal) -> Result<Uri, TelemetryError> {
    let full = format!("{}/v1/{}", base.trim_end_matches('/'), signal.name());
    let uri: Uri = full.parse().map_err(|_| TelemetryError::Endpoint)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_plain_host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if is_http && has_plain_host && uri.query().is_none() && !base.contains('#') {
        Ok(uri)
    } else {
        Err(TelemetryError::Endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_otlp_follow_the_base_url() {
        // OTLP specification, "OTLP/HTTP request": the default paths are /v1/traces and /v1/metrics.
        for base in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/"] {
            let uri = endpoint(base, Signal::Traces).unwrap();
            assert_eq!(uri, "http://127.0.0.1:4318/v1/traces");
        }
        let uri = endpoint("https://otel.example/ingest", Signal::Metrics).unwrap();
        assert_eq!(uri, "https://otel.example/ingest/v1/metrics");
    }

    #[test]
    fn endpoint_without_plain_host_is_refused() {
        for base in [
            "",
            "127.0.0.1:4318",
            "grpc://otel.example:4317",
            "http://user:secret@otel.example",
            "http://otel.example?token=1",
            "http://otel.example#a",
            "http://",
        ] {
            assert_eq!(endpoint(base, Signal::Traces), Err(TelemetryError::Endpoint), "{base}");
        }
    }
}
