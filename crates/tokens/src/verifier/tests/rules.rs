//! Grants and denials of operators, beside what tokens claim.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use masthead_domain::caller_rules::{CallerGrant, CallerKind, CallerName, CallerRules};
use masthead_ports::caller_rules::CallerRulesReader;

use super::*;

/// Rules that a test changes.
#[derive(Default)]
struct SettableRules(Mutex<Option<Arc<CallerRules>>>);

impl SettableRules {
    fn set(&self, rules: Option<CallerRules>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = rules.map(Arc::new);
    }
}

impl CallerRulesReader for SettableRules {
    fn current(&self) -> Option<Arc<CallerRules>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn name(kind: CallerKind, value: &str) -> CallerName {
    CallerName::new(ISSUER, kind, value).unwrap()
}

fn granting(version: i64, scopes: Option<Vec<Scope>>) -> CallerRules {
    let grant = CallerGrant {
        scopes,
        tenants: vec![TenantGrant::parse("east/*/*").unwrap()],
    };
    let grants = HashMap::from([(name(CallerKind::Subject, "an app"), grant)]);
    CallerRules::new(version, grants, HashMap::new())
}

fn denying(version: i64, name: CallerName, ends: i64) -> CallerRules {
    CallerRules::new(version, HashMap::new(), HashMap::from([(name, ends)]))
}

fn verifier_with(rules: &Arc<SettableRules>, clock: &Arc<SettableClock>) -> Verifier {
    shared_verifier(Arc::clone(clock), &limits()).with_rules(Arc::clone(rules) as _)
}

fn token_with(claims: &Value) -> String {
    TestSigner::Shared(vec![b's'; 32]).token_with("k", claims)
}

#[tokio::test]
async fn grant_of_an_operator_replaces_the_tenants() {
    let (rules, clock) = (Arc::new(SettableRules::default()), SettableClock::at(NOW));
    rules.set(Some(CallerRules::default()));
    let verifier = verifier_with(&rules, &clock);
    let silent = token_with(&without("tenants"));
    let speaking = token_with(&claims());
    let grant = async |token: &str| verifier.verify(token).await.map(|verified| verified.grant.clone());
    let own = grant(&speaking).await.unwrap();
    assert_eq!(grant(&silent).await, Err(TokenError::BadClaims));

    rules.set(Some(granting(1, None)));
    for token in [&silent, &speaking] {
        let given = grant(token).await.unwrap();
        assert_eq!(
            given.scopes, own.scopes,
            "the token's scopes hold for the granted tenants"
        );
        assert_eq!(given.tenants, [TenantGrant::parse("east/*/*").unwrap()]);
    }
    rules.set(Some(granting(2, Some(vec![Scope::UsersExport]))));
    assert_eq!(grant(&silent).await.unwrap().scopes, [Scope::UsersExport]);
    let nameless = token_with(&json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60, "sub": "an app"}));
    assert_eq!(grant(&nameless).await.unwrap().scopes, [Scope::UsersExport]);

    rules.set(Some(CallerRules::default()));
    assert_eq!(
        grant(&silent).await,
        Err(TokenError::BadClaims),
        "a removed grant is remembered"
    );
    assert_eq!(grant(&speaking).await, Ok(own));
}

#[tokio::test]
async fn denied_token_is_refused_at_once() {
    let (rules, clock) = (Arc::new(SettableRules::default()), SettableClock::at(NOW));
    let verifier = verifier_with(&rules, &clock);
    let mut named = claims();
    named["client_id"] = json!("crm");
    named["jti"] = json!("t1");
    let token = token_with(&named);
    let mut version = 0;
    for (kind, value) in [
        (CallerKind::Subject, "an app"),
        (CallerKind::ClientId, "crm"),
        (CallerKind::TokenId, "t1"),
    ] {
        rules.set(Some(CallerRules::default()));
        assert!(verifier.verify(&token).await.is_ok());
        version += 1;
        rules.set(Some(denying(version, name(kind, value), NOW + 100)));
        assert_eq!(verifier.verify(&token).await, Err(TokenError::Revoked), "{kind:?}");
        // Not only while it is remembered.
        let anew = verifier_with(&rules, &clock);
        assert_eq!(anew.verify(&token).await, Err(TokenError::Revoked), "{kind:?}");
        clock.0.store(NOW + 100, Ordering::SeqCst);
        assert!(verifier.verify(&token).await.is_ok(), "the denial has ended");
        clock.0.store(NOW, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn unknown_rules_refuse_every_token() {
    let (rules, clock) = (Arc::new(SettableRules::default()), SettableClock::at(NOW));
    let verifier = verifier_with(&rules, &clock);
    let token = token_with(&claims());
    assert_eq!(verifier.verify(&token).await, Err(TokenError::RulesUnavailable));
    rules.set(Some(CallerRules::default()));
    assert!(verifier.verify(&token).await.is_ok());
    rules.set(None);
    assert_eq!(verifier.verify(&token).await, Err(TokenError::RulesUnavailable));
    assert_eq!(
        verifier.verify("nonsense").await,
        Err(TokenError::Malformed),
        "a stranger is refused without them"
    );
}
