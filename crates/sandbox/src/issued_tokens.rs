//! The access tokens that a simulated provider has issued.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

/// Tokens and when each expires.
#[derive(Debug, Default)]
pub(crate) struct IssuedTokens {
    expiries: HashMap<String, OffsetDateTime>,
    count: u64,
}

impl IssuedTokens {
    /// Issues a token that was never issued before.
    pub(crate) fn issue(&mut self, lifetime_s: u64, now: OffsetDateTime) -> String {
        self.expiries.retain(|_, expires| *expires > now);
        self.count += 1;
        let token = format!("sandbox-access-token-{}", self.count);
        let lifetime = Duration::seconds(i64::try_from(lifetime_s).unwrap_or(i64::MAX));
        self.expiries.insert(token.clone(), now.saturating_add(lifetime));
        token
    }

    /// Whether this token was issued, and is neither expired nor revoked.
    pub(crate) fn is_valid(&self, token: &str, now: OffsetDateTime) -> bool {
        self.expiries.get(token).is_some_and(|expires| *expires > now)
    }

    pub(crate) fn revoke_all(&mut self) {
        self.expiries.clear();
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn token_is_valid_until_expiry_or_revocation() {
        let start = datetime!(2026-01-01 00:00:00 UTC);
        let mut tokens = IssuedTokens::default();
        let (first, second) = (tokens.issue(60, start), tokens.issue(90, start));
        assert!(tokens.is_valid(&first, start) && !tokens.is_valid("made up", start));
        assert!(!tokens.is_valid(&first, start + Duration::MINUTE));
        assert!(tokens.is_valid(&second, start + Duration::MINUTE));
        tokens.revoke_all();
        assert!(!tokens.is_valid(&second, start));
    }
}
