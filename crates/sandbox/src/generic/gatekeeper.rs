//! Who may call a generic: each kind of proof, and the tokens that one of them hands out.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::settings::{GenericStubAuth, GenericStubSettings};
use super::shape::Failure;
use crate::server::reply::Reply;
use crate::server::request::{Request, form};

/// The tokens that were handed out, and when they end.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    live: HashMap<String, OffsetDateTime>,
    made: u64,
}

/// The parameters of a call, from its query and its body.
pub(super) fn parameters(request: &Request) -> Result<Vec<(String, String)>, Failure> {
    let mut all = request.parameters();
    let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if request.body.is_empty() {
    } else if kind.starts_with("application/json") {
        let Ok(Value::Object(members)) = serde_json::from_slice(&request.body) else {
            return Err(Failure::new(400, "the body is a JSON object"));
        };
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        all.extend(members.into_iter().map(|(name, value)| (name, text(value))));
    } else {
        all.extend(form(&String::from_utf8_lossy(&request.body)));
    }
    Ok(all)
}

/// Passes a caller that proves itself, and hands on its parameters without the proof.
pub(super) fn admitted(
    settings: &GenericStubSettings,
    tokens: &mut Tokens,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Vec<(String, String)>, Failure> {
    let mut all = parameters(request)?;
    let given = request
        .header("authorization")
        .and_then(|header| header.split_once(' '));
    let bearer = given
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token);
    let right = match &settings.auth {
        GenericStubAuth::None => true,
        GenericStubAuth::Bearer { token } => bearer == Some(token.as_str()),
        GenericStubAuth::ClientCredentials { .. } => {
            tokens.live.retain(|_, ends| *ends > now);
            bearer.is_some_and(|token| tokens.live.contains_key(token))
        }
        GenericStubAuth::Header { name, value } => request.header(&name.to_ascii_lowercase()) == Some(value.as_str()),
        GenericStubAuth::Field { name, value } => {
            let right = all.iter().any(|(known, given)| known == name && given == value);
            all.retain(|(known, _)| known != name);
            right
        }
        GenericStubAuth::Basic { user, password } => basic(request) == Some((user.clone(), password.clone())),
    };
    if !right {
        return Err(Failure::new(401, "credentials are missing or wrong"));
    }
    for (name, value) in &settings.required {
        if !all.iter().any(|(known, given)| known == name && given == value) {
            return Err(Failure::new(400, format!("{name} is missing or wrong")));
        }
    }
    all.retain(|(name, _)| !settings.required.contains_key(name));
    Ok(all)
}

fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, packed) = request.header("authorization")?.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(packed).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| (user.to_owned(), password.to_owned()))
}

/// Hands out a token, when this is where tokens are and how they are asked for.
pub(super) fn token(
    settings: &GenericStubSettings,
    tokens: &mut Tokens,
    request: &Request,
    now: OffsetDateTime,
) -> Option<Reply> {
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
    let asked = parameters(request).unwrap_or_default();
    let get = |name: &str| {
        asked
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let credentials = basic(request).or_else(|| get("client_id").zip(get("client_secret")));
    if get("grant_type").as_deref() != Some("client_credentials") {
        return Some(Reply::json(400, &json!({"error": "unsupported_grant_type"})));
    }
    if credentials != Some((client_id.clone(), client_secret.clone())) {
        return Some(Reply::json(401, &json!({"error": "invalid_client"})));
    }
    tokens.made += 1;
    let token = format!("sandbox-directory-token-{}", tokens.made);
    let lifetime = Duration::seconds(i64::try_from(*lifetime_s).unwrap_or(i64::MAX));
    tokens.live.insert(token.clone(), now.saturating_add(lifetime));
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s});
    Some(Reply::json(200, &body).with("cache-control", "no-store"))
}
