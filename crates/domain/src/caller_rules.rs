//! What operators decide about callers beside their tokens: grants in place of claims, and denials.

use std::{collections::HashMap, fmt};

use thiserror::Error;

use crate::access::{Scope, TenantGrant, TokenIdentity};

/// The longest text of an issuer, subject, client id or token id, in bytes: shorter than a text that is cut at
/// [`MAX_CLAIM_BYTES`](crate::access::MAX_CLAIM_BYTES) can be, so that a part of a name is never taken for a name.
pub const MAX_CALLER_TEXT_BYTES: usize = 250;

/// The most callers that have a grant, and the most denials: servers keep them in memory.
pub const MAX_CALLER_RULES: usize = 10_000;

/// The claim by which an issuer names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// `sub`: a user or a service
    Subject,
    /// `client_id`, `azp` or what the issuer has instead: an application
    ClientId,
    /// `jti`: one token
    TokenId,
}

impl CallerKind {
    /// All kinds with the names under which they are stored.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Subject, "subject"),
        (Self::ClientId, "client_id"),
        (Self::TokenId, "token_id"),
    ];

    /// The kind that is stored under this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, n)| *n == name).map(|(kind, _)| kind)
    }

    /// The name under which it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::ClientId => "client_id",
            Self::TokenId => "token_id",
        }
    }
}

/// A caller, or one of its tokens, as its issuer names it. Two issuers may give the same name to different callers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallerName {
    issuer: Box<str>,
    kind: CallerKind,
    value: Box<str>,
}

/// A text that names no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CallerNameError {
    /// The issuer is empty, too long or has a control character.
    #[error("an issuer must be 1 to {MAX_CALLER_TEXT_BYTES} bytes without control characters")]
    Issuer,
    /// The subject, client id or token id is empty, too long or has a control character.
    #[error("a subject, client id or token id must be 1 to {MAX_CALLER_TEXT_BYTES} bytes without control characters")]
    Value,
}

impl CallerName {
    /// The caller of this issuer with this value of a claim.
    ///
    /// # Errors
    /// A text is empty, longer than [`MAX_CALLER_TEXT_BYTES`], or has a control character.
    pub fn new(issuer: &str, kind: CallerKind, value: &str) -> Result<Self, CallerNameError> {
        let is_good =
            |text: &str| (1..=MAX_CALLER_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if !is_good(issuer) {
            return Err(CallerNameError::Issuer);
        }
        if !is_good(value) {
            return Err(CallerNameError::Value);
        }
        Ok(Self {
            issuer: issuer.into(),
            kind,
            value: value.into(),
        })
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The claim that names it.
    #[must_use]
    pub const fn kind(&self) -> CallerKind {
        self.kind
    }

    /// The value of that claim.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.kind.name(), self.value, self.issuer)
    }
}

/// What a caller may do, in place of what its tokens claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerGrant {
    /// The scopes; `None` for those that the token claims.
    pub scopes: Option<Vec<Scope>>,
    /// The tenants. Those that the token claims do not count.
    pub tenants: Vec<TenantGrant>,
}

/// All rules at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerRules {
    version: i64,
    grants: HashMap<CallerName, CallerGrant>,
    /// With the second (UNIX) at which each ends.
    denials: HashMap<CallerName, i64>,
}

impl CallerRules {
    /// The rules of this version, which differs from that of any other rules.
    #[must_use]
    pub const fn new(
        version: i64,
        grants: HashMap<CallerName, CallerGrant>,
        denials: HashMap<CallerName, i64>,
    ) -> Self {
        Self {
            version,
            grants,
            denials,
        }
    }

    /// Two sets of rules with one version are the same.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// Whether the token, its subject or its client is denied at `now`, in UNIX seconds.
    #[must_use]
    pub fn denies(&self, identity: &TokenIdentity, now: i64) -> bool {
        let denied = |kind| {
            let name = name_in(identity, kind)?;
            self.denials.get(&name).filter(|ends| now < **ends)
        };
        !self.denials.is_empty() && CallerKind::ALL.into_iter().any(|(kind, _)| denied(kind).is_some())
    }

