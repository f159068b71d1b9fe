//! Grants and denials of callers, and how servers follow them.

use std::time::Duration;

use masthead_domain::{
    access::{Scope, TenantGrant, TokenIdentity},
    caller_rules::{CallerGrant, CallerKind, CallerName},
};
use masthead_ports::caller_rules::CallerRulesReader as _;
use masthead_subscribe_store::AdminError;

use crate::support::fixture;

const ISSUER: &str = "https://id.example/";
const HOUR: Duration = Duration::from_hours(1);

fn name(kind: CallerKind, value: &str) -> CallerName {
    CallerName::new(ISSUER, kind, value).unwrap()
}

fn grant(scopes: Option<&[Scope]>, tenant: &str) -> CallerGrant {
    CallerGrant {
        scopes: scopes.map(<[Scope]>::to_vec),
        tenants: vec![TenantGrant::parse(tenant).unwrap()],
    }
}

fn token_of(subject: &str) -> TokenIdentity {
    TokenIdentity {
        issuer: ISSUER.into(),
        subject: Some(subject.into()),
        ..TokenIdentity::default()
    }
}

#[tokio::test]
async fn grant_is_followed_until_it_is_removed() {
    let fixture = fixture().await;
    let (admin, rules) = (fixture.store.admin(), fixture.store.caller_rules());
    assert!(rules.current().is_none(), "nothing was read yet");
    let crm = name(CallerKind::Subject, "crm");
    let first = grant(None, "north/daily/*");
    assert_eq!(admin.add_caller(&crm, &first).await.unwrap(), None);
    rules.refresh().await.unwrap();
    assert_eq!(rules.current().unwrap().grant_of(&token_of("crm")), Some(&first));

    let second = grant(Some(&[Scope::UsersRead, Scope::UsersExport]), "*/*/*");
    assert_eq!(admin.add_caller(&crm, &second).await.unwrap(), Some(first));
    rules.refresh().await.unwrap();
    let current = rules.current().unwrap();
    assert_eq!(current.grant_of(&token_of("crm")), Some(&second));
    rules.refresh().await.unwrap();
    assert!(
        std::sync::Arc::ptr_eq(&current, &rules.current().unwrap()),
        "unchanged rules are read again"
    );
    let listed = admin.callers().await.unwrap();
    assert_eq!((&listed[0].name, &listed[0].grant, listed.len()), (&crm, &second, 1));

    admin.remove_caller(&crm).await.unwrap();
    assert!(matches!(admin.remove_caller(&crm).await, Err(AdminError::NoSuchCaller)));
    rules.refresh().await.unwrap();
    assert_eq!(rules.current().unwrap().grant_of(&token_of("crm")), None);
}

#[tokio::test]
async fn denial_is_followed_until_it_is_lifted() {
    let fixture = fixture().await;
    let (admin, rules) = (fixture.store.admin(), fixture.store.caller_rules());
    let ann = name(CallerKind::Subject, "auth0|ann");
    let ends = admin.deny_caller(&ann, HOUR).await.unwrap();
    rules.refresh().await.unwrap();
    let token = token_of("auth0|ann");
    let denies = |at: i64| rules.current().unwrap().denies(&token, at);
    assert!(denies(ends.unix_timestamp() - 1) && !denies(ends.unix_timestamp()));
    let listed = admin.denials().await.unwrap();
    assert_eq!((&listed[0].name, listed[0].expires_at, listed.len()), (&ann, ends, 1));
    assert!(
        admin.deny_caller(&ann, 2 * HOUR).await.unwrap() > ends,
        "it is extended"
    );

    admin.allow_caller(&ann).await.unwrap();
    assert!(matches!(admin.allow_caller(&ann).await, Err(AdminError::NotDenied)));
    rules.refresh().await.unwrap();
    assert!(!denies(0));
}

/// Ended denials must not fill the table.
#[tokio::test]
async fn ended_denial_is_deleted_by_the_next_one() {
    let fixture = fixture().await;
    let (admin, rules) = (fixture.store.admin(), fixture.store.caller_rules());
    for value in ["t1", "t2"] {
        admin
            .deny_caller(&name(CallerKind::TokenId, value), Duration::from_millis(1))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(admin.denials().await.unwrap(), []);
    assert!(matches!(
        admin.allow_caller(&name(CallerKind::TokenId, "t1")).await,
        Err(AdminError::NotDenied)
    ));
    rules.refresh().await.unwrap();
    assert!(rules.current().is_some());
}
