//! What a verified token says, and whether it says so to us and now (RFC 7519 §4.1, RFC 9068 §2.2.3).

use masthead_domain::tenant::{Grant, Scope, TenantGrant};
use masthead_ports::tokens::TokenError;
use serde::Deserialize;
use serde_json::{Number, Value};

/// What we read of the claims; others may be there.
#[derive(Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    iss: Option<Value>,
    #[serde(default)]
    aud: Option<Value>,
    #[serde(default)]
    exp: Option<Value>,
    #[serde(default)]
    nbf: Option<Value>,
    #[serde(default)]
    scope: Option<Value>,
    #[serde(default)]
    tenants: Option<Value>,
}

/// What claims are held against.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The one issuer.
    pub(crate) issuer: Box<str>,
    /// The one audience; a token may name more.
    pub(crate) audience: Box<str>,
    /// How far clocks may differ, in seconds.
    pub(crate) leeway: i64,
}

/// Claims that hold now, until `expires`.
#[derive(Debug)]
pub(crate) struct Held {
    /// What they grant.
    pub(crate) grant: Grant,
    /// The first second (UNIX, leeway included) at which they hold no more.
    pub(crate) expires: i64,
}

impl Claims {
    /// Judges the claims at `now`, in UNIX seconds.
    pub(crate) fn judge(&self, expected: &Expected, now: i64) -> Result<Held, TokenError> {
        if self.iss.as_ref().and_then(Value::as_str) != Some(&*expected.issuer) {
            return Err(TokenError::WrongIssuer);
        }
        if !self.is_for(&expected.audience) {
            return Err(TokenError::WrongAudience);
        }
        let expires = self
            .exp
            .as_ref()
            .and_then(seconds)
            .ok_or(TokenError::BadClaims)?
            .saturating_add(expected.leeway);
        if now >= expires {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = &self.nbf {
            let not_before = seconds(not_before).ok_or(TokenError::BadClaims)?;
            if now < not_before.saturating_sub(expected.leeway) {
                return Err(TokenError::NotYetValid);
            }
        }
        let grant = self.grant().ok_or(TokenError::BadClaims)?;
        Ok(Held { grant, expires })
    }

    fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    fn grant(&self) -> Option<Grant> {
        let scopes = self
            .scope
            .as_ref()?
            .as_str()?
            .split(' ')
            .filter_map(Scope::named)
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
