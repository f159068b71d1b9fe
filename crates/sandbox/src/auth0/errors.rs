//! Auth0's error bodies, word for word where a source shows them.
//!
//! Sources: the Management API's OpenAPI document, and replies quoted in public issues (auth0.net#979,
//! auth0-reset-tenant#31, ruby-auth0#190 and #610, node-auth0#682). No source
//! shows the exact body of an unreadable query, an unusable id, a missing token, 413 or 414: those texts are ours or from
//! memory, and nobody may rely on more than their status and `errorCode`.

use serde_json::{Value, json};

use crate::server::reply::{Reply, reason};

/// The Management API's envelope.
pub(super) fn api(status: u16, message: &str, code: Option<&str>) -> Reply {
    let mut body = json!({"statusCode": status, "error": reason(status), "message": message});
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    Reply::json(status, &body)
}

pub(super) fn invalid_query(what: &str) -> Reply {
    api(
        400,
        &format!("Query validation error: {what}"),
        Some("invalid_query_string"),
    )
}

pub(super) fn invalid_body(what: &str) -> Reply {
    api(400, &format!("Payload validation error: {what}"), Some("invalid_body"))
}

/// A token that does not do; the text comes twice, as the real answer has it.
pub(super) fn unauthorized(message: &str) -> Reply {
    let attributes = json!({"error": message});
    let body = json!({"statusCode": 401, "error": "Unauthorized", "message": message, "attributes": attributes});
    Reply::json(401, &body)
}

pub(super) fn insufficient_scope(any_of: &[&str]) -> Reply {
    let message = format!("Insufficient scope, expected any of: {}", any_of.join(","));
    api(403, &message, Some("insufficient_scope"))
}

pub(super) fn no_such_user() -> Reply {
    api(404, "The user does not exist.", Some("inexistent_user"))
}

pub(super) fn not_found() -> Reply {
    api(404, "Not Found", None)
}

pub(super) fn too_many_requests() -> Reply {
    api(429, "Global limit has been reached", Some("too_many_requests"))
}

pub(super) fn past_the_cap() -> Reply {
    let message = "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";
    api(400, message, Some("invalid_paging"))
}

pub(super) fn search_timed_out() -> Reply {
    api(
        503,
        "The query exceeded the timeout. Please try refining your search criteria at https://auth0.com/docs/best-practices/search-best-practices",
        None,
    )
}

/// The token endpoint's envelope.
pub(super) fn oauth(status: u16, error: &str, description: &str) -> Reply {
    let body: Value = json!({"error": error, "error_description": description});
    Reply::json(status, &body)
        .with("cache-control", "no-store")
        .with("pragma", "no-cache")
}

/// What a faulty Auth0 (or the edge before it) sends with a status that a fault demands.
pub(super) fn injected(status: u16, token_endpoint: bool) -> Reply {
    match (status, token_endpoint) {
        (502 | 504, _) => Reply::html(status, &format!("{status} {}", reason(status))),
        (401, true) => oauth(401, "access_denied", "Unauthorized"),
        (403, true) => oauth(
            403,
            "access_denied",
            "Auth0Client is not authorized to access \"the audience\". You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants",
        ),
        (429, true) => oauth(429, "too_many_requests", "Auth0Client quota exceeded"),
        (_, true) => oauth(status, "server_error", reason(status)),
        (401, false) => unauthorized("Invalid token."),
        (403, false) => insufficient_scope(&["read:users"]),
        (404, false) => no_such_user(),
        (429, false) => too_many_requests(),
        (_, false) => api(status, reason(status), None),
    }
}
