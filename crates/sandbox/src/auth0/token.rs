//! `POST /oauth/token`, the discovery document, and the check of a bearer token.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::keys::{KeyRing, TokenFlaw};
use super::tenant::Tenant;
use super::{Auth0, errors};
use crate::server::reply::Reply;
use crate::server::request::{Request, form};

/// What a verified token allows.
#[derive(Debug)]
pub(super) struct Grant {
    scopes: Vec<String>,
}

impl Grant {
    /// Passes when one of these scopes was granted.
    pub(super) fn any(&self, scopes: &[&str]) -> Result<(), Reply> {
        let granted = self.scopes.iter().any(|granted| scopes.contains(&granted.as_str()));
        if granted {
            Ok(())
        } else {
            Err(errors::insufficient_scope(scopes))
        }
    }
}

/// Checks signature, issuer's key, lifetime and audience, as each Management API call does.
pub(super) fn grant(
    keys: &KeyRing,
    request: &Request,
    audiences: &[String],
    now: OffsetDateTime,
) -> Result<Grant, Reply> {
    let Some(header) = request.header("authorization") else {
        return Err(errors::unauthorized("Missing authentication"));
    };
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => {
            return Err(errors::api(
                400,
                "Bad HTTP authentication header format",
                Some("Bearer"),
            ));
        }
    };
    let claims = keys.verified(token).map_err(|flaw| {
        errors::unauthorized(match flaw {
            TokenFlaw::Malformed => "Invalid token.",
            TokenFlaw::Signature => "Invalid signature received for JSON Web Token validation.",
        })
    })?;
    if claims["exp"]
        .as_i64()
        .is_none_or(|expiry| expiry <= now.unix_timestamp())
    {
        return Err(errors::unauthorized(
            "Expired token received for JSON Web Token validation",
        ));
    }
    let meant_for_us = |audience: &Value| audiences.iter().any(|known| audience == known.as_str());
    let audience = &claims["aud"];
    if !meant_for_us(audience) && !audience.as_array().is_some_and(|all| all.iter().any(meant_for_us)) {
        return Err(errors::unauthorized(&format!("Bad audience: {audience}")));
    }
    let scopes = claims["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    Ok(Grant { scopes })
}

/// The discovery document, as far as an API's server needs it.
pub(super) fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}authorize"),
        "token_endpoint": format!("{issuer}oauth/token"),
        "userinfo_endpoint": format!("{issuer}userinfo"),
        "jwks_uri": format!("{issuer}.well-known/jwks.json"),
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
        "response_types_supported": ["code", "token", "id_token"],
        "scopes_supported": ["openid", "profile", "offline_access", "email"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    })
}

impl Auth0 {
    pub(super) fn token(&self, tenant: &mut Tenant, request: &Request, now: OffsetDateTime) -> Reply {
        let standing = tenant.tokens.take(now);
        let reply = if standing.allowed {
            self.exchange(tenant, request, now).unwrap_or_else(|refusal| refusal)
        } else {
            let wait = (standing.reset - now.unix_timestamp()).max(1);
            let quota = format!("b=per_hour;q={};r=0;t={wait}", standing.limit);
            errors::oauth(429, "too_many_requests", "Auth0Client quota exceeded")
                .with("retry-after", wait)
                .with("auth0-client-quota-limit", quota)
        };
        reply
            .with("x-ratelimit-limit", standing.limit)
            .with("x-ratelimit-remaining", standing.remaining)
            .with("x-ratelimit-reset", standing.reset)
    }

    fn exchange(&self, tenant: &Tenant, request: &Request, now: OffsetDateTime) -> Result<Reply, Reply> {
        let asked = Asked::parse(request)?;
        match asked.grant_type.as_str() {
            "client_credentials" => {}
            "" => {
                return Err(errors::oauth(
                    400,
                    "invalid_request",
                    "Missing required parameter: grant_type",
                ));
            }
            "password" | "authorization_code" | "refresh_token" | "implicit" => {
                let text = format!("Grant type '{}' not allowed for the client.", asked.grant_type);
                return Err(errors::oauth(403, "unauthorized_client", &text));
            }
            other => {
                let text = format!("Unsupported grant type: {other}");
                return Err(errors::oauth(403, "unsupported_grant_type", &text));
            }
        }
        let known = tenant.clients.iter().find(|client| client.client_id == asked.client_id);
        let Some(client) = known.filter(|client| client.client_secret == asked.client_secret) else {
            return Err(errors::oauth(401, "access_denied", "Unauthorized"));
        };
        if asked.audience.is_empty() {
            let text = "No audience parameter was provided, and no default audience has been configured.";
            return Err(errors::oauth(403, "access_denied", text));
        }
        if !self.audiences().contains(&asked.audience) || client.scopes.is_empty() {
            let text = format!(
                "Auth0Client is not authorized to access \"{}\". You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants",
                asked.audience
            );
            return Err(errors::oauth(403, "access_denied", &text));
        }
        let wanted: Vec<&str> = asked.scope.split_whitespace().collect();
        let granted = client.scopes.iter().map(String::as_str);
        let scope: Vec<&str> = granted
            .filter(|scope| wanted.is_empty() || wanted.contains(scope))
            .collect();
        let lifetime = tenant.settings.token_lifetime_s;
        let issued = now.unix_timestamp();
        let claims = json!({
            "iss": self.issuer, "sub": format!("{}@clients", client.client_id), "aud": asked.audience,
            "iat": issued, "exp": issued.saturating_add_unsigned(lifetime), "scope": scope.join(" "),
            "gty": "client-credentials", "azp": client.client_id,
        });
        let Ok(token) = tenant.keys.sign(&claims) else {
            return Err(errors::oauth(500, "server_error", "Internal Server Error"));
        };
        let body = json!({
            "access_token": token, "scope": scope.join(" "), "expires_in": lifetime, "token_type": "Bearer",
        });
        Ok(Reply::json(200, &body)
            .with("cache-control", "no-store")
            .with("pragma", "no-cache"))
    }
}

#[derive(Debug, Default)]
struct Asked {
    grant_type: String,
    client_id: String,
    client_secret: String,
    audience: String,
    scope: String,
}

impl Asked {
    fn parse(request: &Request) -> Result<Self, Reply> {
        let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let pairs: Vec<(String, String)> = if kind.starts_with("application/json") {
            let Ok(Value::Object(members)) = serde_json::from_slice(&request.body) else {
                return Err(errors::oauth(
                    400,
                    "invalid_request",
                    "Invalid request payload JSON format",
                ));
            };
            let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
            members.into_iter().map(|(name, value)| (name, text(value))).collect()
        } else {
            form(&String::from_utf8_lossy(&request.body))
        };
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "grant_type" => asked.grant_type = value,
                "client_id" => asked.client_id = value,
                "client_secret" => asked.client_secret = value,
                "audience" => asked.audience = value,
                "scope" => asked.scope = value,
                _ => {}
            }
        }
        Ok(asked)
    }
}
