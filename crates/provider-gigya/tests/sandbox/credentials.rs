//! Credentials as Gigya checks them: every error is an alarm, never a missing user; a wrong clock is corrected.

use std::time::Duration;

use SourceErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
use masthead_ports::{
    accounts::{AccountChange, WriteError},
    source::SourceErrorKind,
};
use masthead_provider_kit::ProviderAdapter as _;
use masthead_sandbox::{Fault, FaultRule, GigyaApplication};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{AUTH_METHODS, SourceClient, called, kind, reader, with, with_secret};

#[tokio::test]
async fn rejected_keys_are_misconfiguration() {
    for method in AUTH_METHODS {
        for wrong in [("Gigya.ApiKey", "3_rotated"), ("Gigya.UserKey", "nobody")] {
            let fixture = with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", method), wrong]).await;
            for id in ["1", "nobody"] {
                assert_eq!(kind(fixture.by_id(id).await), Misconfigured, "{method} {wrong:?}");
            }
            assert_eq!(kind(fixture.by_email("nobody@example.com").await), Misconfigured);
            assert!(fixture.adapter.health()[0].1.misconfigured);
        }
    }
    let another = GigyaApplication {
        key: Some(1),
        ..GigyaApplication::default()
    };
    for (method, secret) in [
        ("signed", "YW5vdGhlcg==".to_owned()),
        ("secret", "YW5vdGhlcg==".to_owned()),
        ("bearer", another.private_key_pem().unwrap()),
    ] {
        let fixture = with_secret(vec![], &[("Gigya.Auth", method)], 1, Some(secret)).await;
        assert_eq!(kind(fixture.by_id("nobody").await), Misconfigured, "{method}");
    }
}

#[tokio::test]
async fn wrong_data_centre_is_misconfiguration() {
    let fixture = with(vec![], &[("Gigya.Auth", "secret")]).await;
    let gigya = fixture.sandbox.gigya();
    gigya.change_settings(|settings| settings.https = false);
    assert_eq!(kind(fixture.by_id("nobody").await), Misconfigured);
    gigya.change_settings(|settings| settings.served_data_center = Some("us1".into()));
    assert_eq!(kind(fixture.by_id("nobody").await), Misconfigured);
    assert!(fixture.adapter.health()[0].1.misconfigured);
    gigya.change_settings(|settings| *settings = masthead_sandbox::GigyaStubSettings::default());
    assert!(fixture.by_id("nobody").await.unwrap().is_none());
    assert!(!fixture.adapter.health()[0].1.misconfigured);
}

#[tokio::test]
async fn clock_skew_is_corrected_once() {
    for method in ["signed", "bearer"] {
        for behind in [false, true] {
            let fixture = with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", method)]).await;
            let off = Duration::from_hours(7);
            if behind {
                fixture.sandbox.clock().advance(off);
            } else {
                fixture.sandbox.clock().set_back(off);
            }
            // A write too: the request that was refused as too old was not carried out.
            let change = AccountChange {
                first_name: Some("Anna".into()),
                ..AccountChange::default()
            };
            let changed = fixture.update("1", &change).await.unwrap();
            assert_eq!(&*changed.first_name, "Anna");
            assert_eq!(called(&fixture), ["setAccountInfo", "setAccountInfo", "getAccountInfo"]);
            assert!(fixture.by_id("1").await.unwrap().is_some());
            assert!(fixture.by_id("nobody").await.unwrap().is_none());
            assert_eq!(fixture.sandbox.calls(), 5);
        }
    }
}

#[tokio::test]
async fn repeated_expiry_is_misconfiguration() {
    let fixture = with(vec![reader("1", "a@example.com")], &[]).await;
    fixture.inject(Fault::ErrorCode { code: 403_002 });
    assert_eq!(kind(fixture.by_id("1").await), Misconfigured);
    assert_eq!(fixture.sandbox.calls(), 2);
}

#[tokio::test]
async fn used_nonce_is_replaced_once() {
    let fixture = with(vec![reader("1", "a@example.com")], &[]).await;
    let used = || FaultRule::from(Fault::ErrorCode { code: 403_004 });
    fixture.inject(used().times(1));
    assert!(fixture.by_id("1").await.unwrap().is_some());
    assert_eq!(fixture.sandbox.calls(), 2);
    fixture.inject(used());
    assert_eq!(kind(fixture.by_id("1").await), Unavailable);
    assert_eq!(fixture.sandbox.calls(), 4);
    let deleted = fixture.delete("1").await;
    assert!(
        matches!(&deleted, Err(WriteError::Source(error)) if error.kind == OutcomeUnknown),
        "{deleted:?}"
    );
    assert_eq!(fixture.sandbox.calls(), 5);
}

#[tokio::test]
async fn nonces_are_unique_timestamps_are_seconds() {
    let fixture = with(vec![reader("1", "a@example.com")], &[]).await;
    for _ in 0..20 {
        fixture.by_id("1").await.unwrap();
    }
    let field = |body: &str, name: &str| {
        let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).unwrap().1.to_owned()
    };
    let log = fixture.sandbox.log_with_secrets();
    let mut nonces: Vec<String> = log.iter().map(|entry| field(&entry.body, "nonce")).collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 20);
    assert!(nonces.iter().all(|nonce| nonce.len() == 32));
    assert!(log.iter().all(|entry| field(&entry.body, "timestamp").len() == 10));
    assert!(
        log.iter().all(|entry| !entry.body.contains("secret=")),
        "the secret stays here"
    );
}

/// Every read and write passes a verification that shares no code with the signer.
#[tokio::test]
async fn any_text_passes_signature_verification() {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let text = prop_oneof!["\\PC{1,40}", "['<>()*!~+&=%\"\\\\/?#;:, \u{e9}\u{1f600}-]{1,30}"];
    for method in ["signed", "bearer"] {
        let fixture = with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", method)]).await;
        for _ in 0..60 {
            let text = text.new_tree(&mut runner).unwrap().current();
            if text.len() <= 255 {
                assert!(
                    fixture.by_id(&format!("x{text}")).await.unwrap().is_none(),
                    "{method} {text:?}"
                );
            }
            let change = AccountChange {
                first_name: Some(text.as_str().into()),
                ..AccountChange::default()
            };
            let changed = fixture.update("1", &change).await.unwrap();
            assert_eq!(&*changed.first_name, text.trim(), "{method} {text:?}");
        }
    }
}
