//! The edge of the house: what happens to every request before the API sees it, and to every answer after.

mod arriving;
mod proxies;
mod refusal;
mod told;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request, Response, Version, header::CONNECTION};
use hyper::body::{Body as _, Incoming};
use masthead_api::{
    Arrival, CallerAddress, REQUEST_ID, RequestId, RouteSlot, ServerRefusal, refusal_at, wants_caller_address,
};
use tower::Service;

use arriving::Arriving;
pub use proxies::TrustedProxies;
pub(crate) use refusal::overloaded;
pub use told::Counted;
use told::Told;

use crate::{
    identifiers::RequestIds,
    logs::access::{self, AccessLog, Named},
    ops::{Ops, Page, RequestTimes},
    server::{Lifecycle, Respond},
    settings::HttpSettings,
};

/// What `Retry-After` says where nobody knows better.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Request id, limits, deadline, panics, access line and metrics around the route table, and the operators' pages.
pub struct Edge {
    /// The API's routes.
    router: Router,
    http: Arc<HttpSettings>,
    lifecycle: Lifecycle,
    ids: Arc<dyn RequestIds>,
    access: AccessLog,
    times: RequestTimes,
    ops: Arc<Ops>,
    /// Whether `/metrics` has an address of its own.
    hides_metrics: bool,
}

/// What an [`Edge`] is made of.
pub struct Parts {
    /// The API's routes.
    pub router: Router,
    /// Limits and deadlines.
    pub http: Arc<HttpSettings>,
    /// Of the server that the edge is served by.
    pub lifecycle: Lifecycle,
    /// Makes up ids.
    pub ids: Arc<dyn RequestIds>,
    /// Takes a line a request.
    pub access: AccessLog,
    /// The operators' pages.
    pub ops: Arc<Ops>,
    /// Whether `/metrics` is answered elsewhere, and so not here.
    pub hides_metrics: bool,
}

impl Edge {
    /// Puts the edge around the routes.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            router: parts.router,
            http: parts.http,
            lifecycle: parts.lifecycle,
            ids: parts.ids,
            access: parts.access,
            times: RequestTimes::default(),
            ops: parts.ops,
            hides_metrics: parts.hides_metrics,
        }
    }

    fn refusal(&self, request: &Request<Incoming>) -> Option<ServerRefusal> {
        let uri = request.uri();
        let uri_bytes = uri.path_and_query().map_or(0, |text| text.as_str().len());
        if uri_bytes > self.http.max_uri_bytes {
            return Some(ServerRefusal::UriTooLong);
        }
        (header_bytes(request.headers()) > self.http.max_header_bytes).then_some(ServerRefusal::HeadersTooLarge)
    }

    async fn routed(&self, request: Request<Incoming>, peer: IpAddr, told: &access::Request) -> Response<Body> {
        let limit = self.http.body_timeout;
        let path = request.uri().path();
        let caller = wants_caller_address(path)
            .then(|| CallerAddress::new(self.http.trusted_proxies.caller(peer, request.headers())));
        // Kept for a panic alone, whose refusal has the shape of its address.
        let uri = request.uri().clone();
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(Arriving::new(body, limit))
            }
        });
        request.extensions_mut().insert(Arrival {
            request_id: told.id.clone(),
            deadline: told.began + self.http.request_deadline,
            caller,
            route: told.route.clone(),
        });
        // The router is shared and answers every request afresh: a panic leaves nothing half-done in it.
        let mut router = self.router.clone();
        match AssertUnwindSafe(async move { router.call(request).await })
            .catch_unwind()
            .await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            // The panic hook has told the log where it was.
            Err(_) => refusal_at(uri.path(), ServerRefusal::Internal, told.id.clone(), RETRY_AFTER),
        }
    }
}

impl Respond for Edge {
    type Body = Counted;

    async fn respond(self: Arc<Self>, request: Request<Incoming>, peer: IpAddr) -> Response<Counted> {
        let began = Instant::now();
        let id = RequestId::given(request.headers()).unwrap_or_else(|| self.ids.next());
        let mut told = Box::new(Told {
            edge: Arc::clone(&self),
            request: access::Request {
                method: request.method().clone(),
                route: RouteSlot::default(),
                fixed_route: "none",
                status: 0,
                began,
                bytes: 0,
                id: id.clone(),
                named: Named::of(request.headers()),
            },
        });
        let version = request.version();
        let page = Page::at(request.uri().path()).filter(|page| !(self.hides_metrics && *page == Page::Metrics));
        let mut answer = if let Some(refusal) = self.refusal(&request) {
            refusal_at(request.uri().path(), refusal, id.clone(), RETRY_AFTER)
        } else if let Some(page) = page {
            told.request.fixed_route = page.path();
            self.ops.answer(page, request.method()).await
        } else {
            self.routed(request, peer, &told.request).await
        };
        told.request.status = answer.status().as_u16();
        let headers = answer.headers_mut();
        if !headers.contains_key(REQUEST_ID)
            && let Ok(value) = HeaderValue::from_str(id.as_str())
        {
            headers.insert(REQUEST_ID, value);
        }
        if self.lifecycle.is_draining() && version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer.map(|body| Counted::new(body, told))
    }

    fn overloaded(&self) -> Vec<u8> {
        overloaded()
    }
}

/// Names, values, and the four bytes that each line adds on the wire.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}
