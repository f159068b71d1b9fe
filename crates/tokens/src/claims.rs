//! A verified token's claims, and the checks of issuer, audience and times (RFC 7519 §4.1, RFC 9068 §2.2.3).

use std::{fmt, sync::Arc};

use masthead_domain::access::{MAX_CLAIM_BYTES, TokenIdentity};
use masthead_ports::tokens::TokenError;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::claim_rules::{ClaimRules, ClaimedGrant, first};

/// Claims that no access token has: the first two are of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11), the last is of
/// security event and logout tokens (RFC 8417 §2.2).
const ID_TOKEN_CLAIMS: [&str; 2] = ["at_hash", "c_hash"];
const EVENTS: &str = "events";

/// The claims; none is repeated.
pub(crate) struct Claims(Map<String, Value>);

#[derive(Debug, Clone)]
pub(crate) struct ExpectedClaims {
    pub(crate) issuer: Arc<str>,
    /// The accepted audiences; a token may name more.
    pub(crate) audiences: Vec<Box<str>>,
    /// The tolerated clock difference, in seconds.
    pub(crate) leeway: i64,
    /// The longest time from issue to expiry, in seconds.
    pub(crate) max_lifetime: i64,
    pub(crate) rules: ClaimRules,
}

/// Claims that hold now, until `expires`.
#[derive(Debug)]
pub(crate) struct ValidClaims {
    pub(crate) identity: Arc<TokenIdentity>,
    pub(crate) grant: ClaimedGrant,
    /// The first second (UNIX, leeway included) at which they hold no more.
    pub(crate) expires: i64,
}

impl Claims {
    /// Judges the claims at `now`, in UNIX seconds.
    pub(crate) fn judge(&self, expected: &ExpectedClaims, now: i64) -> Result<ValidClaims, TokenError> {
        if ID_TOKEN_CLAIMS.into_iter().any(|name| self.get(name).is_some()) {
            // Only once it is known that the token is for this service.
            self.judge_origin(expected)?;
            return Err(TokenError::NotAccessToken);
        }
        let expires = self.judge_validity(expected, now)?;
        if !expected.rules.is_access_token(&self.0) {
            return Err(TokenError::NotAccessToken);
        }
        let grant = self.grant(&expected.rules).ok_or(TokenError::BadClaims)?;
        let identity = Arc::new(self.identity(expected).ok_or(TokenError::BadClaims)?);
        Ok(ValidClaims {
            identity,
            grant,
            expires,
        })
    }

    /// The subject of a user's token, which may be an ID token, judged at `now` in UNIX seconds.
    pub(crate) fn user(&self, expected: &ExpectedClaims, now: i64) -> Result<&str, TokenError> {
        self.judge_validity(expected, now)?;
        let subject = self.get("sub").and_then(Value::as_str);
        subject.ok_or(TokenError::BadClaims)
    }

    /// The claim of this name; a null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// What the token claims; `None` where a claim is not of the form that its issuer gives it.
    pub(crate) fn grant(&self, rules: &ClaimRules) -> Option<ClaimedGrant> {
        rules.grant(&self.0).ok()
    }

    /// The names of all claims.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The audiences that the token names.
    pub(crate) fn audiences(&self, rules: &ClaimRules) -> Vec<&str> {
        match first(&rules.audience, &self.0) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn judge_origin(&self, expected: &ExpectedClaims) -> Result<(), TokenError> {
        if self.get("iss").and_then(Value::as_str) != Some(&*expected.issuer) {
            return Err(TokenError::WrongIssuer);
        }
        let named = self.audiences(&expected.rules);
        if !expected.audiences.iter().any(|audience| named.contains(&&**audience)) {
            return Err(TokenError::WrongAudience);
        }
        Ok(())
    }

    /// Issuer, audience and times; returns the first second at which they hold no more.
    fn judge_validity(&self, expected: &ExpectedClaims, now: i64) -> Result<i64, TokenError> {
        self.judge_origin(expected)?;
        if self.get(EVENTS).is_some() {
            return Err(TokenError::NotAccessToken);
        }
        let expiry = self.get("exp").and_then(seconds).ok_or(TokenError::BadClaims)?;
        let expires = expiry.saturating_add(expected.leeway);
        if now >= expires {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = self.get("nbf") {
            let not_before = seconds(not_before).ok_or(TokenError::BadClaims)?;
            if now < not_before.saturating_sub(expected.leeway) {
                return Err(TokenError::NotYetValid);
            }
        }
        // A token that was issued in the future, or at an unknown time, counts as issued now.
        let issued = match self.get("iat") {
            Some(issued) => seconds(issued).ok_or(TokenError::BadClaims)?.min(now),
            None => now,
        };
        if expiry.saturating_sub(issued) > expected.max_lifetime.saturating_add(expected.leeway) {
            return Err(TokenError::LongLived);
        }
        Ok(expires)
    }

    /// `None` where the source systems are not of the published form: they are a restriction, which must not be dropped.
    pub(crate) fn identity(&self, expected: &ExpectedClaims) -> Option<TokenIdentity> {
        let rules = &expected.rules;
        Some(TokenIdentity {
            issuer: Arc::clone(&expected.issuer),
            subject: self.get("sub").and_then(bounded_text),
            client_id: rules
                .client_id
                .iter()
                .find_map(|path| bounded_text(path.find(&self.0)?)),
            token_id: rules.token_id.iter().find_map(|path| bounded_text(path.find(&self.0)?)),
            source_systems: self.source_systems()?,
        })
    }

    /// The texts of `source_system` and `source_systems`, each a text or a list of texts.
    #[expect(
        clippy::option_option,
        reason = "the outer one is an unusable claim, the inner one no claim"
    )]
    fn source_systems(&self) -> Option<Option<Box<[Box<str>]>>> {
        let claims = [self.get("source_system"), self.get("source_systems")];
        if claims == [None, None] {
            return Some(None);
        }
        let mut allowed = Vec::new();
        for claim in claims.into_iter().flatten() {
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
}

/// RFC 7519 §4 lets a repeated claim be refused; the last one to win would let two readers see two tokens.
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim is repeated"));
                    }
                }
                Ok(Claims(claims))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A text of at most [`MAX_CLAIM_BYTES`] bytes, cut at a character.
fn bounded_text(claim: &Value) -> Option<Arc<str>> {
    let text = claim.as_str()?;
    Some(text[..text.floor_char_boundary(MAX_CLAIM_BYTES)].into())
}

/// A NumericDate, which may have a fraction; only its whole seconds count.
pub(crate) fn seconds(value: &Value) -> Option<i64> {
    let number: &Number = value.as_number()?;
    number.as_i64().or_else(|| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is dropped, and the rest saturates"
        )]
        number.as_f64().map(|fractional| fractional as i64)
    })
}
