//! The options of the export, and why they can be invalid.

use std::time::Duration;

use http::HeaderMap;
use masthead_http_client::ClientOptionsError;
use thiserror::Error;

/// The options of the export.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// The base URL of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are appended.
    pub endpoint: String,
    /// Headers of each request to it, such as its credentials.
    pub headers: HeaderMap,
    /// The share of traces that are recorded, 0 to 1, where the caller has not decided.
    pub sample_ratio: f64,
    /// How often metrics are sent; `None` never.
    pub metrics_every: Option<Duration>,
    /// `service.name` of the resource.
    pub service_name: &'static str,
    /// `service.version` of the resource.
    pub service_version: &'static str,
    /// `service.instance.id` of the resource.
    pub service_instance: Box<str>,
    /// The target of the spans that are exported.
    pub span_target: &'static str,
}

/// The export cannot be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TelemetryError {
    /// The endpoint is no URL, or has a user, a query or a fragment.
    #[error("the endpoint must be an http or https URL without user, query and fragment")]
    Endpoint,
    /// The client cannot be made.
    #[error("the client for the collector cannot be made")]
    Client(#[source] ClientOptionsError),
}
