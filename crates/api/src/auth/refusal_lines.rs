//! Logs why callers are refused: each reason a few times a minute, so that a caller in a loop does not fill the log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::HeaderMap;
use masthead_ports::tokens::TokenError;

use super::{error::AuthError, headers::CallerHeaders};
use crate::http::{personal_text::redacted_code, request::RequestContext};

/// The lines of all threads of this process.
pub(crate) static REFUSALS: RefusalLines = RefusalLines::new();

/// How many lines of one reason are written in [`WINDOW`].
const LINES: u32 = 10;

const WINDOW: Duration = Duration::from_mins(1);

/// Counts the refusals of each reason; there are as many reasons as texts in this crate and in [`TokenError`].
#[derive(Debug)]
pub(crate) struct RefusalLines(Mutex<BTreeMap<&'static str, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    lines: u32,
    suppressed: u64,
}

impl RefusalLines {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Logs why a caller is refused with 401 or 403. No token, no address and no user is in the line; tenant and source
    /// system are those of the headers.
    pub(crate) fn record_caller(&self, error: &AuthError, headers: &HeaderMap, context: &RequestContext) {
        let Some(reason) = reason(error) else { return };
        let Some(suppressed) = self.count(reason, Instant::now()) else {
            return;
        };
        let detail = match error {
            AuthError::MissingScope(scopes) => scopes,
            _ => "",
        };
        let named = CallerHeaders::named(headers);
        let tenant = named.as_ref().map(|(tenant, _)| tenant.as_str()).unwrap_or_default();
        let source_system = named.as_ref().map(|(_, code)| redacted_code(code)).unwrap_or_default();
        let request_id = context.request_id.redacted();
        tracing::info!(
            reason,
            detail,
            tenant,
            source_system,
            request_id,
            suppressed,
            "a caller is refused"
        );
    }

    /// The same for a call of the customers export, which names no tenant. The name of the workspace is not verified, so it is
    /// not logged.
    pub(crate) fn record_export(&self, reason: &'static str, context: &RequestContext) {
        if let Some(suppressed) = self.count(reason, Instant::now()) {
            let request_id = context.request_id.redacted();
            tracing::info!(reason, request_id, suppressed, "an export is refused");
        }
    }

    /// How many lines of this reason were left out before this one; `None` where this one is left out too.
    fn count(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Window {
            began: now,
            lines: 0,
            suppressed: 0,
        };
        let window = windows.entry(reason).or_insert(new);
        if now.duration_since(window.began) >= WINDOW {
            *window = Window {
                suppressed: window.suppressed,
                ..new
            };
        }
        if window.lines == LINES {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

/// The reason of a refusal with 401 or 403; `None` of an error of another kind.
fn reason(error: &AuthError) -> Option<&'static str> {
    Some(match error {
        AuthError::Header(_) | AuthError::TenantsUnavailable | AuthError::RateLimited(_) => return None,
        AuthError::NotBearer => "the Authorization header is not bearer and a token",
        AuthError::Token(error) => match error {
            TokenError::Malformed => "the token is malformed",
            TokenError::BadSignature => "the token is not signed by a known key",
            TokenError::Expired => "the token is expired",
            TokenError::NotYetValid => "the token is not valid yet",
            TokenError::WrongIssuer => "the token is from another issuer than tokens.issuer",
            TokenError::WrongAudience => "the token is for another audience than tokens.audience",
            TokenError::NotAccessToken => "the token is no access token: see tokens.types",
            TokenError::LongLived => "the token is valid for longer than tokens.max_lifetime",
            TokenError::BadClaims => "the token's claims are not of the published form",
            TokenError::Revoked => "the token, its subject or its client is denied (masthead caller deny)",
            TokenError::KeysUnavailable | TokenError::RulesUnavailable => return None,
        },
        AuthError::UnknownSourceSystem => "the source system is not in Api.SourceSystems of the tenant",
        AuthError::SourceSystemNotGranted => "the token does not grant the source system",
        AuthError::MissingScope(_) => "the token lacks the scope",
        AuthError::NotGranted => "the token does not grant the tenant",
        AuthError::UnknownTenant => "there is no such tenant",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_reason_are_bounded() {
        let log = RefusalLines::new();
        let now = Instant::now();
        let written = (0..100).filter(|_| log.count("a", now).is_some()).count();
        assert_eq!(written, LINES as usize);
        // Another reason has lines of its own, and the next minute counts what was left out.
        assert_eq!(log.count("b", now), Some(0));
        assert_eq!(log.count("a", now + WINDOW), Some(100 - u64::from(LINES)));
        assert_eq!(log.count("a", now + WINDOW), Some(0));
    }
}
