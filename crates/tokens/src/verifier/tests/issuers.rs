//! Tokens of the issuers in common use: the recorded form of each, with invented values, signed by a test key.

use super::{testing::issuer_of_kind, *};
use crate::{
    claim_path::ClaimPath,
    claim_rules::{ClaimRules, IssuerKind},
    key::Algorithm,
};

/// A token of an issuer, and what it claims.
struct RecordedToken {
    kind: IssuerKind,
    audience: &'static str,
    json: &'static str,
    scopes: &'static [Scope],
    tenants: &'static [&'static str],
    client: &'static str,
    token_id: Option<&'static str>,
}

const API: &str = "https://users.north.example";

const RECORDED: [RecordedToken; 8] = [
    RecordedToken {
        kind: IssuerKind::Auth0,
        audience: API,
        json: include_str!("issuers/auth0.json"),
        // The permissions, not the wider scope.
        scopes: &[Scope::UsersRead],
        tenants: &["north/daily/*"],
        client: "q2hVt0ImAgInArY0000000000000000x",
        token_id: None,
    },
    RecordedToken {
        kind: IssuerKind::Auth0,
        audience: API,
        json: include_str!("issuers/auth0_user.json"),
        scopes: &[Scope::UsersRead],
        tenants: &["north/daily/herald", "north/daily/times"],
        client: "q2hVt0ImAgInArY0000000000000000x",
        token_id: Some("7hInVeNtEd00000000000"),
    },
    RecordedToken {
        kind: IssuerKind::Entra,
        audience: "6e74172b-0000-4000-8000-6b6f6e73756c",
        json: include_str!("issuers/entra_application.json"),
        scopes: &[Scope::UsersRead, Scope::UsersExport],
        tenants: &["north/daily/*"],
        client: "11111111-0000-4000-8000-63616c6c6572",
        token_id: Some("InVeNtEd00000000000000"),
    },
    RecordedToken {
        kind: IssuerKind::Entra,
        audience: "api://6e74172b-0000-4000-8000-6b6f6e73756c",
        json: include_str!("issuers/entra_user.json"),
        // What the user let the application do, not the user's own roles.
        scopes: &[Scope::UsersRead],
        tenants: &["north/daily/herald"],
        client: "33333333-0000-4000-8000-776562617070",
        token_id: Some("InVeNtEd11111111111111"),
    },
    RecordedToken {
        kind: IssuerKind::Okta,
        audience: API,
        json: include_str!("issuers/okta.json"),
        scopes: &[Scope::UsersRead],
        tenants: &["north/daily/herald"],
        client: "0oaInvented0000000000",
        token_id: Some("AT.InVeNtEd000000000000000000000000000000000000"),
    },
    RecordedToken {
        kind: IssuerKind::Cognito,
        audience: "4l0inventedclientid0000000",
        json: include_str!("issuers/cognito.json"),
        // Not the scope of another resource server.
        scopes: &[Scope::UsersRead],
        tenants: &["north/daily/*"],
        client: "4l0inventedclientid0000000",
        token_id: Some("44444444-0000-4000-8000-746f6b656e00"),
    },
    RecordedToken {
        kind: IssuerKind::Keycloak,
        audience: "masthead",
        json: include_str!("issuers/keycloak.json"),
        // The roles at this client, not those at others nor those of the realm.
        scopes: &[Scope::UsersRead, Scope::UsersSearch],
        tenants: &["north/*/*"],
        client: "crm",
        token_id: Some("trrtcc:55555555-0000-4000-8000-746f6b656e00"),
    },
    RecordedToken {
        kind: IssuerKind::Generic,
        audience: API,
        json: include_str!("issuers/oidc_provider.json"),
        scopes: &[Scope::UsersRead, Scope::UsersList],
        tenants: &["north/daily/*"],
        client: "crm",
        token_id: Some("InVeNtEd0000000000000000000000000000000000"),
    },
];

impl RecordedToken {
    fn header_and_claims(&self) -> (Value, Value) {
        let recorded: Value = serde_json::from_str(self.json).unwrap();
        (recorded["header"].clone(), recorded["claims"].clone())
    }

    /// The verifier of its issuer alone, with the rules changed.
    fn verifier(&self, signer: &TestSigner, change: impl FnOnce(&mut ClaimRules)) -> Verifier {
        let (_, claims) = self.header_and_claims();
        let mut options = issuer_of_kind(self.kind, claims["iss"].as_str().unwrap(), self.audience);
        change(&mut options.claims);
        let keys = key_set_cache(&[signer.jwk("k")]);
        testing::verifier_of(vec![(options, keys)], SettableClock::at(NOW))
    }
}

fn key_set_cache(keys: &[Value]) -> Arc<KeySetCache> {
    let freshness = KeySetFreshness {
        cooldown: Duration::from_secs(30),
        max_age: Duration::from_mins(5),
        max_stale: Duration::from_hours(24),
    };
    Arc::new(KeySetCache::new(
        "tokens",
        CountingKeySource::new(Ok(key_set(keys))),
        freshness,
    ))
}

