//! The outer layer around the API: request ids, limits, panics, access lines and metrics of every request.

mod request_record;
mod request_span;
mod timed_body;

use std::{net::IpAddr, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header::CONNECTION, request::Parts as Head,
};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use masthead_api::{
    AnswerMemory, AnswerRoom, Api, ApiResponse, REQUEST_ID, RequestContext, RequestId, Route, ServerRefusal, refuse_at,
};
use masthead_domain::caller_address::CallerAddress;
use masthead_http_server::{Lifecycle, RawHead, Rejection, RequestHandler, ResponseRoom};
use tokio::time::timeout_at;

pub use request_record::CountedBody;
use request_record::{RequestLogger, RequestRecord};
use request_span::{record_status, request_span};
pub use timed_body::TimedBody;
use tracing::Instrument as _;

use crate::{
    identifiers::RequestIds,
    logs::access::{self, AccessLog, CallerCodes},
    ops::{Ops, OpsPage, OpsReader, RequestTimes},
    server_errors::{RETRY_AFTER, api_error, overload_response},
    settings::HttpSettings,
};

/// What the edge wraps: the API, and in tests of the edge a smaller service.
pub trait Routes: Send + Sync + 'static {
    /// The route of a path.
    type Route<'p>: Send + Sync;

    /// Finds the route of a path.
    fn route<'p>(&'p self, path: &'p str) -> Option<Self::Route<'p>>;

    /// The pattern of a route, which is logged instead of the path.
    fn pattern<'r>(route: &'r Self::Route<'_>) -> &'r Arc<str>;

    /// Answers a request for the route of its path.
    fn answer<'p>(
        &'p self,
        route: Option<Self::Route<'p>>,
        arrival: RequestContext,
        head: &Head,
        body: TimedBody,
    ) -> impl Future<Output = ApiResponse> + Send;
}

impl Routes for Api {
    type Route<'p> = Route<'p>;

    fn route<'p>(&'p self, path: &'p str) -> Option<Route<'p>> {
        Self::route(self, path)
    }

    fn pattern<'r>(route: &'r Route<'_>) -> &'r Arc<str> {
        route.pattern()
    }

    fn answer<'p>(
        &'p self,
        route: Option<Route<'p>>,
        arrival: RequestContext,
        head: &Head,
        body: TimedBody,
    ) -> impl Future<Output = ApiResponse> + Send {
        Self::answer(self, route, Some(arrival), head, body)
    }
}

/// Request id, limits, deadline, panics, access line and metrics around the routes, and the operators' pages.
pub struct Edge<R> {
    routes: R,
    http: Arc<HttpSettings>,
    lifecycle: Lifecycle,
    ids: Arc<dyn RequestIds>,
    log: Arc<RequestLogger>,
    ops: Arc<Ops>,
    /// What the operators' pages show here.
    ops_reader: OpsReader,
}

/// What an [`Edge`] consists of.
pub struct EdgeParts<R> {
    /// The service that it wraps.
    pub routes: R,
    /// Limits and deadlines.
    pub http: Arc<HttpSettings>,
    /// The lifecycle of the server.
    pub lifecycle: Lifecycle,
    /// Creates request ids.
    pub ids: Arc<dyn RequestIds>,
    /// Writes one access line per request.
    pub access: AccessLog,
    /// The operators' pages.
    pub ops: Arc<Ops>,
    /// Whether `/metrics` and the details of `/health/ready` are shown here too (`metrics.on_api_port`).
    pub shows_metrics: bool,
}

impl<R: Routes> Edge<R> {
    /// Puts the edge around the routes.
    #[must_use]
    pub fn new(parts: EdgeParts<R>) -> Self {
        Self {
            routes: parts.routes,
            http: parts.http,
            lifecycle: parts.lifecycle,
            ids: parts.ids,
            log: Arc::new(RequestLogger {
                access: parts.access,
                times: RequestTimes::default(),
            }),
            ops: parts.ops,
            ops_reader: if parts.shows_metrics {
                OpsReader::Operator
            } else {
                OpsReader::Client
            },
        }
    }

