//! The route table, and the dispatch of a request to its operation.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{
    HeaderValue, Method,
    header::{ACCEPT_ENCODING, ALLOW},
    request::Parts,
};
use http_body_util::Full;
use masthead_orchestrator::UseCases;
use masthead_ports::{sealing::Sealing, tenants::Tenants, tokens::TokenVerifier};

use crate::{
    auth::verify::Authenticator,
    docs::serve,
    export::{
        self,
        error::ExportError,
        handlers::{ExportApi, export_users},
        state::ExportState,
    },
    http::{
        body::RequestBody,
        error::{RequestError, ServerRefusal},
        limits::ApiLimits,
        request::{RequestContext, RequestId},
        response::ApiResponse,
    },
    legacy::{
        self,
        envelope::error_response,
        error::LegacyError,
        handlers::{LegacyState, read_users},
        operation::LegacyPath,
    },
    v4::{
        self,
        envelope::{EnvelopeShape, V4Responder},
        handlers::{V4State, get_user, list_users, search_users},
    },
};

/// The use cases and ports behind the routes.
pub struct ApiState {
    /// The use cases.
    pub use_cases: UseCases,
    /// The customers export.
    pub exports: Arc<ExportState>,
    /// The tenants.
    pub tenants: Arc<dyn Tenants>,
    /// Verifies tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// The codec of encrypted values and cursors.
    pub sealing: Arc<dyn Sealing>,
    /// The bounds of a request.
    pub limits: ApiLimits,
}

/// An API, which decides the shape of its responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ApiFamily {
    V4,
    Legacy,
    Export,
    /// The documents about the APIs.
    Docs,
}

/// An operation, or the few that share a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RoutedOperation {
    ListUsers,
    GetUser,
    /// `Search` is also a valid id: POST searches, GET gets the user.
    SearchUsers,
    ReadLegacyUsers,
    ExportUsers,
    OpenApi,
    DocsPage,
    DocsPageWithSlash,
    DocsStyle,
}

impl RoutedOperation {
    const fn api(self) -> ApiFamily {
        match self {
            Self::ListUsers | Self::GetUser | Self::SearchUsers => ApiFamily::V4,
            Self::ReadLegacyUsers => ApiFamily::Legacy,
            Self::ExportUsers => ApiFamily::Export,
            Self::OpenApi | Self::DocsPage | Self::DocsPageWithSlash | Self::DocsStyle => ApiFamily::Docs,
        }
    }

    /// The value of `Allow` (RFC 9110 §10.2.1).
    const fn allowed_methods(self) -> &'static str {
        match self {
            Self::SearchUsers => "POST,GET,HEAD",
            Self::ExportUsers => "POST",
            Self::ListUsers
            | Self::GetUser
            | Self::ReadLegacyUsers
            | Self::OpenApi
            | Self::DocsPage
            | Self::DocsPageWithSlash
            | Self::DocsStyle => "GET,HEAD",
        }
    }
}

/// A row of the route table.
#[derive(Debug)]
struct RouteEntry {
    pattern: Arc<str>,
    operation: RoutedOperation,
}

/// The route of a path: its pattern, its API, its operation and its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Route<'p> {
    pattern: &'p Arc<str>,
    api: ApiFamily,
    operation: RoutedOperation,
    /// The segments in the place of the pattern's names, still encoded.
    segments: [Option<&'p str>; 2],
}

impl Route<'_> {
    /// The pattern of the path, such as `/v4/Users/{crid}`: unlike the path, it is not personal data.
    #[must_use]
    pub const fn pattern(&self) -> &Arc<str> {
        self.pattern
    }

    /// Whether the operation needs [`RequestContext::caller`].
    #[must_use]
    pub fn needs_caller_address(&self) -> bool {
        self.api == ApiFamily::Export
    }
}

/// The APIs: a request in, a response out, in the shape of the API of the path. The server catches panics and answers them
/// by [`refuse_at`].
pub struct Api {
    v4: V4State,
    legacy: LegacyState,
    export: ExportApi,
    limits: ApiLimits,
    routes: matchit::Router<RouteEntry>,
}

