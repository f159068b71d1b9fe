//! Authentication at a generic provider, and its token endpoint.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::response::GenericStubError;
use super::settings::{GenericStubAuth, GenericStubSettings};
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::issued_tokens::IssuedTokens;

/// The parameters of a call, from its query and its body.
fn parse_parameters(request: &WireRequest) -> Result<Vec<(String, String)>, GenericStubError> {
    let mut all = request.query_pairs();
    if request.has_content_type("application/json") && !request.body.is_empty() {
        let not_an_object = || GenericStubError::new(400, "the body is a JSON object");
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let members = request.json_object().ok_or_else(not_an_object)?;
        all.extend(members.into_iter().map(|(name, value)| (name, text(value))));
    } else {
        all.extend(request.form_pairs());
    }
    Ok(all)
}

/// Authenticates a call, and returns its parameters without the credentials.
pub(super) fn admit(
    settings: &GenericStubSettings,
    tokens: &IssuedTokens,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<Vec<(String, String)>, GenericStubError> {
    let mut all = parse_parameters(request)?;
    let bearer = request.credentials("bearer");
    let is_valid = match &settings.auth {
        GenericStubAuth::None => true,
        GenericStubAuth::Bearer { token } => bearer == Some(token.as_str()),
        GenericStubAuth::ClientCredentials { .. } => bearer.is_some_and(|token| tokens.is_valid(token, now)),
        GenericStubAuth::Header { name, value } => request.header(&name.to_ascii_lowercase()) == Some(value.as_str()),
        GenericStubAuth::Field { name, value } => {
            let is_valid = all.iter().any(|(known, given)| known == name && given == value);
            all.retain(|(known, _)| known != name);
            is_valid
        }
        GenericStubAuth::Basic { user, password } => basic(request) == Some((user.clone(), password.clone())),
    };
    if !is_valid {
        return Err(GenericStubError::new(401, "credentials are missing or wrong"));
    }
    for (name, value) in &settings.required {
        if !all.iter().any(|(known, given)| known == name && given == value) {
            return Err(GenericStubError::new(400, format!("{name} is missing or wrong")));
        }
    }
    all.retain(|(name, _)| !settings.required.contains_key(name));
    Ok(all)
}

fn basic(request: &WireRequest) -> Option<(String, String)> {
    let credentials = request.credentials("basic")?;
    let text = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Issues a token; `None` when this is not the token endpoint.
pub(super) fn issue_token(
    settings: &GenericStubSettings,
    tokens: &mut IssuedTokens,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Option<StubResponse> {
    let GenericStubAuth::ClientCredentials {
        path,
        client_id,
        client_secret,
        lifetime_s,
    } = &settings.auth
    else {
        return None;
    };
    if request.path() != path || request.method != "POST" {
        return None;
    }
    let params: HashMap<String, String> = parse_parameters(request).unwrap_or_default().into_iter().collect();
    let param = |name: &str| params.get(name).cloned();
    let credentials = basic(request).or_else(|| param("client_id").zip(param("client_secret")));
    if param("grant_type").as_deref() != Some("client_credentials") {
        return Some(StubResponse::json(400, &json!({"error": "unsupported_grant_type"})));
    }
    if credentials != Some((client_id.clone(), client_secret.clone())) {
        return Some(StubResponse::json(401, &json!({"error": "invalid_client"})));
    }
    let token = tokens.issue(*lifetime_s, now);
    Some(StubResponse::access_token(&token, *lifetime_s))
}
