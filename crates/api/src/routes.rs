//! The route table: the API at a glance.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header::ALLOW, request::Parts};
use http_body::Body;
use http_body_util::Full;

use crate::{
    dialect::refuse_error_at,
    documents,
    error::ApiError,
    export, handlers, legacy,
    request::{Asked, RequestContext},
    state::ApiState,
};

/// An answer, whole: none of this API's are sent while they are still being made.
pub type ApiResponse = Response<Full<Bytes>>;

/// The body of a request, as it arrives.
pub trait RequestBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send {}

impl<B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send> RequestBody for B {}

/// The error of a [`RequestBody`] that did not arrive in time: the answer is 408.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyTimeout;

impl fmt::Display for BodyTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not arrive in time")
    }
}

impl Error for BodyTimeout {}

/// Where the user family is found; a trailing slash is taken everywhere (contract §1).
pub(crate) const BASES: [&str; 4] = [
    "/v4/Users",
    "/Users",
    "/UsersOrchestrator/v4/Users",
    "/UsersOrchestrator/Users",
];

/// What an address is for.
#[derive(Debug, Clone)]
pub struct Route {
    pattern: Arc<str>,
    call: Called,
}

impl Route {
    /// The pattern that the address matched, such as `/v4/Users/{crid}`: unlike the address, it names nobody.
    #[must_use]
    pub fn pattern(&self) -> &Arc<str> {
        &self.pattern
    }
}

#[derive(Debug, Clone, Copy)]
enum Called {
    List,
    ById,
    /// `Search` can also be somebody's id.
    SearchOrById,
    Legacy,
    Export,
    OpenApi,
    Page,
    PageMoved,
    Style,
}

impl Called {
    /// The methods that are taken, as `Allow` lists them (RFC 9110 §10.2.1); whoever is asked by GET is by HEAD too.
    const fn allowed(self) -> &'static str {
        match self {
            Self::SearchOrById => "POST,GET,HEAD",
            Self::Export => "POST",
            Self::List | Self::ById | Self::Legacy | Self::OpenApi | Self::Page | Self::PageMoved | Self::Style => {
                "GET,HEAD"
            }
        }
    }
}

/// The API: a request in, an answer out. Whatever is asked, the answer has the shape of the API that the address belongs to;
/// a panic is the server's to catch (see [`refuse_at`](crate::refuse_at)).
pub struct Api {
    state: ApiState,
    routes: matchit::Router<Route>,
}

impl Api {
    /// Makes the routes.
    #[must_use]
    pub fn new(state: ApiState) -> Self {
        Self { state, routes: table() }
    }

    /// What this path is for, if for anything.
    #[must_use]
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.at(path).ok().map(|found| found.value)
    }

    /// Answers a request for the route of its path. Without an `arrival` the API helps itself.
    pub async fn answer<B: RequestBody>(
        &self,
        route: Option<&Route>,
        arrival: Option<RequestContext>,
        parts: &Parts,
        body: B,
    ) -> ApiResponse {
        let api = &self.state;
        let asked = Asked::of(api, arrival, &parts.headers);
        let refuse =
            |error, asked: Asked| refuse_error_at(parts.uri.path(), error, asked.request_id, api.limits.retry_after);
        let Some(Route { call, .. }) = route else {
            return refuse(ApiError::NoRoute, asked);
        };
        // What is called is a future of its own in a box: they are long, and this one as long as the longest.
        let called: Pin<Box<dyn Future<Output = ApiResponse> + Send + '_>> = match (call, &parts.method) {
            (Called::SearchOrById, &Method::POST) => Box::pin(handlers::search(api, asked, parts, body)),
            (Called::Export, &Method::POST) => Box::pin(export::export(api, asked, parts, body)),
            (Called::List, &Method::GET | &Method::HEAD) => Box::pin(handlers::list(api, asked, parts)),
            (Called::ById | Called::SearchOrById, &Method::GET | &Method::HEAD) => {
                Box::pin(handlers::by_id(api, asked, parts))
            }
            (Called::Legacy, &Method::GET | &Method::HEAD) => Box::pin(legacy::read(api, asked, parts)),
            (Called::OpenApi, &Method::GET | &Method::HEAD) => Box::pin(ready(documents::openapi())),
            (Called::Page, &Method::GET | &Method::HEAD) => Box::pin(ready(documents::page())),
            (Called::PageMoved, &Method::GET | &Method::HEAD) => Box::pin(ready(documents::page_moved())),
            (Called::Style, &Method::GET | &Method::HEAD) => Box::pin(ready(documents::style())),
            _ => {
                let mut answer = refuse(ApiError::Method, asked);
                let allowed = HeaderValue::from_static(call.allowed());
                answer.headers_mut().insert(ALLOW, allowed);
                return answer;
            }
        };
        let answer = called.await;
        if parts.method == Method::HEAD {
            // All of the answer but what it would hold (RFC 9110 §9.3.2).
            return answer.map(|_| Full::default());
        }
        answer
    }
}

fn table() -> matchit::Router<Route> {
    let mut routes = matchit::Router::new();
    let mut one = |pattern: &str, call| {
        let pattern: Arc<str> = pattern.into();
        let added = routes.insert(pattern.to_string(), Route { pattern, call });
        debug_assert!(added.is_ok(), "two routes are one: {added:?}");
    };
    one(documents::OPENAPI, Called::OpenApi);
    one(documents::PAGE, Called::Page);
    one(&format!("{}/", documents::PAGE), Called::PageMoved);
    one(documents::STYLE, Called::Style);
    let mut route = |address: &str, call| {
        one(address, call);
        one(&format!("{address}/"), call);
        // What is empty where something should be named is a bad name, and no other address.
        if let Some((before, _)) = address.rsplit_once("/{") {
            one(&format!("{before}//"), call);
        }
    };
    for base in BASES {
        route(base, Called::List);
        route(&format!("{base}/Search"), Called::SearchOrById);
        route(&format!("{base}/{{crid}}"), Called::ById);
    }
    for address in legacy::ADDRESSES {
        route(address, Called::Legacy);
    }
    // A doubled slash before a type is one slash.
    route("/User//{type}", Called::Legacy);
    for address in export::ADDRESSES {
        route(address, Called::Export);
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_a_slash_and_with_nothing_where_a_name_should_be() {
        let table = table();
        let pattern = |path| table.at(path).ok().map(|found| found.value.pattern().to_string());
        for (path, expected) in [
            ("/v4/Users", "/v4/Users"),
            ("/UsersOrchestrator/Users/", "/UsersOrchestrator/Users/"),
            ("/Users/2937", "/Users/{crid}"),
            ("/Users/a%2Fb/", "/Users/{crid}/"),
            ("/Users/Search", "/Users/Search"),
            ("/Users/search", "/Users/{crid}"),
            ("/Users//", "/Users//"),
            ("/User//", "/User//"),
            ("/User/2937//", "/User/{first}//"),
            ("/User//1", "/User//{type}"),
            ("/User/2937/1/", "/User/{first}/{type}/"),
            ("/v1/users/export//", "/v1/users/export//"),
        ] {
            assert_eq!(pattern(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "",
            "/",
            "/v4",
            "/v4/users",
            "/v4/Users///",
            "/v4/Users/a/b",
            "/User/a/b/c",
            "/docs/style.css/",
        ] {
            assert_eq!(pattern(path), None, "{path}");
        }
    }
}