    async fn routed(
        &self,
        head: &Head,
        body: Incoming,
        peer: IpAddr,
        room: ResponseRoom,
        record: &mut access::AccessEntry,
    ) -> ApiResponse {
        let path = head.uri.path();
        let deadline = record.began + self.http.request_deadline;
        // What is rarely waited for is boxed, here and below: it would make the future of each request larger, which is moved.
        if !room.has_memory() && Box::pin(timeout_at(deadline.into(), room.reserve(0))).await.is_err() {
            return refuse_at(path, ServerRefusal::Unavailable, record.id.clone(), RETRY_AFTER);
        }
        let route = self.routes.route(path);
        let address = self.http.trusted_proxies.caller(peer, &head.headers);
        let caller = CallerAddress::new(address);
        let is_reported = address != peer.to_canonical();
        let context = RequestContext {
            request_id: record.id.clone(),
            deadline,
            caller: Some(if is_reported { caller.reported() } else { caller }),
            room: AnswerRoom::new(Arc::new(ConnectionMemory(room))),
        };
        // Before the handler runs: it may panic, or its client may leave.
        record.route = route.as_ref().map(R::pattern).cloned();
        let body = TimedBody::new(body, self.http.body_timeout);
        let span = request_span(head, record.route.as_deref(), &record.id);
        // The routes share no mutable state: a panic leaves nothing inconsistent.
        let answer = AssertUnwindSafe(self.routes.answer(route, context, head, body))
            .catch_unwind()
            .instrument(span.clone())
            .await
            // The panic hook has logged where it was.
            .unwrap_or_else(|_| refuse_at(path, ServerRefusal::Internal, record.id.clone(), RETRY_AFTER));
        record_status(&span, answer.status());
        answer
    }
}

impl<R: Routes> RequestHandler for Edge<R> {
    type Body = CountedBody;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        rejection: Option<Rejection>,
        room: ResponseRoom,
    ) -> Response<CountedBody> {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let id = RequestId::from_headers(&head.headers).unwrap_or_else(|| self.ids.next());
        let mut record = Box::new(RequestRecord {
            log: Arc::clone(&self.log),
            request: access::AccessEntry {
                method: head.method.clone(),
                route: None,
                status: 0,
                began,
                bytes: 0,
                id: id.clone(),
                caller: CallerCodes::from_headers(&head.headers),
            },
            is_probe: false,
        });
        let path = head.uri.path();
        let page = OpsPage::from_path(path).filter(|page| Ops::shows(*page, self.ops_reader));
        let mut answer = if let Some(rejection) = rejection {
            refuse_at(path, api_error(rejection), id.clone(), RETRY_AFTER)
        } else if let Some(page) = page {
            record.request.route = Some(page.path().into());
            record.is_probe = true;
            Box::pin(self.ops.answer(page, &head.method, self.ops_reader)).await
        } else {
            self.routed(&head, body, peer, room, &mut record.request).await
        };
        record.request.status = answer.status().as_u16();
        let headers = answer.headers_mut();
        if !headers.contains_key(REQUEST_ID)
            && let Ok(value) = HeaderValue::from_str(id.as_str())
        {
            headers.insert(REQUEST_ID, value);
        }
        let is_broken = is_broken(answer.status());
        let headers = answer.headers_mut();
        if (is_broken || self.lifecycle.is_draining()) && head.version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer.map(|body| CountedBody::new(body, record))
    }

    fn reject_head(&self, head: &RawHead<'_>, rejection: Rejection) -> Response<Full<Bytes>> {
        let given = head
            .values("x-requestid")
            .find_map(|value| RequestId::new(std::str::from_utf8(value).ok()?));
        let id = given.unwrap_or_else(|| self.ids.next());
        let path = head.path();
        let answer = refuse_at(path, api_error(rejection), id.clone(), RETRY_AFTER);
        drop(RequestRecord {
            log: Arc::clone(&self.log),
            request: access::AccessEntry {
                method: head.method().unwrap_or_else(unknown_method),
                route: self.routes.route(path).as_ref().map(R::pattern).cloned(),
                status: answer.status().as_u16(),
                began: Instant::now(),
                bytes: answer.body().size_hint().exact().unwrap_or_default(),
                id,
                caller: CallerCodes::from_headers(&HeaderMap::new()),
            },
            is_probe: false,
        });
        answer.map(|body| Full::new(body.whole()))
    }

    fn overload_response(&self, head: &RawHead<'_>) -> Vec<u8> {
        overload_response(head.path())
    }

    fn is_trusted_peer(&self, peer: IpAddr) -> bool {
        self.http.trusted_proxies.trusts(peer.to_canonical())
    }
}

/// The memory of the connection's server, for the API.
struct ConnectionMemory(ResponseRoom);

impl AnswerMemory for ConnectionMemory {
    fn reserve(&self, bytes: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.reserve(bytes))
    }
}

/// Whether the connection cannot be used any more: a body is missing, or its end unknown.
fn is_broken(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::NOT_IMPLEMENTED
}

/// The method of a head without one.
fn unknown_method() -> Method {
    Method::from_bytes(b"UNKNOWN").unwrap_or_default()
}
