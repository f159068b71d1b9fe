//! The dispatch of a request to its operation.

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
use masthead_orchestrator::{PersonReports, UseCases, writes::UserWrites};
use masthead_ports::{
    rate_limit::RateLimits,
    sealing::Sealing,
    tenants::Tenants,
    tokens::{TokenVerifier, UserTokenVerifier},
};

use crate::{
    auth::{read_scope::ReadScopeGrants, verify::Authenticator},
    docs::serve,
    export::{
        handlers::{ExportApi, export_users},
        state::ExportState,
    },
    family::ApiFamily,
    http::{
        api_body::ApiBody,
        body::RequestBody,
        error::{RequestError, ServerRefusal},
        limits::ApiLimits,
        request::{RequestContext, RequestId},
        response::ApiResponse,
    },
    legacy::{
        handlers::{LegacyState, read_users},
        operation::LegacyPath,
        writes::handlers::write_legacy_user,
    },
    routes::{NamedCall, Route, RouteEntry, RoutedOperation, route_table},
    v4::{
        audit::read_audit,
        export::export_registrations,
        handlers::{get_user, list_users, search_users},
        report::report_person,
        state::V4State,
        writes::handlers::write_user,
    },
};

/// The use cases and ports behind the routes.
pub struct ApiState {
    /// The use cases.
    pub use_cases: UseCases,
    /// The calls that write.
    pub writes: UserWrites,
    /// Reports of persons; `None` for a server that makes none, where the call is 404.
    pub reports: Option<PersonReports>,
    /// The customers export.
    pub exports: Arc<ExportState>,
    /// The tenants.
    pub tenants: Arc<dyn Tenants>,
    /// Verifies tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Limits what callers read in a minute.
    pub rate_limits: Arc<dyn RateLimits>,
    /// What `users:read` grants besides look-ups.
    pub read_scopes: ReadScopeGrants,
    /// Verifies tokens of users; `None` for a server that takes none.
    pub user_tokens: Option<Arc<dyn UserTokenVerifier>>,
    /// The codec of encrypted values and cursors.
    pub sealing: Arc<dyn Sealing>,
    /// The bounds of a request.
    pub limits: ApiLimits,
}

/// The APIs: a request in, a response out, in the shape of the API of the path. The server catches panics and answers them
/// by [`refuse_at`].
pub struct Api {
    v4: V4State,
    reports: Option<PersonReports>,
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
        let refusals = state.use_cases.refusals.clone();
        let callers = Arc::new(Authenticator {
            tenants: Arc::clone(&state.tenants),
            tokens: state.tokens,
            rate_limits: Arc::clone(&state.rate_limits),
            read_scopes: state.read_scopes,
            refusals: refusals.clone(),
        });
        Self {
            v4: V4State {
                use_cases: state.use_cases.clone(),
                writes: state.writes,
                user_tokens: state.user_tokens.clone(),
                callers: Arc::clone(&callers),
                sealing: Arc::clone(&state.sealing),
                body_bytes: state.limits.body_bytes,
                retry_after,
            },
            reports: state.reports,
            legacy: LegacyState {
                use_cases: state.use_cases,
                user_tokens: state.user_tokens,
                callers,
                sealing: state.sealing,
                retry_after,
            },
            export: ExportApi {
                refusals,
                state: state.exports,
                tenants: state.tenants,
                rate_limits: state.rate_limits,
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
            (RoutedOperation::NamedCall(NamedCall::Search), &Method::POST) => {
                Box::pin(search_users(&self.v4, context, parts, body))
            }
            (RoutedOperation::ExportUsers, &Method::POST) => {
                Box::pin(export_users(&self.export, context, parts, first, body))
            }
            (RoutedOperation::Users, &Method::GET | &Method::HEAD) => Box::pin(list_users(&self.v4, context, parts)),
            (RoutedOperation::User, &Method::GET | &Method::HEAD) => {
                Box::pin(get_user(&self.v4, context, parts, first.unwrap_or_default()))
            }
            (RoutedOperation::NamedCall(NamedCall::Export), &Method::GET | &Method::HEAD) => {
                Box::pin(export_registrations(&self.v4, context, parts))
            }
            (RoutedOperation::NamedCall(call), &Method::GET | &Method::HEAD) => {
                Box::pin(get_user(&self.v4, context, parts, call.name()))
            }
            (RoutedOperation::LegacyUsers { post, put }, &Method::GET | &Method::HEAD) => {
                let named = (post.is_some() && put).then(|| route.last_name());
                let path = LegacyPath::from_segments(first.or(named), second);
                Box::pin(read_users(&self.legacy, context, parts, path))
            }
            (RoutedOperation::Audit, &Method::GET | &Method::HEAD) => Box::pin(read_audit(&self.v4, context, parts)),
            (RoutedOperation::Report, &Method::GET | &Method::HEAD) => match &self.reports {
                Some(reports) => {
                    let path_id = first.unwrap_or_default();
                    Box::pin(report_person(&self.v4, reports, context, parts, path_id))
                }
                None => {
                    return route
                        .api
                        .refuse(RequestError::UnknownPath, context.request_id, retry_after);
                }
            },
            (RoutedOperation::OpenApi, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::openapi())),
            (RoutedOperation::DocsPage, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::page())),
            (RoutedOperation::DocsPageWithSlash, &Method::GET | &Method::HEAD) => {
                Box::pin(ready(serve::page_redirect()))
            }
            (RoutedOperation::DocsStyle, &Method::GET | &Method::HEAD) => Box::pin(ready(serve::style())),
            (operation, method) => match (route.write_target(method), route.legacy_target(method)) {
                (None, Some(target)) => {
                    let writes = &self.v4.writes;
                    Box::pin(write_legacy_user(&self.legacy, writes, context, parts, target, body))
                }
                (Some(target), _) => Box::pin(write_user(&self.v4, context, parts, target, body)),
                (None, None) => {
                    let error = RequestError::MethodNotAllowed;
                    let mut response = route.api.refuse(error, context.request_id, retry_after);
                    let allowed = HeaderValue::from_static(operation.allowed_methods());
                    response.headers_mut().insert(ALLOW, allowed);
                    return response;
                }
            },
        };
        let response = answer.await;
        if parts.method == Method::HEAD {
            // The same header fields, without the content (RFC 9110 §9.3.2).
            return response.map(|_| ApiBody::default());
        }
        response
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
