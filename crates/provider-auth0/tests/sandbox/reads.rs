//! Look-ups by id and by address, trap by trap of `providers.md` §4.

use masthead_domain::email::Email;
use masthead_ports::{accounts::NewAccount, source::SourceErrorKind};
use masthead_provider_testkit::new_account;
use masthead_sandbox::Fault;
use serde_json::json;

use crate::support::{DATABASE, SECRET, SourceClient, ids, kind, reader, requests, user, with, with_attempts};

#[tokio::test]
async fn user_is_found_by_odd_id() {
    let odd = [
        "plain",
        "a b+c",
        "sla/sh?x=1&y#z",
        "k\u{e4}se%41",
        "O'Neil@example.com~(x)*!",
    ];
    let fixture = with(odd.iter().map(|id| reader(id, "ann@example.com")).collect(), &[]).await;
    for id in odd {
        let id = format!("auth0|{id}");
        let found = fixture.by_id(&id).await.unwrap().unwrap();
        assert_eq!(found.crid.as_str(), id);
        assert_eq!(
            (&*found.first_name, &*found.last_name, found.verified),
            ("Ann", "Lee", Some(true))
        );
    }
    assert_eq!(requests(&fixture).len(), odd.len(), "one call each");
}

#[tokio::test]
async fn unknown_id_also_searches_linked_identities() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    assert!(fixture.by_id("auth0|nobody").await.unwrap().is_none());
    let requests = requests(&fixture);
    assert_eq!(requests.len(), 2);
    assert!(
        requests[1].2.contains("q=identities.user_id%3A%22nobody%22"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn malformed_id_is_absent_only_when_confirmed() {
    let fixture = with(vec![], &[]).await;
    assert!(fixture.by_id("2937").await.unwrap().is_none());
    assert_eq!(requests(&fixture).len(), 1);
    fixture.sandbox.off().await.unwrap();
    assert_eq!(kind(fixture.by_id("2937").await), SourceErrorKind::Unavailable);
}

#[tokio::test]
async fn linked_identity_leads_to_its_user() {
    let mut linked = reader("1", "ann@example.com");
    let more = json!({"provider": "facebook", "connection": "facebook", "user_id": "77", "isSocial": true});
    linked["identities"].as_array_mut().unwrap().push(more);
    let fixture = with(vec![linked], &[]).await;
    assert_eq!(
        fixture.by_id("facebook|77").await.unwrap().unwrap().crid.as_str(),
        "auth0|1"
    );
    assert!(fixture.by_id("github|77").await.unwrap().is_none());
}

#[tokio::test]
async fn stale_linked_identity_is_absent() {
    let mut linked = reader("1", "ann@example.com");
    let more = json!({"provider": "facebook", "connection": "facebook", "user_id": "77"});
    linked["identities"].as_array_mut().unwrap().push(more);
    let fixture = with(vec![linked], &[]).await;
    fixture
        .sandbox
        .auth0()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    fixture.delete("auth0|1").await.unwrap();
    assert!(fixture.by_id("facebook|77").await.unwrap().is_none());
    // Deleted, requested, searched, and requested by the id that search returned.
    assert_eq!(requests(&fixture).len(), 4);
}

#[tokio::test]
async fn mixed_case_address_finds_each_user_once() {
    let fixture = with(
        vec![
            reader("1", "ann@example.com"),
            user("google-oauth2", "google-oauth2", "2", "Ann@Example.com"),
            user("waad", "corp", "3", "ANN@EXAMPLE.COM"),
            reader("4", "joann@example.com"),
        ],
        &[],
    )
    .await;
    assert_eq!(
        fixture.ids_by_email("ann@example.com").await,
        ["auth0|1", "google-oauth2|2", "waad|3"]
    );
    assert!(fixture.by_email("nobody@example.com").await.unwrap().is_empty());
}

#[tokio::test]
async fn lower_case_tenant_needs_no_search() {
    let users = vec![reader("1", "ann@example.com")];
    let fixture = with(users.clone(), &[("Auth0.MixedCaseEmails", "false")]).await;
    assert_eq!(fixture.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert_eq!(requests(&fixture).len(), 1);
    let fixture = with(users, &[]).await;
    assert_eq!(fixture.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert_eq!(requests(&fixture).len(), 2);
}

#[tokio::test]
async fn search_lag_is_corrected_by_lookups() {
    let fixture = with(
        vec![user("waad", "corp", "2", "Ann@example.com")],
        &[("Auth0.Connection", DATABASE)],
    )
    .await;
    fixture
        .sandbox
        .auth0()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    fixture.delete("waad|2").await.unwrap();
    assert!(fixture.by_email("ann@example.com").await.unwrap().is_empty());
    assert!(fixture.by_id("waad|2").await.unwrap().is_none());
    let new = NewAccount {
        email: Email::parse("ann@example.com").unwrap(),
        ..new_account(&[])
    };
    let made = fixture.create(&new).await.unwrap();
    assert_eq!(fixture.ids_by_email("ann@example.com").await, [made.crid.as_str()]);
}

#[tokio::test]
async fn special_characters_in_addresses_are_literal() {
    let odd = [
        "o'neil+news@example.com",
        "a\"b@example.com",
        "a\\b*c?d@example.com",
        "jos\u{e9}@example.com",
        "ann@m\u{fc}nchen.example",
    ];
    let users = odd
        .iter()
        .enumerate()
        .map(|(n, email)| user("waad", "corp", &n.to_string(), email))
        .collect();
    let fixture = with(users, &[]).await;
    for (n, email) in odd.iter().enumerate() {
        assert_eq!(fixture.ids_by_email(email).await, [format!("waad|{n}")], "{email}");
    }
    for hostile in [
        "*@example.com",
        "\" OR email:\"jos\u{e9}@example.com",
        "a@b.c) OR (email:*",
    ] {
        assert!(fixture.by_email(hostile).await.unwrap().is_empty(), "{hostile}");
    }
    assert!(fixture.by_email(&"x".repeat(65_536)).await.unwrap().is_empty());
    assert!(fixture.by_email("a\0b@example.com").await.unwrap().is_empty());
}

/// Unicode Standard Annex #15 and RFC 5890 §2.3.2.1: one address, whose local part and domain are written each in its own way.
#[tokio::test]
async fn absence_needs_every_spelling() {
    for kept in [
        "jose\u{301}@m\u{fc}nchen.example",
        "Jos\u{e9}@mu\u{308}nchen.example",
        "JOSE\u{301}@xn--mnchen-3ya.example",
        "jose\u{301}@mu\u{308}nchen.example",
    ] {
        let fixture = with(vec![user("waad", "corp", "1", kept)], &[]).await;
        assert_eq!(
            fixture.ids_by_email("jos\u{e9}@m\u{fc}nchen.example").await,
            ["waad|1"],
            "{kept}"
        );
    }
    let fixture = with(vec![], &[]).await;
    let many = "\u{e9}".repeat(9);
    assert_eq!(
        kind(fixture.by_email(&format!("{many}@example.com")).await),
        SourceErrorKind::Refused
    );
    assert!(requests(&fixture).is_empty());
}

/// RFC 3986 §6.2.2.3: `.` and `..` are removed from a path, and so are `%2E` and `%2E%2E`.
#[tokio::test]
async fn unsafe_paths_are_never_sent() {
    let odd = ["auth0|a/../b", "auth0|a//b", "auth0|x\\..\\y"];
    let fixture = with(odd.iter().map(|id| reader(&id[6..], "ann@example.com")).collect(), &[]).await;
    for id in odd {
        assert_eq!(fixture.by_id(id).await.unwrap().unwrap().crid.as_str(), id);
    }
    // Search lags, so an absent user may exist.
    assert_eq!(kind(fixture.by_id("auth0|c/../d").await), SourceErrorKind::Refused);
    assert!(
        requests(&fixture).iter().all(|(_, path, _)| path == "/api/v2/users"),
        "{:?}",
        requests(&fixture)
    );
    fixture.sandbox.clear_log();
    // Every id at Auth0 is `provider|id`: others are absent.
    for unusable in [".", "..", "%2E", "a/.."] {
        assert!(fixture.by_id(unusable).await.unwrap().is_none(), "{unusable}");
        fixture.delete(unusable).await.unwrap();
    }
    assert!(requests(&fixture).is_empty(), "{:?}", requests(&fixture));
}

#[tokio::test]
async fn users_of_other_connections_are_absent() {
    let mut linked = user("google-oauth2", "google-oauth2", "3", "Cid@example.com");
    let more = json!({"provider": "auth0", "connection": DATABASE, "user_id": "9"});
    linked["identities"].as_array_mut().unwrap().push(more);
    let fixture = with(
        vec![
            reader("1", "ann@example.com"),
            user("auth0", "staff", "2", "ann@example.com"),
            linked,
        ],
        &[("Auth0.Connections", DATABASE)],
    )
    .await;
    assert_eq!(fixture.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert!(fixture.by_id("auth0|2").await.unwrap().is_none());
    assert_eq!(
        fixture.ids_by_email("cid@example.com").await,
        ["google-oauth2|3"],
        "one of the identities is the tenant's"
    );
}

#[tokio::test]
async fn user_without_identities_is_not_trusted() {
    let fixture = with(
        vec![json!({"user_id": "auth0|1", "email": null, "zodiac": {"sign": "leo"}})],
        &[],
    )
    .await;
    let found = fixture.by_id("auth0|1").await.unwrap().unwrap();
    assert!(found.email.is_none() && found.metadata.is_empty());
    let fixture = with(vec![json!({"user_id": "auth0|1"})], &[("Auth0.Connections", DATABASE)]).await;
    assert_eq!(kind(fixture.by_id("auth0|1").await), SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn order_and_duplicates_do_not_matter() {
    let users = vec![reader("2", "ann@example.com"), reader("1", "ann@example.com")];
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let fixture = with(users.clone(), &[]).await;
        fixture.inject(fault);
        let found = fixture.by_email("ann@example.com").await.unwrap();
        assert_eq!(ids(&found), ["auth0|1", "auth0|2"]);
    }
}

#[tokio::test]
async fn revoked_token_is_renewed_once() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    assert!(fixture.by_id("auth0|1").await.unwrap().is_some());
    fixture.sandbox.auth0().revoke_tokens();
    assert!(fixture.by_id("auth0|1").await.unwrap().is_some());
    assert_eq!(fixture.sandbox.calls_to("/oauth/token"), 2);
}

#[tokio::test]
async fn wrong_credentials_are_misconfiguration() {
    let right = Some(SECRET);
    for (setting, secret) in [
        (("Auth0.ClientId", "somebody"), right),
        (("Auth0.PageSize", "0"), right),
        (("Auth0.PageSize", "50"), Some("wrong")),
        (("Auth0.PageSize", "50"), None),
    ] {
        let fixture = with_attempts(vec![], &[setting], 1, secret).await;
        assert_eq!(kind(fixture.by_id("auth0|1").await), SourceErrorKind::Misconfigured);
        assert_eq!(
            kind(fixture.by_email("a@example.com").await),
            SourceErrorKind::Misconfigured
        );
    }
}
