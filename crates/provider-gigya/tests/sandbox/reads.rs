//! Look-ups by id and by address, trap by trap of `providers.md` §4.

use masthead_ports::source::SourceErrorKind;
use serde_json::json;

use crate::support::{AUTH_METHODS, SourceClient, called, kind, reader, social, with, with_secret};

#[tokio::test]
async fn user_is_found_by_odd_id() {
    let odd = [
        "plain",
        "odd'<>()*!~+&=%0",
        "a b+c/d?e#f;g,h:i@j",
        "k\u{e4}se%41\"\\",
        "\u{5c71}\u{7530} \u{1f600}",
    ];
    for method in AUTH_METHODS {
        let accounts = odd.iter().map(|uid| reader(uid, "ann@example.com")).collect();
        let fixture = with(accounts, &[("Gigya.Auth", method)]).await;
        for uid in odd {
            let found = fixture.by_id(uid).await.unwrap().unwrap();
            assert_eq!(found.crid.as_str(), uid);
            assert_eq!(
                (&*found.first_name, &*found.last_name, found.verified),
                ("Ann", "Lee", Some(true))
            );
        }
        assert_eq!(called(&fixture).len(), odd.len(), "one call each");
        assert!(fixture.by_id("nobody").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn odd_addresses_are_found() {
    for method in AUTH_METHODS {
        let odd = [
            "'<>()*!~+&=%@example.com",
            "o'neil+news&co=1%@example.com",
            "a!#$*/?^_`{|}~-b@example.com",
            "jos\u{e9}.m\u{fc}ller@example.net",
            "\u{5c71}\u{7530}@example.com",
            "ann@m\u{fc}nchen.example",
        ];
        let accounts = odd.iter().enumerate().map(|(n, email)| reader(&format!("u{n}"), email));
        let fixture = with(accounts.collect(), &[("Gigya.Auth", method)]).await;
        for (n, email) in odd.iter().enumerate() {
            assert_eq!(fixture.ids_by_email(email).await, [format!("u{n}")], "{email}");
            assert!(fixture.by_email(&format!("x{email}")).await.unwrap().is_empty());
        }
    }
}

/// Unicode Standard Annex #15 and RFC 5890 §2.3.2.1: one address, whose local part and domain are written each in its own way,
/// and which may be stored outside of the profile.
#[tokio::test]
async fn absence_needs_every_spelling() {
    for kept in [
        "jose\u{301}@m\u{fc}nchen.example",
        "Jos\u{e9}@mu\u{308}nchen.example",
        "JOSE\u{301}@xn--mnchen-3ya.example",
    ] {
        let mut of_login = reader("2", "x@example.com");
        of_login["profile"].as_object_mut().unwrap().remove("email");
        of_login["loginIDs"] = json!({"emails": [kept], "unverifiedEmails": []});
        of_login["emails"] = json!({"verified": [], "unverified": []});
        let mut of_list = of_login.clone();
        of_list["UID"] = json!("3");
        of_list["loginIDs"] = json!({"emails": [], "unverifiedEmails": []});
        of_list["emails"] = json!({"verified": [], "unverified": [kept]});
        let fixture = with(vec![reader("1", kept), of_login, of_list], &[]).await;
        assert_eq!(
            fixture.ids_by_email("jos\u{e9}@m\u{fc}nchen.example").await,
            ["1", "2", "3"],
            "{kept}"
        );
    }
    let fixture = with(vec![], &[]).await;
    let many = "\u{e9}".repeat(9);
    assert_eq!(
        kind(fixture.by_email(&format!("{many}@example.com")).await),
        SourceErrorKind::Refused
    );
    assert_eq!(fixture.sandbox.calls(), 0);
}

#[tokio::test]
async fn unquotable_address_is_refused() {
    let fixture = with(vec![reader("1", "\"a\"b@example.com")], &[]).await;
    for email in [
        "\"a\"b@example.com",
        "a\\b@example.com",
        "a\u{201c}b@example.com",
        "\"x y\"@example.com",
    ] {
        assert_eq!(kind(fixture.by_email(email).await), SourceErrorKind::Refused, "{email}");
    }
    assert_eq!(fixture.sandbox.calls(), 0);
}

#[tokio::test]
async fn every_account_of_an_address_is_found() {
    let fixture = with(
        vec![
            reader("1", "ann@example.com"),
            social("2", "Ann@Example.com"),
            social("3", "ANN@EXAMPLE.COM"),
            reader("4", "joann@example.com"),
        ],
        &[],
    )
    .await;
    assert_eq!(fixture.ids_by_email("ann@example.com").await, ["1", "2", "3"]);
    assert!(fixture.by_email("nobody@example.com").await.unwrap().is_empty());
}

#[tokio::test]
async fn too_many_accounts_are_too_broad() {
    let many = (0..25).map(|n| social(&n.to_string(), "all@example.com")).collect();
    let fixture = with(many, &[]).await;
    assert_eq!(
        kind(fixture.by_email("all@example.com").await),
        SourceErrorKind::TooBroad
    );
}

#[tokio::test]
async fn search_lag_is_corrected_by_lookups() {
    let fixture = with(
        vec![social("1", "ann@example.com"), social("2", "ann@example.com")],
        &[],
    )
    .await;
    fixture
        .sandbox
        .gigya()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    fixture.delete("1").await.unwrap();
    assert_eq!(fixture.ids_by_email("ann@example.com").await, ["2"]);
    fixture.delete("2").await.unwrap();
    assert!(fixture.by_email("ann@example.com").await.unwrap().is_empty());
    let new = crate::writes::nova();
    let made = fixture.create(&new).await.unwrap();
    assert_eq!(fixture.ids_by_email("nova@example.com").await, [made.crid.as_str()]);
}

#[tokio::test]
async fn login_address_is_not_the_profile_address() {
    let mut account = reader("1", "new@example.com");
    account["loginIDs"] = json!({"emails": ["old@example.com"]});
    let mut bare = reader("2", "bare@example.com");
    bare["profile"].as_object_mut().unwrap().remove("email");
    let fixture = with(vec![account, bare], &[]).await;
    assert!(fixture.by_email("old@example.com").await.unwrap().is_empty());
    assert_eq!(fixture.ids_by_email("new@example.com").await, ["1"]);
    // Without an address in the profile it is the one that signs in.
    assert_eq!(fixture.ids_by_email("bare@example.com").await, ["2"]);
    let found = fixture.by_id("2").await.unwrap().unwrap();
    assert_eq!(found.email.unwrap().as_str(), "bare@example.com");
}

#[tokio::test]
async fn lite_accounts_need_the_setting() {
    let mut lite = reader("1", "ann@example.com");
    lite["isLite"] = true.into();
    lite["isRegistered"] = false.into();
    for (setting, wanted) in [("false", 0), ("true", 1)] {
        let fixture = with(vec![lite.clone()], &[("Gigya.LiteAccounts", setting)]).await;
        assert_eq!(usize::from(fixture.by_id("1").await.unwrap().is_some()), wanted);
        assert_eq!(fixture.by_email("ann@example.com").await.unwrap().len(), wanted);
    }
}

#[tokio::test]
async fn inactive_account_exists() {
    let mut account = reader("1", "ann@example.com");
    account["isActive"] = false.into();
    let fixture = with(vec![account], &[]).await;
    assert!(fixture.by_id("1").await.unwrap().is_some());
}

#[tokio::test]
async fn wrong_settings_or_secret_are_misconfiguration() {
    let fixture = with(vec![reader("1", "a@example.com")], &[("Gigya.PageSize", "0")]).await;
    assert_eq!(kind(fixture.by_id("1").await), SourceErrorKind::Misconfigured);
    for secret in [None, Some("no base64!".to_owned())] {
        let fixture = with_secret(vec![], &[], 1, secret).await;
        assert_eq!(kind(fixture.by_id("1").await), SourceErrorKind::Misconfigured);
        assert_eq!(
            kind(fixture.by_email("a@example.com").await),
            SourceErrorKind::Misconfigured
        );
        assert_eq!(fixture.sandbox.calls(), 0);
    }
}
