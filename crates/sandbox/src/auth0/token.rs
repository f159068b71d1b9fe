//! `POST /oauth/token`, and the check of a bearer token.

use std::collections::HashMap;

use serde_json::Value;
use time::OffsetDateTime;

use super::errors;
use super::tenant::Auth0Tenant;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;

/// Checks the token of a Management API call.
pub(super) fn check_token(
    tenant: &Auth0Tenant,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<(), StubResponse> {
    if request.header("authorization").is_none() {
        return Err(errors::unauthorized("Missing authentication"));
    }
    let malformed = || errors::api_error(400, "Bad HTTP authentication header format", Some("Bearer"));
    let token = request.credentials("bearer").ok_or_else(malformed)?;
    if tenant.tokens.is_valid(token, now) {
        Ok(())
    } else {
        Err(errors::unauthorized("Invalid token."))
    }
}

/// Answers `POST /oauth/token`.
pub(super) fn issue_token(
    tenant: &mut Auth0Tenant,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    let form = parse_form(request)?;
    let param = |name: &str| form.get(name).map_or("", String::as_str);
    match param("grant_type") {
        "client_credentials" => {}
        "" => {
            let text = "Missing required parameter: grant_type";
            return Err(errors::oauth_error(400, "invalid_request", text));
        }
        other => {
            let text = format!("Unsupported grant type: {other}");
            return Err(errors::oauth_error(403, "unsupported_grant_type", &text));
        }
    }
    let client = tenant
        .clients
        .iter()
        .find(|client| client.client_id == param("client_id"));
    if client.is_none_or(|client| client.client_secret != param("client_secret")) {
        return Err(errors::oauth_error(401, "access_denied", "Unauthorized"));
    }
    let audience = param("audience");
    if !tenant.is_audience(audience) {
        return Err(errors::no_client_grant(audience));
    }
    let lifetime = tenant.shared.settings.token_lifetime_s;
    let token = tenant.tokens.issue(lifetime, now);
    Ok(StubResponse::access_token(&token, lifetime))
}

fn parse_form(request: &WireRequest) -> Result<HashMap<String, String>, StubResponse> {
    if !request.has_content_type("application/json") {
        return Ok(request.form_pairs().into_iter().collect());
    }
    let invalid_json = || errors::oauth_error(400, "invalid_request", "Invalid request payload JSON format");
    let members = request.json_object().ok_or_else(invalid_json)?;
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    Ok(members.into_iter().map(|(name, value)| (name, text(value))).collect())
}
