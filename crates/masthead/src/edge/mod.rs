//! The edge of the house: what happens to every request before the API sees it, and to every answer after.

mod arriving;
mod forwarded;
mod proxies;
mod refusal;
mod told;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header::CONNECTION, request::Parts as Head,
};
use hyper::body::{Body, Incoming};
use masthead_api::{
    Api, ApiResponse, CallerAddress, REQUEST_ID, RequestContext, RequestId, Route, ServerRefusal, refuse_at,
};

pub use arriving::Arriving;
pub use proxies::{ForwardedHeader, TrustedProxies};
pub(crate) use refusal::overloaded;
pub use told::Counted;
use told::{Teller, Told};

use crate::{
    identifiers::RequestIds,
    logs::access::{self, AccessLog, Named},
    ops::{Ops, Page, RequestTimes},
    server::{Lifecycle, RawHead, Respond},
    settings::HttpSettings,
};

/// What `Retry-After` says where nobody knows better.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the edge is put around: the API, and in tests of the edge something smaller.
pub trait Routes: Send + Sync + 'static {
    /// The route of a path.
    type Route<'p>: Send + Sync;

    /// Finds the route of a path.
    fn route<'p>(&'p self, path: &'p str) -> Option<Self::Route<'p>>;

    /// The pattern of a route, which is logged in place of the path.
    fn pattern<'r>(route: &'r Self::Route<'_>) -> &'r Arc<str>;

    /// Whether the route needs the caller's address.
    fn needs_caller_address(_route: &Self::Route<'_>) -> bool {
        false
    }

    /// Answers a request for the route of its path.
    fn answer<'p>(
        &'p self,
        route: Option<Self::Route<'p>>,
        arrival: RequestContext,
        head: &Head,
        body: Arriving,
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

    fn needs_caller_address(route: &Route<'_>) -> bool {
        route.needs_caller_address()
    }

    fn answer<'p>(
        &'p self,
        route: Option<Route<'p>>,
        arrival: RequestContext,
        head: &Head,
        body: Arriving,
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
    teller: Arc<Teller>,
    ops: Arc<Ops>,
    /// Whether `/metrics` has an address of its own.
    hides_metrics: bool,
}

/// What an [`Edge`] is made of.
pub struct Parts<R> {
    /// What it is put around.
    pub routes: R,
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

impl<R: Routes> Edge<R> {
    /// Puts the edge around the routes.
    #[must_use]
    pub fn new(parts: Parts<R>) -> Self {
        Self {
            routes: parts.routes,
            http: parts.http,
            lifecycle: parts.lifecycle,
            ids: parts.ids,
            teller: Arc::new(Teller {
                access: parts.access,
                times: RequestTimes::default(),
            }),
            ops: parts.ops,
            hides_metrics: parts.hides_metrics,
        }
    }

    async fn routed(&self, head: &Head, body: Incoming, peer: IpAddr, told: &mut access::Request) -> ApiResponse {
        let path = head.uri.path();
        let route = self.routes.route(path);
        let caller = route
            .as_ref()
            .is_some_and(R::needs_caller_address)
            .then(|| CallerAddress::new(self.http.trusted_proxies.caller(peer, &head.headers)));
        let arrival = RequestContext {
            request_id: told.id.clone(),
            deadline: told.began + self.http.request_deadline,
            caller,
        };
        // Before it is answered: a handler may end in a panic, or its client leave.
        told.route = route.as_ref().map(R::pattern).cloned();
        let body = Arriving::new(body, self.http.body_timeout);
        // The routes are shared and answer every request afresh: a panic leaves nothing half-done in them.
        AssertUnwindSafe(self.routes.answer(route, arrival, head, body))
            .catch_unwind()
            .await
            // The panic hook has told the log where it was.
            .unwrap_or_else(|_| refuse_at(path, ServerRefusal::Internal, told.id.clone(), RETRY_AFTER))
    }
}

impl<R: Routes> Respond for Edge<R> {
    type Body = Counted;

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        refusal: Option<ServerRefusal>,
    ) -> Response<Counted> {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let id = RequestId::from_headers(&head.headers).unwrap_or_else(|| self.ids.next());
        let mut told = Box::new(Told {
            teller: Arc::clone(&self.teller),
            request: access::Request {
                method: head.method.clone(),
                route: None,
                status: 0,
                began,
                bytes: 0,
                id: id.clone(),
                named: Named::of(&head.headers),
            },
        });
        let path = head.uri.path();
        let page = Page::at(path).filter(|page| !(self.hides_metrics && *page == Page::Metrics));
        let mut answer = if let Some(refusal) = refusal {
            refuse_at(path, refusal, id.clone(), RETRY_AFTER)
        } else if let Some(page) = page {
            told.request.route = Some(page.path().into());
            self.ops.answer(page, &head.method).await
        } else {
            self.routed(&head, body, peer, &mut told.request).await
        };
        told.request.status = answer.status().as_u16();
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
        answer.map(|body| Counted::new(body, told))
    }

    fn unreadable(&self, head: &RawHead<'_>, refusal: ServerRefusal) -> ApiResponse {
        let given = head
            .values("x-requestid")
            .find_map(|value| RequestId::new(std::str::from_utf8(value).ok()?));
        let id = given.unwrap_or_else(|| self.ids.next());
        let path = head.path();
        let answer = refuse_at(path, refusal, id.clone(), RETRY_AFTER);
        drop(Told {
            teller: Arc::clone(&self.teller),
            request: access::Request {
                method: head.method().unwrap_or_else(unknown_method),
                route: self.routes.route(path).as_ref().map(R::pattern).cloned(),
                status: answer.status().as_u16(),
                began: Instant::now(),
                bytes: answer.body().size_hint().exact().unwrap_or_default(),
                id,
                named: Named::of(&HeaderMap::new()),
            },
        });
        answer
    }

    fn overloaded(&self) -> Vec<u8> {
        overloaded()
    }
}

/// Whether nothing that follows on the connection can be relied on: a body is missing, or its end unknown.
fn is_broken(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::NOT_IMPLEMENTED
}

/// What a head without a method counts as: one of no standard.
fn unknown_method() -> Method {
    Method::from_bytes(b"UNKNOWN").unwrap_or_default()
}