    /// The grant of the token's subject, else that of its client.
    #[must_use]
    pub fn grant_of(&self, identity: &TokenIdentity) -> Option<&CallerGrant> {
        if self.grants.is_empty() {
            return None;
        }
        let granted = |kind| self.grants.get(&name_in(identity, kind)?);
        granted(CallerKind::Subject).or_else(|| granted(CallerKind::ClientId))
    }
}

/// What the token's claim of this kind names.
fn name_in(identity: &TokenIdentity, kind: CallerKind) -> Option<CallerName> {
    let value = match kind {
        CallerKind::Subject => identity.subject.as_deref(),
        CallerKind::ClientId => identity.client_id.as_deref(),
        CallerKind::TokenId => identity.token_id.as_deref(),
    };
    CallerName::new(&identity.issuer, kind, value?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example/";

    fn identity(subject: Option<&str>, client: Option<&str>, token: Option<&str>) -> TokenIdentity {
        TokenIdentity {
            issuer: ISSUER.into(),
            subject: subject.map(Into::into),
            client_id: client.map(Into::into),
            token_id: token.map(Into::into),
            source_systems: None,
        }
    }

    fn name(kind: CallerKind, value: &str) -> CallerName {
        CallerName::new(ISSUER, kind, value).unwrap()
    }

    fn reader_of(tenant: &str) -> CallerGrant {
        CallerGrant {
            scopes: Some(vec![Scope::UsersRead]),
            tenants: vec![TenantGrant::parse(tenant).unwrap()],
        }
    }

    #[test]
    fn grant_of_the_subject_comes_first() {
        let grants = HashMap::from([
            (name(CallerKind::Subject, "ann"), reader_of("north/daily/herald")),
            (name(CallerKind::ClientId, "crm"), reader_of("south/*/*")),
        ]);
        let rules = CallerRules::new(1, grants, HashMap::new());
        let tenant = |identity: &TokenIdentity| rules.grant_of(identity).map(|grant| grant.tenants[0].to_string());
        assert_eq!(
            tenant(&identity(Some("ann"), Some("crm"), None)).as_deref(),
            Some("north/daily/herald")
        );
        assert_eq!(
            tenant(&identity(Some("bob"), Some("crm"), None)).as_deref(),
            Some("south/*/*")
        );
        assert_eq!(tenant(&identity(Some("crm"), Some("ann"), Some("ann"))), None);
        let other = TokenIdentity {
            issuer: "https://other.example/".into(),
            ..identity(Some("ann"), None, None)
        };
        assert_eq!(tenant(&other), None, "an issuer's names are its own");
    }

    #[test]
    fn denial_holds_until_its_end() {
        let of = |kind, value| {
            let denials = HashMap::from([(name(kind, value), 100)]);
            CallerRules::new(1, HashMap::new(), denials)
        };
        let token = identity(Some("ann"), Some("crm"), Some("t1"));
        for (kind, value, denied) in [
            (CallerKind::Subject, "ann", true),
            (CallerKind::ClientId, "crm", true),
            (CallerKind::TokenId, "t1", true),
            (CallerKind::Subject, "crm", false),
            (CallerKind::TokenId, "t2", false),
        ] {
            let rules = of(kind, value);
            assert_eq!(rules.denies(&token, 99), denied, "{kind:?} {value}");
            assert!(!rules.denies(&token, 100), "{kind:?} {value}");
        }
        assert!(!of(CallerKind::Subject, "ann").denies(&identity(None, None, None), 0));
    }

    #[test]
    fn caller_names_are_bounded() {
        let long = "x".repeat(MAX_CALLER_TEXT_BYTES + 1);
        for bad in ["", "a\nb", &long] {
            assert_eq!(
                CallerName::new(bad, CallerKind::Subject, "ann"),
                Err(CallerNameError::Issuer)
            );
            assert_eq!(
                CallerName::new(ISSUER, CallerKind::Subject, bad),
                Err(CallerNameError::Value)
            );
        }
        assert!(CallerName::new(ISSUER, CallerKind::Subject, "auth0|6470 a/b").is_ok());
    }
}
