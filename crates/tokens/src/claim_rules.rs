//! Where the tokens of an issuer state their audience, caller, scopes and tenants, for the issuers in common use.

use masthead_domain::access::{Scope, TenantGrant};
use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;

/// Where an API's claims are by default at issuers that want a namespace.
const NAMESPACED_TENANTS: &str = "https://masthead/tenants";

/// The issuers whose claims are known; docs/tokens.md has the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// Tokens that are made for Masthead: `scope` as text and `tenants` as a list, and nothing else.
    Masthead,
    /// oidc-provider, and any other issuer whose claims can be chosen: `scope` and `tenants` as text or list (RFC 9068).
    Generic,
    /// Auth0: `permissions`, else `scope`; `https://masthead/tenants`, else `tenants`.
    Auth0,
    /// Microsoft Entra ID: `scp` of users, else `roles` of applications; `tenants`, else the `roles` that are tenants.
    Entra,
    /// Okta: `scp` as a list; `cid`.
    Okta,
    /// Amazon Cognito: `scope` with the resource server's id before each; the audience is `client_id`; `tenants`, else
    /// the `cognito:groups` that are tenants.
    Cognito,
    /// Keycloak: the roles of the audience's client in `resource_access`, else `scope`.
    Keycloak,
}

impl IssuerKind {
    /// All kinds with their names in settings.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Masthead, "masthead"),
        (Self::Generic, "generic"),
        (Self::Generic, "oidc-provider"),
        (Self::Auth0, "auth0"),
        (Self::Entra, "entra"),
        (Self::Okta, "okta"),
        (Self::Cognito, "cognito"),
        (Self::Keycloak, "keycloak"),
    ];

    /// The kind with this name in settings.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, n)| *n == name).map(|(kind, _)| kind)
    }
}

/// Where the claims are. Of several places the first one that a token has counts.
#[derive(Debug, Clone)]
pub struct ClaimRules {
    kind: IssuerKind,
    /// The audience: a text or a list.
    pub audience: Vec<ClaimPath>,
    /// The client id.
    pub client_id: Vec<ClaimPath>,
    /// The id of the token.
    pub token_id: Vec<ClaimPath>,
    /// The scopes: a text with blanks between, or a list.
    pub scope: Vec<ClaimPath>,
    /// What is before the name of each scope, `masthead/` of `masthead/users:read`; a scope without it does not count.
    pub scope_prefix: Box<str>,
    /// The tenants: a text with blanks between, or a list.
    pub tenants: Vec<ClaimPath>,
}

/// What a token claims; `None` where it has no such claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimedGrant {
    pub(crate) scopes: Option<Vec<Scope>>,
    pub(crate) tenants: Option<Vec<TenantGrant>>,
}

/// A claim that is not of the form that its issuer gives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClaimFormError;

