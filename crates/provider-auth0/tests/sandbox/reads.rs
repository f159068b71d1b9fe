//! Look-ups by id and by address, trap by trap of `providers.md` §4.

use masthead_domain::{email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountWriter as _, NewAccount, PlainPassword},
    source::SourceErrorKind,
};
use masthead_sandbox::Fault;
use serde_json::json;

use crate::support::{DATABASE, SourceClient, World, crid, ids, kind, reader, user};

#[tokio::test]
async fn a_user_is_found_by_any_id_however_odd() {
    let odd = [
        "plain",
        "a b+c",
        "sla/sh?x=1&y#z",
        "k\u{e4}se%41",
        "O'Neil@example.com~(x)*!",
    ];
    let world = World::with(odd.iter().map(|id| reader(id, "ann@example.com")).collect(), &[]).await;
    for id in odd {
        let id = format!("auth0|{id}");
        let found = world.by_id(&id).await.unwrap().unwrap();
        assert_eq!(found.crid.as_str(), id);
        assert_eq!(
            (&*found.first_name, &*found.last_name, found.verified),
            ("Ann", "Lee", Some(true))
        );
    }
    assert_eq!(world.asked().len(), odd.len(), "one call each");
}

#[tokio::test]
async fn nobody_is_absent_only_after_the_linked_identities_were_searched() {
    let world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
    assert!(world.by_id("auth0|nobody").await.unwrap().is_none());
    let asked = world.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].2.contains("q=identities.user_id%3A%22nobody%22"), "{asked:?}");
}

#[tokio::test]
async fn what_cannot_be_an_id_at_auth0_is_absent_by_its_own_word_and_not_while_it_is_silent() {
    let world = World::with(vec![], &[]).await;
    assert!(world.by_id("2937").await.unwrap().is_none());
    assert_eq!(world.asked().len(), 1);
    world.sandbox.off().await.unwrap();
    assert_eq!(kind(world.by_id("2937").await), SourceErrorKind::Unavailable);
}

#[tokio::test]
async fn a_linked_identity_leads_to_its_user_and_another_providers_namesake_does_not() {
    let mut linked = reader("1", "ann@example.com");
    let more = json!({"provider": "facebook", "connection": "facebook", "user_id": "77", "isSocial": true});
    linked["identities"].as_array_mut().unwrap().push(more);
    let world = World::with(vec![linked], &[]).await;
    assert_eq!(
        world.by_id("facebook|77").await.unwrap().unwrap().crid.as_str(),
        "auth0|1"
    );
    assert!(world.by_id("github|77").await.unwrap().is_none());
}

#[tokio::test]
async fn a_linked_identity_that_only_the_late_index_still_has_leads_nowhere() {
    let mut linked = reader("1", "ann@example.com");
    let more = json!({"provider": "facebook", "connection": "facebook", "user_id": "77"});
    linked["identities"].as_array_mut().unwrap().push(more);
    let world = World::with(vec![linked], &[]).await;
    world
        .sandbox
        .auth0()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    world.auth0.delete(&world.cx(), &crid("auth0|1")).await.unwrap();
    assert!(world.by_id("facebook|77").await.unwrap().is_none());
    // Deleted, asked for, searched, and asked for by the id that search showed.
    assert_eq!(world.asked().len(), 4);
}