impl Api {
    /// Wires the routes.
    #[must_use]
    pub fn new(state: ApiState) -> Self {
        let retry_after = state.limits.retry_after;
        let callers = Arc::new(Authenticator {
            tenants: Arc::clone(&state.tenants),
            tokens: state.tokens,
        });
        Self {
            v4: V4State {
                use_cases: state.use_cases.clone(),
                callers: Arc::clone(&callers),
                sealing: Arc::clone(&state.sealing),
                body_bytes: state.limits.body_bytes,
                retry_after,
            },
            legacy: LegacyState {
                use_cases: state.use_cases,
                callers,
                sealing: state.sealing,
                retry_after,
            },
            export: ExportApi {
                state: state.exports,
                tenants: state.tenants,
                retry_after,
            },
            limits: state.limits,
            routes: route_table(),
        }
    }

    /// The route of a path, if there is one.
    #[must_use]
    pub fn route<'p>(&'p self, path: &'p str) -> Option<Route<'p>> {
        let found = self.routes.at(path).ok()?;
        let mut segments = found.params.iter().map(|(_, segment)| segment);
        Some(Route {
            pattern: &found.value.pattern,
            api: found.value.operation.api(),
            operation: found.value.operation,
            segments: [segments.next(), segments.next()],
        })
    }

    /// Answers a request by the route of its path. Without a context, the API makes one.
    pub async fn answer<B: RequestBody>(
        &self,
        route: Option<Route<'_>>,
        context: Option<RequestContext>,
        parts: &Parts,
        body: B,
    ) -> ApiResponse {
        let context = context.unwrap_or_else(|| RequestContext::from_headers(&parts.headers, &self.limits));
        let retry_after = self.limits.retry_after;
        let Some(route) = route else {
            let api = ApiFamily::from_unrouted_path(parts.uri.path());
            return api.refuse(RequestError::UnknownPath, context.request_id, retry_after);
        };
        let [first, second] = route.segments;
        // Boxed, since the futures are large and this one would be as large as the largest.
        let answer: Pin<Box<dyn Future<Output = ApiResponse> + Send + '_>> = match (route.operation, &parts.method) {
            (RoutedOperation::SearchUsers, &Method::POST) => Box::pin(search_users(&self.v4, context, parts, body)),
            (RoutedOperation::ExportUsers, &Method::POST) => {
                Box::pin(export_users(&self.export, context, parts, first, body))
            }
            (RoutedOperation::ListUsers, &Method::GET | &Method::HEAD) => {
                Box::pin(list_users(&self.v4, context, parts))
            }
            (RoutedOperation::GetUser, &Method::GET | &Method::HEAD) => {
                Box::pin(get_user(&self.v4, context, parts, first.unwrap_or_default()))
            }
            (RoutedOperation::SearchUsers, &Method::GET | &Method::HEAD) => {
                Box::pin(get_user(&self.v4, context, parts, "Search"))
            }
            (RoutedOperation::ReadLegacyUsers, &Method::GET | &Method::HEAD) => {
                let path = LegacyPath::from_segments(first, second);
                Box::pin(read_users(&self.legacy, context, parts, path))
            }
            (RoutedOperation::OpenApi, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::openapi())),
            (RoutedOperation::DocsPage, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::page())),
            (RoutedOperation::DocsPageWithSlash, &Method::GET | &Method::HEAD) => {
                Box::pin(ready(serve::page_redirect()))
            }
            (RoutedOperation::DocsStyle, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::style())),
            (operation, _) => {
                let error = RequestError::MethodNotAllowed;
                let mut response = route.api.refuse(error, context.request_id, retry_after);
                let allowed = HeaderValue::from_static(operation.allowed_methods());
                response.headers_mut().insert(ALLOW, allowed);
                return response;
            }
        };
        let response = answer.await;
        if parts.method == Method::HEAD {
            // The same header fields, without the content (RFC 9110 §9.3.2).
            return response.map(|_| Full::default());
        }
        response
    }
}