impl ClaimRules {
    /// The rules of an issuer of this kind for these audiences.
    #[must_use]
    pub fn for_kind(kind: IssuerKind, audiences: &[Box<str>]) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| ClaimPath::to(&[name])).collect::<Vec<_>>();
        let rules = Self {
            kind,
            audience: names(&["aud"]),
            client_id: names(&["client_id", "azp"]),
            token_id: names(&["jti"]),
            scope: names(&["scope"]),
            scope_prefix: "".into(),
            tenants: names(&["tenants"]),
        };
        match kind {
            IssuerKind::Masthead | IssuerKind::Generic => rules,
            IssuerKind::Auth0 => Self {
                scope: names(&["permissions", "scope"]),
                tenants: names(&[NAMESPACED_TENANTS, "tenants"]),
                ..rules
            },
            IssuerKind::Entra => Self {
                client_id: names(&["azp", "appid"]),
                token_id: names(&["uti", "jti"]),
                scope: names(&["scp", "roles"]),
                tenants: names(&["tenants", "roles"]),
                ..rules
            },
            IssuerKind::Okta => Self {
                client_id: names(&["cid"]),
                scope: names(&["scp"]),
                ..rules
            },
            IssuerKind::Cognito => Self {
                audience: names(&["client_id"]),
                client_id: names(&["client_id"]),
                scope_prefix: "masthead/".into(),
                tenants: names(&["tenants", "cognito:groups"]),
                ..rules
            },
            IssuerKind::Keycloak => Self {
                client_id: names(&["azp", "client_id"]),
                scope: audiences
                    .iter()
                    .map(|client| ClaimPath::to(&["resource_access", client, "roles"]))
                    .chain(names(&["scope"]))
                    .collect(),
                ..rules
            },
        }
    }

    /// Whether these claims are those of an access token, where the issuer marks other tokens by claims of its own.
    pub(crate) fn is_access_token(&self, claims: &Map<String, Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        match self.kind {
            // Its ID tokens have no client id, and may have roles and the same audience.
            IssuerKind::Entra => self.client_id.iter().any(|path| path.find(claims).is_some()),
            IssuerKind::Cognito => text("token_use") == Some("access"),
            IssuerKind::Keycloak => text("typ").is_none_or(|typ| typ.eq_ignore_ascii_case("Bearer")),
            IssuerKind::Masthead | IssuerKind::Generic | IssuerKind::Auth0 | IssuerKind::Okta => true,
        }
    }

    /// What the token claims.
    pub(crate) fn grant(&self, claims: &Map<String, Value>) -> Result<ClaimedGrant, ClaimFormError> {
        let is_strict = self.kind == IssuerKind::Masthead;
        let (scope, tenants) = (first(&self.scope, claims), self.tenants_in(claims)?);
        let scopes = match scope {
            Some(Value::Array(_)) if is_strict => return Err(ClaimFormError),
            Some(claim) => {
                let named = texts(claim).ok_or(ClaimFormError)?;
                let named = named.filter_map(|text| Scope::from_name(text.strip_prefix(&*self.scope_prefix)?));
                Some(named.collect())
            }
            None => None,
        };
        Ok(ClaimedGrant { scopes, tenants })
    }

    fn tenants_in(&self, claims: &Map<String, Value>) -> Result<Option<Vec<TenantGrant>>, ClaimFormError> {
        if self.kind == IssuerKind::Masthead {
            return match first(&self.tenants, claims) {
                Some(Value::Array(many)) => {
                    let parsed = many
                        .iter()
                        .map(|entry| TenantGrant::parse(entry.as_str()?).ok())
                        .collect::<Option<_>>();
                    parsed.map(Some).ok_or(ClaimFormError)
                }
                Some(_) => Err(ClaimFormError),
                None => Ok(None),
            };
        }
        // Such a claim may be for more than Masthead: what is no tenant does not count.
        for claim in self.tenants.iter().filter_map(|path| path.find(claims)) {
            let named = texts(claim).ok_or(ClaimFormError)?;
            let tenants: Vec<_> = named.filter_map(|text| TenantGrant::parse(text).ok()).collect();
            if !tenants.is_empty() {
                return Ok(Some(tenants));
            }
        }
        Ok(None)
    }
}

/// The first of these claims that the token has.
pub(crate) fn first<'a>(paths: &[ClaimPath], claims: &'a Map<String, Value>) -> Option<&'a Value> {
    paths.iter().find_map(|path| path.find(claims))
}

/// The words of a text, or of each text of a list; `None` for anything else.
fn texts(claim: &Value) -> Option<Box<dyn Iterator<Item = &str> + '_>> {
    match claim {
        Value::String(text) => Some(Box::new(text.split_ascii_whitespace())),
        Value::Array(many) if many.iter().all(Value::is_string) => {
            let many = many.iter().filter_map(Value::as_str);
            Some(Box::new(many.flat_map(str::split_ascii_whitespace)))
        }
        _ => None,
    }
}