#[tokio::test]
async fn an_address_with_capitals_is_found_and_each_user_of_it_once() {
    let world = World::with(
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
        world.ids_by_email("ann@example.com").await,
        ["auth0|1", "google-oauth2|2", "waad|3"]
    );
    assert!(world.by_email("nobody@example.com").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_tenant_without_capitals_spares_the_search() {
    let users = vec![reader("1", "ann@example.com")];
    let world = World::with(users.clone(), &[("Auth0.MixedCaseEmails", "false")]).await;
    assert_eq!(world.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert_eq!(world.asked().len(), 1);
    let world = World::with(users, &[]).await;
    assert_eq!(world.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn what_search_does_not_know_yet_is_found_and_what_it_still_knows_is_not() {
    let world = World::with(
        vec![user("waad", "corp", "2", "Ann@example.com")],
        &[("Auth0.Connection", DATABASE)],
    )
    .await;
    world
        .sandbox
        .auth0()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    world.auth0.delete(&world.cx(), &crid("waad|2")).await.unwrap();
    assert!(world.by_email("ann@example.com").await.unwrap().is_empty());
    assert!(world.by_id("waad|2").await.unwrap().is_none());
    let new = NewAccount {
        email: Email::parse("ann@example.com").unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: "".into(),
        last_name: "".into(),
        verified: false,
        metadata: Metadata::default(),
    };
    let made = world.auth0.create(&world.cx(), &new).await.unwrap();
    assert_eq!(world.ids_by_email("ann@example.com").await, [made.crid.as_str()]);
}

#[tokio::test]
async fn specials_and_foreign_letters_in_addresses_are_only_letters() {
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
    let world = World::with(users, &[]).await;
    for (n, email) in odd.iter().enumerate() {
        assert_eq!(world.ids_by_email(email).await, [format!("waad|{n}")], "{email}");
    }
    for hostile in [
        "*@example.com",
        "\" OR email:\"jos\u{e9}@example.com",
        "a@b.c) OR (email:*",
    ] {
        assert!(world.by_email(hostile).await.unwrap().is_empty(), "{hostile}");
    }
    assert!(world.by_email(&"x".repeat(65_536)).await.unwrap().is_empty());
    assert!(world.by_email("a\0b@example.com").await.unwrap().is_empty());
}

/// Unicode Standard Annex #15 and RFC 5890 §2.3.2.1: one address, whose local part and domain are written each in its own way.
#[tokio::test]
async fn absence_by_address_is_confirmed_only_for_every_spelling() {
    for kept in [
        "jose\u{301}@m\u{fc}nchen.example",
        "Jos\u{e9}@mu\u{308}nchen.example",
        "JOSE\u{301}@xn--mnchen-3ya.example",
        "jose\u{301}@mu\u{308}nchen.example",
    ] {
        let world = World::with(vec![user("waad", "corp", "1", kept)], &[]).await;
        assert_eq!(
            world.ids_by_email("jos\u{e9}@m\u{fc}nchen.example").await,
            ["waad|1"],
            "{kept}"
        );
    }
    let world = World::with(vec![], &[]).await;
    let many = "\u{e9}".repeat(9);
    assert_eq!(
        kind(world.by_email(&format!("{many}@example.com")).await),
        SourceErrorKind::Refused
    );
    assert!(world.asked().is_empty());
}

/// RFC 3986 §6.2.2.3: `.` and `..` are removed from a path, and so are `%2E` and `%2E%2E`.
#[tokio::test]
async fn no_path_is_sent_that_normalisation_changes() {
    let odd = ["auth0|a/../b", "auth0|a//b", "auth0|x\\..\\y"];
    let world = World::with(odd.iter().map(|id| reader(&id[6..], "ann@example.com")).collect(), &[]).await;
    for id in odd {
        assert_eq!(world.by_id(id).await.unwrap().unwrap().crid.as_str(), id);
    }
    // Search lags: whom it does not show may be there.
    assert_eq!(kind(world.by_id("auth0|c/../d").await), SourceErrorKind::Refused);
    assert!(
        world.asked().iter().all(|(_, path, _)| path == "/api/v2/users"),
        "{:?}",
        world.asked()
    );
    world.sandbox.clear_log();
    // Every id at Auth0 is `provider|id`.
    for nobodys in [".", "..", "%2E", "a/.."] {
        assert!(world.by_id(nobodys).await.unwrap().is_none(), "{nobodys}");
        let deleted = world.auth0.delete(&world.cx(), &crid(nobodys)).await;
        assert!(deleted.is_err(), "{nobodys}");
    }
    assert!(world.asked().is_empty(), "{:?}", world.asked());
}

#[tokio::test]
async fn users_of_other_applications_connections_are_nobody() {
    let mut linked = user("google-oauth2", "google-oauth2", "3", "Cid@example.com");
    let more = json!({"provider": "auth0", "connection": DATABASE, "user_id": "9"});
    linked["identities"].as_array_mut().unwrap().push(more);
    let world = World::with(
        vec![
            reader("1", "ann@example.com"),
            user("auth0", "staff", "2", "ann@example.com"),
            linked,
        ],
        &[("Auth0.Connections", DATABASE)],
    )
    .await;
    assert_eq!(world.ids_by_email("ann@example.com").await, ["auth0|1"]);
    assert!(world.by_id("auth0|2").await.unwrap().is_none());
    assert_eq!(
        world.ids_by_email("cid@example.com").await,
        ["google-oauth2|3"],
        "one of the identities is ours"
    );
}

#[tokio::test]
async fn a_user_of_whom_only_the_id_is_known_is_found_and_cannot_be_ours_unseen() {
    let world = World::with(
        vec![json!({"user_id": "auth0|1", "email": null, "zodiac": {"sign": "leo"}})],
        &[],
    )
    .await;
    let found = world.by_id("auth0|1").await.unwrap().unwrap();
    assert!(found.email.is_none() && found.metadata.is_empty());
    let world = World::with(vec![json!({"user_id": "auth0|1"})], &[("Auth0.Connections", DATABASE)]).await;
    assert_eq!(kind(world.by_id("auth0|1").await), SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn the_order_of_an_answer_and_its_doubles_do_not_matter() {
    let users = vec![reader("2", "ann@example.com"), reader("1", "ann@example.com")];
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let world = World::with(users.clone(), &[]).await;
        world.sandbox.inject(fault);
        let found = world.by_email("ann@example.com").await.unwrap();
        assert_eq!(ids(&found), ["auth0|1", "auth0|2"]);
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_is_renewed_once() {
    let world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
    assert!(world.by_id("auth0|1").await.unwrap().is_some());
    assert!(world.sandbox.auth0().rotate_keys(true));
    assert!(world.by_id("auth0|1").await.unwrap().is_some());
    assert_eq!(world.sandbox.calls_to("/oauth/token"), 2);
}

#[tokio::test]
async fn wrong_credentials_settings_and_secrets_are_a_misconfiguration_and_nobody_is_absent() {
    let right = Some("sandbox-client-secret");
    for (setting, secret) in [
        (("Auth0.ClientId", "somebody"), right),
        (("Auth0.PageSize", "0"), right),
        (("Auth0.PageSize", "50"), Some("wrong")),
        (("Auth0.PageSize", "50"), None),
    ] {
        let world = World::patient(vec![], &[setting], 1, secret).await;
        assert_eq!(kind(world.by_id("auth0|1").await), SourceErrorKind::Misconfigured);
        assert_eq!(
            kind(world.by_email("a@example.com").await),
            SourceErrorKind::Misconfigured
        );
    }
}
