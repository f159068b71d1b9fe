//! What a token claims and why it is refused, for operators; neither the token nor a secret is in it.

use std::sync::Arc;

use masthead_domain::access::TokenIdentity;
use masthead_ports::tokens::{TokenError, VerifiedToken};

use crate::{
    claims::{Claims, seconds},
    issuer::Issuer,
    jwt::Jwt,
    verifier::{Verifier, apply},
};

/// The texts of a claim; `None` where the token has none.
type ClaimedTexts = Option<Vec<String>>;

/// The result of inspecting a token.
#[derive(Debug)]
pub struct Inspection {
    /// What the token claims; `None` where it is no token that could be read.
    pub token: Option<InspectedToken>,
    /// The verdict that a server gives.
    pub verdict: Result<VerifiedToken, TokenError>,
}

/// What a token claims. Nothing of it is verified unless [`InspectedToken::signed`] is true.
#[derive(Debug)]
pub struct InspectedToken {
    /// The header `kid`.
    pub key_id: Option<String>,
    /// The header `typ`.
    pub typ: Option<String>,
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The name in the settings of the issuer whose keys it was tried with.
    pub issuer_name: Option<Box<str>>,
    /// The `iss` that this issuer's tokens must have.
    pub expected_issuer: Option<Arc<str>>,
    /// Whether a key of that issuer signed it.
    pub signed: bool,
    /// The audiences that it names.
    pub audiences: Vec<String>,
    /// The audiences of which it must name one.
    pub expected_audiences: Vec<Box<str>>,
    /// `iat`, `nbf` and `exp`, in UNIX seconds.
    pub times: [(&'static str, Option<i64>); 3],
    /// The caller.
    pub identity: Option<TokenIdentity>,
    /// The scopes of Masthead that it claims, and the tenants.
    pub claimed: Option<(ClaimedTexts, ClaimedTexts)>,
    /// The names of all its claims.
    pub claim_names: Vec<String>,
    /// Whether an operator's grant replaces what it claims; `None` where the rules were not read.
    pub is_granted_by_operator: Option<bool>,
}

impl Verifier {
    /// Inspects a token, as a server would verify it now. Key sets that are missing are fetched.
    pub async fn inspect(&self, token: &str) -> Inspection {
        let jwt = match Jwt::parse(token) {
            Ok(jwt) => jwt,
            Err(error) => {
                return Inspection {
                    token: None,
                    verdict: Err(error),
                };
            }
        };
        let claims: Option<Claims> = jwt.claims();
        let issuer = self.issuer_of(&jwt);
        let verdict = match &issuer {
            Ok(issuer) => self.judge(issuer, &jwt).await,
            Err(error) => Err(*error),
        };
        let mut inspected = InspectedToken::from_claims(&jwt, claims.as_ref());
        if let Ok(issuer) = &issuer {
            inspected.signed = issuer.signer(&jwt).await.is_ok();
            self.add_issuer(&mut inspected, issuer, claims.as_ref());
        }
        Inspection {
            token: Some(inspected),
            verdict,
        }
    }

    async fn judge(&self, issuer: &Issuer, jwt: &Jwt<'_>) -> Result<VerifiedToken, TokenError> {
        let good = issuer.verify(jwt, self.now()).await?;
        apply(self.rules()?.as_deref(), &good.claims, self.now())
    }

    fn add_issuer(&self, inspected: &mut InspectedToken, issuer: &Issuer, claims: Option<&Claims>) {
        let expected = &issuer.expected;
        inspected.issuer_name = Some(issuer.name.clone());
        inspected.expected_issuer = Some(Arc::clone(&expected.issuer));
        inspected.expected_audiences.clone_from(&expected.audiences);
        let Some(claims) = claims else { return };
        let audiences = claims.audiences(&expected.rules).into_iter();
        inspected.audiences = audiences.map(ToOwned::to_owned).collect();
        inspected.identity = claims.identity(expected);
        inspected.claimed = claims.grant(&expected.rules).map(|grant| {
            let scopes = grant
                .scopes
                .map(|scopes| scopes.iter().map(|scope| scope.name().to_owned()).collect());
            let tenants = grant
                .tenants
                .map(|tenants| tenants.iter().map(ToString::to_string).collect());
            (scopes, tenants)
        });
        if let (Ok(Some(rules)), Some(identity)) = (self.rules(), &inspected.identity) {
            inspected.is_granted_by_operator = Some(rules.grant_of(identity).is_some());
        }
    }
}

impl InspectedToken {
    fn from_claims(jwt: &Jwt<'_>, claims: Option<&Claims>) -> Self {
        let time = |name| claims.and_then(|claims| claims.get(name)).and_then(seconds);
        let names = claims.map(|claims| claims.names().map(ToOwned::to_owned).collect());
        Self {
            key_id: jwt.kid.clone(),
            typ: jwt.typ.clone(),
            issuer: jwt.claimed_issuer(),
            issuer_name: None,
            expected_issuer: None,
            signed: false,
            audiences: Vec::new(),
            expected_audiences: Vec::new(),
            times: ["iat", "nbf", "exp"].map(|name| (name, time(name))),
            identity: None,
            claimed: None,
            claim_names: names.unwrap_or_default(),
            is_granted_by_operator: None,
        }
    }
}
