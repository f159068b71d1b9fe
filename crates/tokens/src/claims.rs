//! A verified token's claims, and the checks of issuer, audience and times (RFC 7519 §4.1, RFC 9068 §2.2.3).

use std::sync::Arc;

use masthead_domain::access::{Grant, MAX_CLAIM_BYTES, Scope, TenantGrant, TokenIdentity};
use masthead_ports::tokens::{TokenError, VerifiedToken};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Number, Value};

/// The claims in use; others are ignored.
#[derive(Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    iss: Option<Value>,
    #[serde(default)]
    aud: Option<Value>,
    #[serde(default)]
    sub: Option<Value>,
    #[serde(default)]
    client_id: Option<Value>,
    #[serde(default)]
    azp: Option<Value>,
    #[serde(default)]
    jti: Option<Value>,
    #[serde(default)]
    source_system: Option<Value>,
    #[serde(default)]
    source_systems: Option<Value>,
    #[serde(default)]
    exp: Option<Value>,
    #[serde(default)]
    nbf: Option<Value>,
    #[serde(default)]
    iat: Option<Value>,
    #[serde(default)]
    scope: Option<Value>,
    #[serde(default)]
    tenants: Option<Value>,
    // Claims that no access token has: the first two are of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11), the last
    // is of security event and logout tokens (RFC 8417 §2.2).
    #[serde(default)]
    at_hash: Option<IgnoredAny>,
    #[serde(default)]
    c_hash: Option<IgnoredAny>,
    #[serde(default)]
    events: Option<IgnoredAny>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExpectedClaims {
    pub(crate) issuer: Box<str>,
    /// The one audience; a token may name more.
    pub(crate) audience: Box<str>,
    /// The tolerated clock difference, in seconds.
    pub(crate) leeway: i64,
    /// The longest time from issue to expiry, in seconds.
    pub(crate) max_lifetime: i64,
}

/// Claims that hold now, until `expires`.
#[derive(Debug)]
pub(crate) struct ValidClaims {
    pub(crate) token: VerifiedToken,
    /// The first second (UNIX, leeway included) at which they hold no more.
    pub(crate) expires: i64,
}

impl Claims {
    /// Judges the claims at `now`, in UNIX seconds.
    pub(crate) fn judge(&self, expected: &ExpectedClaims, now: i64) -> Result<ValidClaims, TokenError> {
        if self.at_hash.is_some() || self.c_hash.is_some() {
            // Only once it is known that the token is for this service.
            self.judge_origin(expected)?;
            return Err(TokenError::NotAccessToken);
        }
        let expires = self.judge_validity(expected, now)?;
        let grant = self.grant().ok_or(TokenError::BadClaims)?;
        let identity = Arc::new(self.identity(expected).ok_or(TokenError::BadClaims)?);
        Ok(ValidClaims {
            token: VerifiedToken { identity, grant },
            expires,
        })
    }

    /// The subject of a user's token, which may be an ID token, judged at `now` in UNIX seconds.
    pub(crate) fn user(&self, expected: &ExpectedClaims, now: i64) -> Result<&str, TokenError> {
        self.judge_validity(expected, now)?;
        let subject = self.sub.as_ref().and_then(Value::as_str);
        subject.ok_or(TokenError::BadClaims)
    }

    fn judge_origin(&self, expected: &ExpectedClaims) -> Result<(), TokenError> {
        if self.iss.as_ref().and_then(Value::as_str) != Some(&*expected.issuer) {
            return Err(TokenError::WrongIssuer);
        }
        if !self.is_for(&expected.audience) {
            return Err(TokenError::WrongAudience);
        }
        Ok(())
    }

    /// Issuer, audience and times; returns the first second at which they hold no more.
    fn judge_validity(&self, expected: &ExpectedClaims, now: i64) -> Result<i64, TokenError> {
        self.judge_origin(expected)?;
        if self.events.is_some() {
            return Err(TokenError::NotAccessToken);
        }
        let expiry = self.exp.as_ref().and_then(seconds).ok_or(TokenError::BadClaims)?;
        let expires = expiry.saturating_add(expected.leeway);
        if now >= expires {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = &self.nbf {
            let not_before = seconds(not_before).ok_or(TokenError::BadClaims)?;
            if now < not_before.saturating_sub(expected.leeway) {
                return Err(TokenError::NotYetValid);
            }
        }
        // A token that was issued in the future, or at an unknown time, counts as issued now.
        let issued = match &self.iat {
            Some(issued) => seconds(issued).ok_or(TokenError::BadClaims)?.min(now),
            None => now,
        };
        if expiry.saturating_sub(issued) > expected.max_lifetime.saturating_add(expected.leeway) {
            return Err(TokenError::LongLived);
        }
        Ok(expires)
    }

    fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// `None` where the source systems are not of the published form: they are a restriction, which must not be dropped.
    fn identity(&self, expected: &ExpectedClaims) -> Option<TokenIdentity> {
        Some(TokenIdentity {
            issuer: Arc::from(&*expected.issuer),
            subject: bounded_text(self.sub.as_ref()),
            client_id: bounded_text(self.client_id.as_ref()).or_else(|| bounded_text(self.azp.as_ref())),
            token_id: bounded_text(self.jti.as_ref()),
            source_systems: self.source_systems()?,
        })
    }

    /// The texts of `source_system` and `source_systems`, each a text or a list of texts.
    #[expect(
        clippy::option_option,
        reason = "the outer one is an unusable claim, the inner one no claim"
    )]
    fn source_systems(&self) -> Option<Option<Box<[Box<str>]>>> {
        if self.source_system.is_none() && self.source_systems.is_none() {
            return Some(None);
        }
        let mut allowed = Vec::new();
        for claim in [&self.source_system, &self.source_systems].into_iter().flatten() {
            match claim {
                Value::String(one) => allowed.push(one.as_str().into()),
                Value::Array(many) => {
                    for one in many {
                        allowed.push(one.as_str()?.into());
                    }
                }
                _ => return None,
            }
        }
        Some(Some(allowed.into()))
    }

    fn grant(&self) -> Option<Grant> {
        let scopes = self
            .scope
            .as_ref()?
            .as_str()?
            .split(' ')
            .filter_map(Scope::from_name)
            .collect();
        let tenants = self
            .tenants
            .as_ref()?
            .as_array()?
            .iter()
            .map(|entry| TenantGrant::parse(entry.as_str()?).ok())
            .collect::<Option<_>>()?;
        Some(Grant { scopes, tenants })
    }
}

/// A text of at most [`MAX_CLAIM_BYTES`] bytes, cut at a character.
fn bounded_text(claim: Option<&Value>) -> Option<Arc<str>> {
    let text = claim?.as_str()?;
    Some(text[..text.floor_char_boundary(MAX_CLAIM_BYTES)].into())
}

/// A NumericDate, which may have a fraction; only its whole seconds count.
fn seconds(value: &Value) -> Option<i64> {
    let number: &Number = value.as_number()?;
    number.as_i64().or_else(|| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is dropped, and the rest saturates"
        )]
        number.as_f64().map(|fractional| fractional as i64)
    })
}
