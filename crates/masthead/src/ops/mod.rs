//! The operators' pages: `/health/live`, `/health/ready`, `/metrics`.

mod health;
mod process;
mod recorder;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::body::Incoming;
use masthead_api::{ApiResponse, RequestId, refuse_at};
use masthead_http_server::{RawHead, Rejection, RequestHandler};
use metrics_exporter_prometheus::PrometheusHandle;

pub use health::{HealthPart, HealthReport, ServiceHealth};
pub use recorder::{RequestTimes, install};

use crate::{
    logs::LogWriter,
    server_errors::{ALIVE, LIVE_PATH, RETRY_AFTER, api_error, overload_response},
};

/// Serves the operators' pages.
pub struct Ops {
    health: ServiceHealth,
    metrics: PrometheusHandle,
    log: Option<LogWriter>,
    log_lines_dropped: AtomicU64,
}

/// One of the operators' pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpsPage {
    Live,
    Ready,
    Metrics,
}

impl OpsPage {
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        match path {
            LIVE_PATH => Some(Self::Live),
            "/health/ready" => Some(Self::Ready),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Live => LIVE_PATH,
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
        }
    }
}

impl Ops {
    /// `log` provides the number of dropped lines.
    #[must_use]
    pub fn new(health: ServiceHealth, metrics: PrometheusHandle, log: Option<LogWriter>) -> Self {
        Self {
            health,
            metrics,
            log,
            log_lines_dropped: AtomicU64::new(0),
        }
    }

    pub(crate) async fn answer(&self, page: OpsPage, method: &Method) -> ApiResponse {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match page {
            OpsPage::Live => text(StatusCode::OK, "application/json", ALIVE.to_owned()),
            OpsPage::Ready => {
                let report = self.health.report().await;
                let status = if report.ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                text(
                    status,
                    "application/json",
                    serde_json::to_string(&report).unwrap_or_default(),
                )
            }
            OpsPage::Metrics => {
                self.measure();
                text(
                    StatusCode::OK,
                    "text/plain; version=0.0.4; charset=utf-8",
                    self.metrics.render(),
                )
            }
        }
    }

    /// Drains the recorder's buffers; must be called every few seconds, or they grow.
    pub fn upkeep(&self) {
        self.metrics.run_upkeep();
    }

    fn measure(&self) {
        process::measure();
        if let Some(log) = &self.log {
            let now = log.dropped();
            let before = self.log_lines_dropped.swap(now, Ordering::Relaxed);
            metrics::counter!("masthead_log_lines_dropped_total").increment(now.saturating_sub(before));
        }
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> ApiResponse {
    let mut answer = ApiResponse::new(Full::from(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A server error on the operators' own address, in the v4 envelope.
fn reject(headers: &HeaderMap, rejection: Rejection) -> ApiResponse {
    let id = RequestId::from_headers(headers).unwrap_or_else(|| RequestId::from_number(0));
    refuse_at("", api_error(rejection), id, RETRY_AFTER)
}

/// On an address of its own (`metrics.listen`), only these pages are served.
impl RequestHandler for Ops {
    type Body = Full<Bytes>;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _peer: IpAddr,
        rejection: Option<Rejection>,
    ) -> ApiResponse {
        if let Some(rejection) = rejection {
            return reject(request.headers(), rejection);
        }
        match OpsPage::from_path(request.uri().path()) {
            Some(page) => self.answer(page, request.method()).await,
            None => text(StatusCode::NOT_FOUND, "text/plain", String::new()),
        }
    }

    fn reject_head(&self, _head: &RawHead<'_>, rejection: Rejection) -> ApiResponse {
        reject(&HeaderMap::new(), rejection)
    }

    fn overload_response(&self, head: &RawHead<'_>) -> Vec<u8> {
        overload_response(head.path())
    }
}
