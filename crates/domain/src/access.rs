//! What an access token grants, and the caller that it was issued to.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::tenant::{TenantId, TenantIdError, check_code};

/// The tenants of one grant: `group/client/paper`, where a part may be `*` (contract §1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TenantGrant([Option<Box<str>>; 3]);

impl TenantGrant {
    /// Parses one entry of the `tenants` claim.
    ///
    /// # Errors
    /// As [`TenantId::parse`], but a part may be `*`.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        let mut parts = text.split('/');
        let mut next = |name| match parts.next() {
            None => Err(TenantIdError::NotThreeParts),
            Some("*") => Ok(None),
            Some(text) => check_code(name, text).map(|()| Some(text.into())),
        };
        let grant = Self([next("client group")?, next("client")?, next("paper")?]);
        match parts.next() {
            None => Ok(grant),
            Some(_) => Err(TenantIdError::NotThreeParts),
        }
    }

    /// Whether this entry covers the tenant.
    #[must_use]
    pub fn covers(&self, tenant: &TenantId) -> bool {
        let wanted = [tenant.group(), tenant.client(), tenant.paper()];
        self.0
            .iter()
            .zip(wanted)
            .all(|(granted, wanted)| granted.as_ref().is_none_or(|granted| **granted == *wanted))
    }
}

impl fmt::Display for TenantGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [group, client, paper] = self.0.each_ref().map(|part| part.as_deref().unwrap_or("*"));
        write!(f, "{group}/{client}/{paper}")
    }
}

impl fmt::Debug for TenantGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantGrant({self})")
    }
}

/// An OAuth scope of this service (RFC 9068 `scope`, contract §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `users:read`: reads users by their keys
    UsersRead,
    /// `users:search`: reads users by conditions
    UsersSearch,
    /// `users:list`: reads all users, page by page
    UsersList,
    /// `users:report`: reads everything that is stored about one user
    UsersReport,
    /// `users:write`: creates and changes users
    UsersWrite,
    /// `users:authenticate`: signs users in, resets their passwords and verifies their addresses
    UsersAuthenticate,
    /// `users:tickets`: is answered the links that set passwords
    UsersTickets,
    /// `users:erase`: removes users at once
    UsersErase,
    /// `users:export`
    UsersExport,
    /// `audit:read`: reads the audit log
    AuditRead,
    /// `admin`
    Admin,
}

impl Scope {
    /// All scopes with their names in tokens.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::UsersRead, "users:read"),
        (Self::UsersSearch, "users:search"),
        (Self::UsersList, "users:list"),
        (Self::UsersReport, "users:report"),
        (Self::UsersWrite, "users:write"),
        (Self::UsersAuthenticate, "users:authenticate"),
        (Self::UsersTickets, "users:tickets"),
        (Self::UsersErase, "users:erase"),
        (Self::UsersExport, "users:export"),
        (Self::AuditRead, "audit:read"),
        (Self::Admin, "admin"),
    ];

    /// The scope with this name; `None` for scopes of other services.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, n)| *n == name).map(|(scope, _)| scope)
    }

    /// The name in a token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersSearch => "users:search",
            Self::UsersList => "users:list",
            Self::UsersReport => "users:report",
            Self::UsersWrite => "users:write",
            Self::UsersAuthenticate => "users:authenticate",
            Self::UsersTickets => "users:tickets",
            Self::UsersErase => "users:erase",
            Self::UsersExport => "users:export",
            Self::AuditRead => "audit:read",
            Self::Admin => "admin",
        }
    }
}

/// The grant of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The known scopes.
    pub scopes: Vec<Scope>,
    /// The tenants.
    pub tenants: Vec<TenantGrant>,
}

impl Grant {
    /// Whether the grant has this scope for this tenant.
    #[must_use]
    pub fn allows(&self, scope: Scope, tenant: &TenantId) -> bool {
        self.scopes.contains(&scope) && self.tenants.iter().any(|granted| granted.covers(tenant))
    }
}

/// The longest text that [`TokenIdentity`] keeps of a claim, in bytes; a longer one is cut.
pub const MAX_CLAIM_BYTES: usize = 256;

/// Who a verified token was issued to, for the audit log, limits and grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The issuer (`iss`).
    pub issuer: Arc<str>,
    /// The subject (`sub`), where the token has one.
    pub subject: Option<Arc<str>>,
    /// The client (`client_id`, RFC 9068, or else `azp`, OpenID Connect Core §2).
    pub client_id: Option<Arc<str>>,
    /// The id of the token (`jti`).
    pub token_id: Option<Arc<str>>,
    /// The only source systems that may send it (`source_system`, `source_systems`); `None` for any.
    pub source_systems: Option<Box<[Box<str>]>>,
}

impl TokenIdentity {
    /// A number for issuer, subject and client, the same on every server; `None` where the token names neither subject nor
    /// client.
    #[must_use]
    pub fn caller_number(&self) -> Option<i64> {
        if self.subject.is_none() && self.client_id.is_none() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in [Some(&self.issuer), self.subject.as_ref(), self.client_id.as_ref()] {
            // A length before each text keeps two different callers apart.
            hash.update(part.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hash.update(part.map_or("", |text| text).as_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (first, _) = hash.split_first_chunk::<8>()?;
        Some(i64::from_be_bytes(*first))
    }

    /// Whether a request with this token may come from the source system.
    #[must_use]
    pub fn allows_source_system(&self, source_system: &str) -> bool {
        self.source_systems
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|one| **one == *source_system))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_covers_any_code_of_its_part() {
        let tenant = TenantId::parse("north/daily/herald").unwrap();
        for yes in ["*/*/*", "north/*/*", "north/daily/herald", "*/daily/*"] {
            assert!(TenantGrant::parse(yes).unwrap().covers(&tenant), "{yes}");
        }
        for no in ["south/*/*", "north/daily/times", "*/*/herald2"] {
            assert!(!TenantGrant::parse(no).unwrap().covers(&tenant), "{no}");
        }
        assert!(TenantGrant::parse("*").is_err());
        assert!(TenantGrant::parse("north/da*/herald").is_err());
    }

    #[test]
    fn scope_names_are_distinct() {
        for (scope, name) in Scope::ALL {
            assert_eq!((scope.name(), Scope::from_name(name)), (name, Some(scope)));
        }
        assert_eq!(Scope::from_name("users:READ"), None);
    }

    #[test]
    fn callers_differ_by_issuer_subject_and_client() {
        let text = |text: &str| Some(Arc::from(text));
        let identity = |issuer: &str, subject, client_id| TokenIdentity {
            issuer: issuer.into(),
            subject,
            client_id,
            ..TokenIdentity::default()
        };
        let callers = [
            identity("a", text("b"), None),
            identity("a", None, text("b")),
            identity("ab", text(""), None),
            identity("a", text("b"), text("")),
            identity("a", text(""), text("b")),
        ];
        let numbers: std::collections::HashSet<_> = callers.iter().map(TokenIdentity::caller_number).collect();
        assert_eq!(numbers.len(), callers.len());
        assert_eq!(identity("a", None, None).caller_number(), None);
    }

    #[test]
    fn source_systems_of_a_token_bind() {
        let mut identity = TokenIdentity::default();
        assert!(identity.allows_source_system("CRM"));
        identity.source_systems = Some(["CRM".into()].into());
        assert!(identity.allows_source_system("CRM") && !identity.allows_source_system("crm"));
    }
}