impl ApiFamily {
    /// The API whose shape a refusal has where no route is known: the path has none, or the server could not read the
    /// request.
    fn from_unrouted_path(path: &str) -> Self {
        let is_below = |base: &str| {
            let rest = path.strip_prefix(base);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if export::BASES.iter().any(|base| is_below(base)) {
            Self::Export
        } else if is_below(legacy::BASE) {
            Self::Legacy
        } else {
            Self::V4
        }
    }

    /// Renders an error that does not depend on the operation; `retry_after` is the usual value of `Retry-After`.
    fn refuse(self, error: RequestError, request_id: RequestId, retry_after: Duration) -> ApiResponse {
        match self {
            Self::Export => ExportError::from(error).response(&request_id, retry_after),
            Self::Legacy => error_response(&LegacyError::from(error), &request_id, retry_after),
            Self::V4 | Self::Docs => V4Responder {
                request_id,
                shape: EnvelopeShape::default(),
                retry_after,
            }
            .error(&error.into()),
        }
    }
}

/// The response to a request that the server refuses before or beside the routes, in the shape of the API of the path;
/// `retry_after` is the usual value of `Retry-After`.
#[must_use]
pub fn refuse_at(path: &str, refusal: ServerRefusal, request_id: RequestId, retry_after: Duration) -> ApiResponse {
    let mut response = ApiFamily::from_unrouted_path(path).refuse(refusal.into(), request_id, retry_after);
    if refusal == ServerRefusal::ContentEncoding {
        let identity = HeaderValue::from_static("identity");
        response.headers_mut().insert(ACCEPT_ENCODING, identity);
    }
    response
}

fn route_table() -> matchit::Router<RouteEntry> {
    let mut routes = matchit::Router::new();
    let mut add = |pattern: &str, operation| {
        let pattern: Arc<str> = pattern.into();
        let added = routes.insert(pattern.to_string(), RouteEntry { pattern, operation });
        debug_assert!(added.is_ok(), "two routes have the same pattern: {added:?}");
    };
    add(serve::OPENAPI, RoutedOperation::OpenApi);
    add(serve::PAGE, RoutedOperation::DocsPage);
    add(&format!("{}/", serve::PAGE), RoutedOperation::DocsPageWithSlash);
    add(serve::STYLE, RoutedOperation::DocsStyle);
    let mut add_variants = |pattern: &str, operation| {
        for variant in variants(pattern) {
            add(&variant, operation);
        }
    };
    for base in v4::BASES {
        add_variants(base, RoutedOperation::ListUsers);
        add_variants(&format!("{base}/Search"), RoutedOperation::SearchUsers);
        add_variants(&format!("{base}/{{crid}}"), RoutedOperation::GetUser);
    }
    for pattern in legacy::PATTERNS {
        add_variants(pattern, RoutedOperation::ReadLegacyUsers);
    }
    // A doubled slash before a type counts as one.
    add_variants("/User//{type}", RoutedOperation::ReadLegacyUsers);
    for pattern in export::PATTERNS {
        add_variants(pattern, RoutedOperation::ExportUsers);
    }
    routes
}

/// The pattern, the same with a trailing slash and, where its last segment is a name, with an empty one in its place: an
/// empty segment is an invalid name, not another path.
fn variants(pattern: &str) -> Vec<String> {
    let mut variants = vec![pattern.to_owned(), format!("{pattern}/")];
    if let (true, Some((before, _))) = (pattern.ends_with('}'), pattern.rsplit_once("/{")) {
        variants.push(format!("{before}//"));
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_name_may_be_empty() {
        assert_eq!(variants("/a/{b}"), ["/a/{b}", "/a/{b}/", "/a//"]);
        assert_eq!(variants("/a/{b}/Exists"), ["/a/{b}/Exists", "/a/{b}/Exists/"]);
    }

    #[test]
    fn trailing_slash_and_empty_segment_are_routed() {
        let table = route_table();
        let pattern = |path| table.at(path).ok().map(|found| found.value.pattern.to_string());
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

    #[test]
    fn every_route_has_the_api_of_its_path() {
        for path in [
            "/v4/Users/7",
            "/User/7/0",
            "/v1/customers/export",
            "/v1/users/export/herald",
        ] {
            let table = route_table();
            let routed = table.at(path).unwrap().value.operation.api();
            assert_eq!(routed, ApiFamily::from_unrouted_path(path), "{path}");
        }
    }
}
