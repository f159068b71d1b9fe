//! The operators' pages: `/health/live`, `/health/ready`, `/metrics`.

mod health;
mod metrics_page;
mod process;
mod recorder;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;
use hyper::body::Incoming;
use masthead_api::{ApiBody, ApiResponse, RequestId, refuse_at};
use masthead_http_server::{RawHead, Rejection, RequestHandler, ResponseRoom};
use metrics_exporter_prometheus::PrometheusHandle;

pub use health::{HealthPart, HealthReport, ServiceHealth};
use metrics_page::MetricsPage;
pub use recorder::{RequestTimes, install};

use crate::{
    logs::LogWriter,
    server_errors::{ALIVE, LIVE_PATH, RETRY_AFTER, api_error, overload_response},
};

/// Serves the operators' pages.
pub struct Ops {
    health: ServiceHealth,
    metrics: MetricsPage,
    /// The address of the API, by which `masthead health` recognises its own server.
    api_address: Option<SocketAddr>,
    log: Option<LogWriter>,
    log_lines_dropped: AtomicU64,
}

/// Who reads a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpsReader {
    /// An operator, on the operations port: everything is shown.
    Operator,
    /// Any client of the API: whether the server lives and is ready, and nothing else.
    Client,
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
            metrics: MetricsPage::new(metrics),
            api_address: None,
            log,
            log_lines_dropped: AtomicU64::new(0),
        }
    }

    /// The pages of the server that answers the API at this address.
    #[must_use]
    pub fn of_api(self, address: SocketAddr) -> Self {
        Self {
            api_address: Some(address),
            ..self
        }
    }

    /// Whether a reader may see a page.
    pub(crate) fn shows(page: OpsPage, reader: OpsReader) -> bool {
        page != OpsPage::Metrics || reader == OpsReader::Operator
    }

    /// A page that the reader may see.
    pub(crate) async fn answer(&self, page: OpsPage, method: &Method, reader: OpsReader) -> ApiResponse {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::new());
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match page {
            OpsPage::Live => {
                let body = match (reader, self.api_address) {
                    (OpsReader::Operator, Some(api)) => format!(r#"{{"alive":true,"api":"{api}"}}"#),
                    _ => ALIVE.to_owned(),
                };
                text(StatusCode::OK, "application/json", body)
            }
            OpsPage::Ready => {
                let report = self.health.report().await;
                let status = if report.ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                let body = match reader {
                    OpsReader::Operator => serde_json::to_string(&report).unwrap_or_default(),
                    OpsReader::Client => format!(r#"{{"ready":{}}}"#, report.ready),
                };
                text(status, "application/json", body)
            }
            OpsPage::Metrics => {
                let page = self.metrics.text(|| self.measure()).await;
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page)
            }
        }
    }

    /// Drains the recorder's buffers, and checks the parts, so that their metrics and the log follow a change where no probe
    /// comes; must be called every few seconds, or the buffers grow.
    pub async fn upkeep(&self) {
        self.metrics.upkeep();
        self.health.report().await;
    }

    /// All metrics, in the text format of Prometheus.
    pub(crate) fn metrics_text(&self) -> String {
        self.measure();
        self.metrics.render()
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

fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> ApiResponse {
    let body: Bytes = body.into();
    let mut answer = ApiResponse::new(body.into());
    *answer.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A server error on the operators' own address, in the v4 envelope.
fn reject(headers: &HeaderMap, rejection: Rejection) -> ApiResponse {
    let id = RequestId::from_headers(headers).unwrap_or_else(|| RequestId::from_number(0));
    refuse_at("", api_error(rejection), id, RETRY_AFTER)
}

/// On an address of its own (`metrics.listen`), only these pages are served.
impl RequestHandler for Ops {
    type Body = ApiBody;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _peer: IpAddr,
        rejection: Option<Rejection>,
        _room: ResponseRoom,
    ) -> ApiResponse {
        if let Some(rejection) = rejection {
            return reject(request.headers(), rejection);
        }
        match OpsPage::from_path(request.uri().path()) {
            Some(page) => self.answer(page, request.method(), OpsReader::Operator).await,
            None => text(StatusCode::NOT_FOUND, "text/plain", Bytes::new()),
        }
    }

    fn reject_head(&self, _head: &RawHead<'_>, rejection: Rejection) -> Response<Full<Bytes>> {
        reject(&HeaderMap::new(), rejection).map(|body| Full::new(body.whole()))
    }

    fn overload_response(&self, head: &RawHead<'_>) -> Vec<u8> {
        overload_response(head.path())
    }
}