#[tokio::test(start_paused = true)]
async fn recorded_token_of_each_issuer_is_understood() {
    let signer = TestSigner::rsa(0);
    for recorded in RECORDED {
        let (header, claims) = recorded.header_and_claims();
        let token = signer.sign(&header.to_string(), &claims.to_string());
        let verified = recorded.verifier(&signer, |_| {}).verify(&token).await;
        let verified = verified.unwrap_or_else(|error| panic!("{error}: {claims}"));
        let tenants: Vec<_> = verified.grant.tenants.iter().map(ToString::to_string).collect();
        assert_eq!(
            (&*verified.grant.scopes, &*tenants),
            (
                recorded.scopes,
                &*recorded
                    .tenants
                    .iter()
                    .map(|&tenant| tenant.to_owned())
                    .collect::<Vec<_>>()
            ),
            "{claims}"
        );
        let identity = &verified.identity;
        assert_eq!(&*identity.issuer, claims["iss"].as_str().unwrap());
        assert_eq!(identity.subject.as_deref(), claims["sub"].as_str());
        assert_eq!(identity.client_id.as_deref(), Some(recorded.client), "{claims}");
        assert_eq!(identity.token_id.as_deref(), recorded.token_id, "{claims}");
    }
}

/// Each issuer marks its ID tokens in its own way; one whose audience is Masthead's must not pass for an access token.
#[tokio::test(start_paused = true)]
async fn other_tokens_of_each_issuer_are_refused() {
    let signer = TestSigner::rsa(0);
    for recorded in RECORDED {
        let (header, claims) = recorded.header_and_claims();
        let verifier = recorded.verifier(&signer, |_| {});
        let refusal = async |change: &dyn Fn(&mut Value)| {
            let mut claims = claims.clone();
            change(&mut claims);
            let token = signer.sign(&header.to_string(), &claims.to_string());
            verifier.verify(&token).await.err()
        };
        let other = Some(TokenError::NotAccessToken);
        assert_eq!(refusal(&|claims| claims["at_hash"] = json!("x")).await, other);
        match recorded.kind {
            IssuerKind::Entra => {
                let id_token = |claims: &mut Value| {
                    let claims = claims.as_object_mut().unwrap();
                    claims.remove("azp");
                    claims.remove("appid");
                };
                assert_eq!(refusal(&id_token).await, other);
            }
            IssuerKind::Cognito => {
                assert_eq!(refusal(&|claims| claims["token_use"] = json!("id")).await, other);
            }
            IssuerKind::Keycloak => {
                for typ in ["ID", "Refresh", "Logout"] {
                    assert_eq!(refusal(&|claims| claims["typ"] = json!(typ)).await, other, "{typ}");
                }
            }
            _ => {}
        }
        let audience = if recorded.kind == IssuerKind::Cognito {
            "client_id"
        } else {
            "aud"
        };
        assert_eq!(
            refusal(&|claims| claims[audience] = json!("another")).await,
            Some(TokenError::WrongAudience)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn claim_names_follow_the_settings() {
    let signer = TestSigner::rsa(0);
    let recorded = &RECORDED[6];
    let verifier = recorded.verifier(&signer, |rules| {
        rules.scope = vec![ClaimPath::parse("/realm_access/roles").unwrap()];
        rules.tenants = vec![ClaimPath::parse("https://north.example/papers").unwrap()];
        rules.client_id = vec![ClaimPath::parse("preferred_username").unwrap()];
    });
    let (header, mut claims) = recorded.header_and_claims();
    claims["https://north.example/papers"] = json!("south/weekly/*");
    let token = signer.sign(&header.to_string(), &claims.to_string());
    let good = verifier.verify(&token).await.unwrap();
    assert_eq!(good.grant.scopes, [Scope::Admin]);
    assert_eq!(good.grant.tenants, [TenantGrant::parse("south/weekly/*").unwrap()]);
    assert_eq!(good.identity.client_id.as_deref(), Some("service-account-crm"));
}

/// A key of one issuer must not make tokens of another: each is verified with its own issuer's keys and algorithms alone.
#[tokio::test(start_paused = true)]
async fn issuers_do_not_share_keys() {
    let (one, other) = (TestSigner::rsa(0), TestSigner::p256());
    let issuer = |issuer: &str, algorithm| IssuerOptions {
        algorithms: vec![algorithm],
        ..issuer_of_kind(IssuerKind::Masthead, issuer, AUDIENCE)
    };
    let verifier = testing::verifier_of(
        vec![
            (
                issuer(ISSUER, Algorithm::Rs256),
                key_set_cache(&[one.jwk("k"), other.jwk("e")]),
            ),
            (
                issuer("https://other.example/", Algorithm::Es256),
                key_set_cache(&[other.jwk("k")]),
            ),
        ],
        SettableClock::at(NOW),
    );
    let of_other = with("iss", json!("https://other.example/"));
    assert!(verifier.verify(&one.token("k")).await.is_ok());
    assert!(verifier.verify(&other.token_with("k", &of_other)).await.is_ok());
    for (token, error) in [
        (other.token("k"), TokenError::BadSignature),
        (one.token_with("k", &of_other), TokenError::BadSignature),
        // A key of its own set, with an algorithm that is not taken of it.
        (other.token("e"), TokenError::BadSignature),
        (
            one.token_with("k", &with("iss", json!("https://third.example/"))),
            TokenError::WrongIssuer,
        ),
        (one.token_with("k", &without("iss")), TokenError::WrongIssuer),
        (
            one.sign(
                r#"{"alg":"RS256","kid":"k"}"#,
                &claims()
                    .to_string()
                    .replacen('{', r#"{"iss":"https://other.example/","#, 1),
            ),
            TokenError::WrongIssuer,
        ),
    ] {
        assert_eq!(verifier.verify(&token).await, Err(error), "{token}");
    }
}
