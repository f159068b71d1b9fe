//! Who we are, as Gigya checks it: every flaw is an alarm, never a missing user; a clock that is off is mended.

use std::{sync::Arc, time::Duration};

use SourceErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter as _},
    source::{SourceErrorKind, UserSource as _},
};
use masthead_provider_gigya::{NoChance, Nonces};
use masthead_sandbox::Application;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{SourceClient, WAYS, World, crid, kind, reader};

#[tokio::test]
async fn keys_that_gigya_does_not_take_are_an_alarm_for_every_look_up() {
    for way in WAYS {
        for wrong in [("Gigya.ApiKey", "3_rotated"), ("Gigya.UserKey", "nobody")] {
            let world = World::with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", way), wrong]).await;
            for id in ["1", "nobody"] {
                assert_eq!(kind(world.by_id(id).await), Misconfigured, "{way} {wrong:?}");
            }
            assert_eq!(kind(world.by_email("nobody@example.com").await), Misconfigured);
            assert!(world.gigya.health()[0].1.misconfigured);
        }
    }
    let another = Application {
        key: Some(1),
        ..Application::default()
    };
    for (way, secret) in [
        ("signed", "YW5vdGhlcg==".to_owned()),
        ("secret", "YW5vdGhlcg==".to_owned()),
        ("bearer", another.private_key_pem().unwrap()),
    ] {
        let world = World::told(vec![], &[("Gigya.Auth", way)], 1, Some(secret)).await;
        assert_eq!(kind(world.by_id("nobody").await), Misconfigured, "{way}");
    }
}

#[tokio::test]
async fn the_wrong_data_centre_and_a_secret_without_tls_are_alarms() {
    let world = World::with(vec![], &[("Gigya.Auth", "secret")]).await;
    let gigya = world.sandbox.gigya();
    gigya.change_settings(|settings| settings.https = false);
    assert_eq!(kind(world.by_id("nobody").await), Misconfigured);
    gigya.change_settings(|settings| settings.served_data_center = Some("us1".into()));
    assert_eq!(kind(world.by_id("nobody").await), Misconfigured);
    assert!(world.gigya.health()[0].1.misconfigured);
    gigya.change_settings(|settings| *settings = masthead_sandbox::GigyaSettings::default());
    assert!(world.by_id("nobody").await.unwrap().is_none());
    assert!(!world.gigya.health()[0].1.misconfigured);
}

#[tokio::test]
async fn a_clock_that_is_off_is_mended_once_and_stays_so() {
    for way in ["signed", "bearer"] {
        for behind in [false, true] {
            let world = World::with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", way)]).await;
            let off = Duration::from_hours(7);
            if behind {
                world.sandbox.clock().advance(off);
            } else {
                world.sandbox.clock().set_back(off);
            }
            // A write too: the request that was refused as too old was not carried out.
            let change = AccountChange {
                first_name: Some("Anna".into()),
                ..AccountChange::default()
            };
            let changed = world.gigya.update(&world.cx(), &crid("1"), &change).await.unwrap();
            assert_eq!(&*changed.first_name, "Anna");
            assert_eq!(world.called(), ["setAccountInfo", "setAccountInfo", "getAccountInfo"]);
            assert!(world.by_id("1").await.unwrap().is_some());
            assert!(world.by_id("nobody").await.unwrap().is_none());
            assert_eq!(world.sandbox.calls(), 5);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_too_old_even_then_is_an_alarm() {
    let world = World::with(vec![reader("1", "a@example.com")], &[]).await;
    world
        .sandbox
        .inject(masthead_sandbox::Fault::ErrorCode { code: 403_002 });
    assert_eq!(kind(world.by_id("1").await), Misconfigured);
    assert_eq!(world.sandbox.calls(), 2);
}

/// The same nonce, over and over.
struct Stuck;

impl Nonces for Stuck {
    fn next(&self) -> Result<[u8; 16], NoChance> {
        Ok([7; 16])
    }
}

struct Exhausted;

impl Nonces for Exhausted {
    fn next(&self) -> Result<[u8; 16], NoChance> {
        Err(NoChance)
    }
}

#[tokio::test]
async fn a_nonce_that_was_used_is_replaced_once_and_a_write_that_had_it_is_of_unknown_outcome() {
    let (gigya, world) = World::with(vec![reader("1", "a@example.com")], &[]).await.take_gigya();
    let gigya = gigya.with_nonces(Arc::new(Stuck));
    assert!(gigya.by_id(&world.cx(), &crid("1")).await.unwrap().is_some());
    assert_eq!(kind(gigya.by_id(&world.cx(), &crid("1")).await), Unavailable);
    assert_eq!(world.sandbox.calls(), 3);
    let answer = gigya.delete(&world.cx(), &crid("1")).await.unwrap_err();
    assert!(
        matches!(&answer, masthead_ports::accounts::WriteError::Source(error) if error.kind == OutcomeUnknown),
        "{answer:?}"
    );
    let gigya = gigya.with_nonces(Arc::new(Exhausted));
    let calls = world.sandbox.calls();
    // The tenant's site was made with the first ones; another adapter has the others.
    drop(gigya);
    let (gigya, world) = world.take_gigya();
    let gigya = gigya.with_nonces(Arc::new(Exhausted));
    assert_eq!(kind(gigya.by_id(&world.cx(), &crid("1")).await), Unavailable);
    assert_eq!(world.sandbox.calls(), calls);
}

#[tokio::test]
async fn no_nonce_comes_twice_and_moments_are_seconds() {
    let world = World::with(vec![reader("1", "a@example.com")], &[]).await;
    for _ in 0..20 {
        world.by_id("1").await.unwrap();
    }
    let field = |body: &str, name: &str| {
        let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).unwrap().1.to_owned()
    };
    let log = world.sandbox.log_with_secrets();
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

/// Whatever is asked for, and whatever is written: a verification that shares no code with ours takes it.
#[tokio::test]
async fn any_text_at_all_passes_gigyas_verification() {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let text = prop_oneof!["\\PC{1,40}", "['<>()*!~+&=%\"\\\\/?#;:, \u{e9}\u{1f600}-]{1,30}"];
    for way in ["signed", "bearer"] {
        let world = World::with(vec![reader("1", "a@example.com")], &[("Gigya.Auth", way)]).await;
        for _ in 0..60 {
            let text = text.new_tree(&mut runner).unwrap().current();
            if text.len() <= 255 {
                assert!(
                    world.by_id(&format!("x{text}")).await.unwrap().is_none(),
                    "{way} {text:?}"
                );
            }
            let change = AccountChange {
                first_name: Some(text.as_str().into()),
                ..AccountChange::default()
            };
            let changed = world.gigya.update(&world.cx(), &crid("1"), &change).await.unwrap();
            assert_eq!(&*changed.first_name, text.trim(), "{way} {text:?}");
        }
    }
}
