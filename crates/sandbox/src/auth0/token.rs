//! `POST /oauth/token` for both grants, and the check of a bearer token.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::errors;
use super::tenant::Auth0Tenant;
use super::users::DATABASES;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::passwords::PasswordResult;

/// The grant that checks a password of one connection.
const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

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
    let signs_in = match param("grant_type") {
        "client_credentials" => false,
        PASSWORD_REALM => true,
        "" => {
            let text = "Missing required parameter: grant_type";
            return Err(errors::oauth_error(400, "invalid_request", text));
        }
        other => {
            let text = format!("Unsupported grant type: {other}");
            return Err(errors::oauth_error(403, "unsupported_grant_type", &text));
        }
    };
    let client = tenant
        .clients
        .iter()
        .find(|client| client.client_id == param("client_id"));
    if client.is_none_or(|client| client.client_secret != param("client_secret")) {
        return Err(errors::oauth_error(401, "access_denied", "Unauthorized"));
    }
    if signs_in {
        return sign_in(tenant, [param("realm"), param("username"), param("password")], now);
    }
    let audience = param("audience");
    if !tenant.is_audience(audience) {
        return Err(errors::no_client_grant(audience));
    }
    let lifetime = tenant.shared.settings.token_lifetime_s;
    let token = tenant.tokens.issue(lifetime, now);
    Ok(StubResponse::access_token(&token, lifetime))
}

/// Signs in with the password of a database connection. The refusals are those that Auth0's users report: no document
/// lists them.
fn sign_in(
    tenant: &mut Auth0Tenant,
    [realm, username, password]: [&str; 3],
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    if !DATABASES.contains(&realm) {
        let text = "specified strategy does not support requested operation";
        return Err(errors::oauth_error(400, "invalid_request", text));
    }
    let wrong = || errors::oauth_error(403, "invalid_grant", "Wrong email or password.");
    let with_address = tenant.shared.users.by_address(&username.to_lowercase()).into_iter();
    let mut found = with_address.filter(|user| user["identities"][0]["connection"] == realm);
    let user = found.next().ok_or_else(wrong)?.clone();
    let id = user["user_id"].as_str().unwrap_or_default();
    match tenant.shared.passwords.attempt(id, password) {
        PasswordResult::Wrong => return Err(wrong()),
        PasswordResult::LockedOut => {
            let text = "Your account has been blocked after multiple consecutive login attempts.";
            return Err(errors::oauth_error(429, "too_many_attempts", text));
        }
        PasswordResult::Right => {}
    }
    if user["blocked"] == true {
        return Err(errors::oauth_error(401, "unauthorized", "user is blocked"));
    }
    if user["multifactor"]
        .as_array()
        .is_some_and(|factors| !factors.is_empty())
    {
        return Err(errors::oauth_error(
            403,
            "mfa_required",
            "Multifactor authentication required",
        ));
    }
    let claims = json!({"sub": id, "iat": now.unix_timestamp(), "exp": now.unix_timestamp() + 3_600});
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"RS256","typ":"JWT"}"#);
    let id_token = format!("{header}.{}.{}", part(&claims.to_string()), part("sandbox"));
    let body = json!({
        "access_token": "sandbox-opaque-token", "id_token": id_token, "scope": "openid", "expires_in": 86_400,
        "token_type": "Bearer",
    });
    Ok(StubResponse::json(200, &body).with("cache-control", "no-store"))
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
