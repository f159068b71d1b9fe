//! `POST /oauth/token`, and the check of a bearer token.

use std::collections::HashMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::errors;
use super::keys::Auth0TokenError;
use super::tenant::Auth0Tenant;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;

/// The scopes of a verified token.
#[derive(Debug)]
pub(super) struct GrantedScopes(Vec<String>);

impl GrantedScopes {
    /// Passes when one of these scopes was granted.
    pub(super) fn require_any(&self, scopes: &[&str]) -> Result<(), StubResponse> {
        if self.0.iter().any(|granted| scopes.contains(&granted.as_str())) {
            Ok(())
        } else {
            Err(errors::insufficient_scope(scopes))
        }
    }
}

/// Checks signature, lifetime and audience, as each Management API call does.
pub(super) fn check_token(
    tenant: &Auth0Tenant,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<GrantedScopes, StubResponse> {
    if request.header("authorization").is_none() {
        return Err(errors::unauthorized("Missing authentication"));
    }
    let malformed = || errors::api_error(400, "Bad HTTP authentication header format", Some("Bearer"));
    let token = request.credentials("bearer").ok_or_else(malformed)?;
    let claims = tenant.keys.verify(token).map_err(|error| {
        errors::unauthorized(match error {
            Auth0TokenError::Malformed => "Invalid token.",
            Auth0TokenError::Signature => "Invalid signature received for JSON Web Token validation.",
        })
    })?;
    let expiry = claims["exp"].as_i64();
    if expiry.is_none_or(|expiry| expiry <= now.unix_timestamp()) {
        let message = "Expired token received for JSON Web Token validation";
        return Err(errors::unauthorized(message));
    }
    let audience = &claims["aud"];
    let is_for_api = |audience: &Value| audience.as_str().is_some_and(|audience| tenant.is_audience(audience));
    if !is_for_api(audience) && !audience.as_array().is_some_and(|all| all.iter().any(is_for_api)) {
        return Err(errors::unauthorized(&format!("Bad audience: {audience}")));
    }
    let scopes = claims["scope"].as_str().unwrap_or_default();
    Ok(GrantedScopes(scopes.split(' ').map(str::to_owned).collect()))
}

/// Answers `POST /oauth/token`.
pub(super) fn issue_token(tenant: &mut Auth0Tenant, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
    let quota = tenant.token_calls.take(now);
    let response = if quota.allowed {
        exchange(tenant, request, now).unwrap_or_else(|refusal| refusal)
    } else {
        let wait = quota.retry_after(now);
        let limit = format!("b=per_hour;q={};r=0;t={wait}", quota.limit);
        errors::oauth_error(429, "too_many_requests", "Client quota exceeded")
            .with("retry-after", wait)
            .with("auth0-client-quota-limit", limit)
    };
    errors::with_rate_limit(response, quota)
}

fn exchange(tenant: &Auth0Tenant, request: &WireRequest, now: OffsetDateTime) -> Result<StubResponse, StubResponse> {
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
    let Some(client) = client.filter(|client| client.client_secret == param("client_secret")) else {
        return Err(errors::oauth_error(401, "access_denied", "Unauthorized"));
    };
    let audience = param("audience");
    if !tenant.is_audience(audience) || client.scopes.is_empty() {
        return Err(errors::no_client_grant(audience));
    }
    let wanted: Vec<&str> = param("scope").split_whitespace().collect();
    let granted = client.scopes.iter().map(String::as_str);
    let scope: Vec<&str> = granted
        .filter(|scope| wanted.is_empty() || wanted.contains(scope))
        .collect();
    let scope = scope.join(" ");
    let lifetime = tenant.shared.settings.token_lifetime_s;
    let issued = now.unix_timestamp();
    let claims = json!({
        "iss": tenant.issuer, "sub": format!("{}@clients", client.client_id), "aud": audience, "iat": issued,
        "exp": issued.saturating_add_unsigned(lifetime), "scope": scope, "gty": "client-credentials",
        "azp": client.client_id,
    });
    let server_error = |_| errors::oauth_error(500, "server_error", "Internal Server Error");
    let token = tenant.keys.sign(&claims).map_err(server_error)?;
    Ok(StubResponse::access_token(&token, lifetime, Some(&scope)))
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
