//! Auth0's error bodies.
//!
//! The texts come from the Management API's OpenAPI document and from responses quoted in public issues (auth0.net#979,
//! auth0-reset-tenant#31, ruby-auth0#190 and #610, node-auth0#682). No source shows the body of an unreadable query, an
//! invalid id, a missing token, 413 or 414: only their status and `errorCode` are reliable.

use serde_json::json;

use crate::http::response::{StubResponse, reason_phrase};
use crate::quota::QuotaStatus;
use crate::stub::log_unsupported;

/// An error of the Management API.
pub(super) fn api_error(status: u16, message: &str, code: Option<&str>) -> StubResponse {
    let mut body = json!({"statusCode": status, "error": reason_phrase(status), "message": message});
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    StubResponse::json(status, &body)
}

pub(super) fn invalid_query(what: &str) -> StubResponse {
    let message = format!("Query validation error: {what}");
    api_error(400, &message, Some("invalid_query_string"))
}

/// Refuses a query or parameter that the sandbox does not support, and logs it.
pub(super) fn unsupported_query(what: &str) -> StubResponse {
    log_unsupported("auth0", what);
    invalid_query(what)
}

pub(super) fn invalid_body(what: &str) -> StubResponse {
    api_error(400, &format!("Payload validation error: {what}"), Some("invalid_body"))
}

/// A refused token; the real response has the text twice as well.
pub(super) fn unauthorized(message: &str) -> StubResponse {
    let attributes = json!({"error": message});
    let body = json!({"statusCode": 401, "error": "Unauthorized", "message": message, "attributes": attributes});
    StubResponse::json(401, &body)
}

pub(super) fn insufficient_scope(any_of: &[&str]) -> StubResponse {
    let message = format!("Insufficient scope, expected any of: {}", any_of.join(","));
    api_error(403, &message, Some("insufficient_scope"))
}

pub(super) fn user_not_found() -> StubResponse {
    api_error(404, "The user does not exist.", Some("inexistent_user"))
}

pub(super) fn not_found() -> StubResponse {
    api_error(404, "Not Found", None)
}

pub(super) fn too_many_requests() -> StubResponse {
    api_error(429, "Global limit has been reached", Some("too_many_requests"))
}

pub(super) fn past_the_paging_limit() -> StubResponse {
    let message = "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";
    api_error(400, message, Some("invalid_paging"))
}

pub(super) fn search_timed_out() -> StubResponse {
    let message = "The query exceeded the timeout. Please try refining your search criteria at https://auth0.com/docs/best-practices/search-best-practices";
    api_error(503, message, None)
}

/// An error of the token endpoint.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> StubResponse {
    let body = json!({"error": error, "error_description": description});
    StubResponse::json(status, &body).with("cache-control", "no-store")
}

pub(super) fn no_client_grant(audience: &str) -> StubResponse {
    let text = format!(
        "Client is not authorized to access \"{audience}\". You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants"
    );
    oauth_error(403, "access_denied", &text)
}

pub(super) fn with_rate_limit(response: StubResponse, quota: QuotaStatus) -> StubResponse {
    response
        .with("x-ratelimit-limit", quota.limit)
        .with("x-ratelimit-remaining", quota.remaining)
        .with("x-ratelimit-reset", quota.reset)
}

/// What Auth0, or the proxy in front of it, sends with an injected status.
pub(super) fn for_status(status: u16, is_token_endpoint: bool) -> StubResponse {
    match (status, is_token_endpoint) {
        (502 | 504, _) => StubResponse::html_error(status),
        (401, true) => oauth_error(401, "access_denied", "Unauthorized"),
        (403, true) => no_client_grant("the audience"),
        (429, true) => oauth_error(429, "too_many_requests", "Client quota exceeded"),
        (_, true) => oauth_error(status, "server_error", reason_phrase(status)),
        (401, false) => unauthorized("Invalid token."),
        (403, false) => insufficient_scope(&["read:users"]),
        (404, false) => user_not_found(),
        (429, false) => too_many_requests(),
        (_, false) => api_error(status, reason_phrase(status), None),
    }
}
