//! Rotation, the cool-down, and what holds while the address is down. Time is tokio's own, and paused.

use serde_json::Value;
use tokio::time::advance;

use super::*;
use crate::testing::{CountedSource, HandClock, NOW, Signer, key_set};
use crate::verifier::testing::over;
use masthead_ports::{readiness::Readiness, tokens::TokenVerifier};

const COOLDOWN: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_mins(5);
const MAX_STALE: Duration = Duration::from_hours(1);

fn keys(source: &Arc<CountedSource>) -> Arc<Keys> {
    let freshness = Freshness {
        cooldown: COOLDOWN,
        max_age: MAX_AGE,
        max_stale: MAX_STALE,
    };
    Arc::new(Keys::new(Arc::clone(source) as _, freshness))
}

#[expect(clippy::unnecessary_wraps, reason = "a source answers with a result")]
fn set(keys: &[Value]) -> Result<Vec<u8>, &'static str> {
    Ok(key_set(keys))
}

/// Takes every key for the signer.
const fn any(_: &Key) -> bool {
    true
}

/// Lets what was started beside the caller come to its end.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_keys_at_once_cause_one_fetch_per_cool_down() {
    let source = CountedSource::new(set(&[Signer::rsa(0).jwk("a")]));
    let keys = keys(&source);
    assert!(keys.signer(Some("a"), Algorithm::Rs256, &any).await.is_ok());
    for round in 2..5 {
        advance(COOLDOWN).await;
        let callers: Vec<_> = (0..1000)
            .map(|n| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { keys.signer(Some(&format!("unknown {n}")), Algorithm::Rs256, &any).await })
            })
            .collect();
        for caller in callers {
            assert!(matches!(caller.await.unwrap(), Err(TokenError::BadSignature)));
        }
        assert_eq!(source.times_asked(), round);
    }
    // One by one within the cool-down: none.
    for n in 0..1000 {
        assert!(keys.signer(Some(&n.to_string()), Algorithm::Rs256, &any).await.is_err());
    }
    assert_eq!(source.times_asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_first_thousand_callers_share_the_first_fetch_and_a_lost_caller_stops_nothing() {
    let source = CountedSource::new(set(&[Signer::rsa(0).jwk("a")]));
    let keys = keys(&source);
    let ask = || {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.signer(Some("a"), Algorithm::Rs256, &any).await.is_ok() })
    };
    let first = ask();
    tokio::task::yield_now().await;
    let others: Vec<_> = (0..1000).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    first.abort();
    for other in others {
        assert!(other.await.unwrap());
    }
    assert_eq!(source.times_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shared_secrets_algorithm_and_a_misfit_cause_no_fetch() {
    let source = CountedSource::new(set(&[Signer::rsa(0).jwk("a")]));
    let keys = keys(&source);
    assert!(keys.signer(Some("a"), Algorithm::Rs256, &any).await.is_ok());
    advance(COOLDOWN).await;
    for (kid, algorithm) in [(Some("unknown"), Algorithm::Hs256), (Some("a"), Algorithm::Es256)] {
        assert!(matches!(
            keys.signer(kid, algorithm, &any).await,
            Err(TokenError::BadSignature)
        ));
    }
    assert_eq!(source.times_asked(), 1);
    // Without a kid every key of the algorithm is tried.
    assert!(keys.signer(None, Algorithm::Rs256, &any).await.is_ok());
    assert_eq!(source.times_asked(), 1);
    // A newer set may hold one that fits.
    assert!(keys.signer(None, Algorithm::EdDsa, &any).await.is_err());
    assert_eq!(source.times_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_and_a_removed_one_forgets_the_tokens_it_signed() {
    let (old, kept, new) = (Signer::rsa(0), Signer::p256(), Signer::rsa(1));
    let source = CountedSource::new(set(&[old.jwk("old"), kept.jwk("kept")]));
    let verifier = over(keys(&source), HandClock::at(NOW));
    let by_old = old.token("old");
    let by_kept = kept.token("kept");
    assert!(verifier.verify(&by_old).await.is_ok());
    assert!(verifier.verify(&by_kept).await.is_ok());

    source.answers(set(&[kept.jwk("kept"), new.jwk("new")]));
    advance(COOLDOWN).await;
    assert!(
        verifier.verify(&new.token("new")).await.is_ok(),
        "an unknown key is looked for"
    );
    assert_eq!(
        verifier.remembered(&by_old),
        None,
        "the removed key's token is still remembered"
    );
    assert_eq!(verifier.verify(&by_old).await, Err(TokenError::BadSignature));
    assert!(
        matches!(verifier.remembered(&by_kept), Some(Ok(_))),
        "the kept key's token was forgotten"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_replaced_under_the_same_name_forgets_too() {
    let (old, new) = (Signer::rsa(0), Signer::rsa(1));
    let source = CountedSource::new(set(&[old.jwk("k")]));
    let verifier = over(keys(&source), HandClock::at(NOW));
    let by_old = old.token("k");
    assert!(verifier.verify(&by_old).await.is_ok());
    source.answers(set(&[new.jwk("k")]));
    // Nobody names an unknown key, so age brings the new set, beside a caller who still gets the old answer.
    advance(MAX_AGE + Duration::from_secs(1)).await;
    assert!(verifier.verify(&by_old).await.is_ok());
    settle().await;
    assert_eq!(verifier.verify(&by_old).await, Err(TokenError::BadSignature));
    assert!(verifier.verify(&new.token("k")).await.is_ok());
    assert_eq!(source.times_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_are_kept_while_the_address_is_down_and_not_for_ever() {
    let signer = Signer::rsa(0);
    let source = CountedSource::new(set(&[signer.jwk("k")]));
    let verifier = over(keys(&source), HandClock::at(NOW));
    let token = signer.token("k");
    assert!(verifier.verify(&token).await.is_ok());
    for broken in [
        Err("connect"),
        Ok(b"<html>".to_vec()),
        Ok(b"{\"keys\":{}}".to_vec()),
        Ok(b"{\"keys\":[],\"keys\":[]}".to_vec()),
    ] {
        source.answers(broken);
        advance(MAX_AGE + Duration::from_secs(1)).await;
        assert!(verifier.verify(&token).await.is_ok());
        settle().await;
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert_eq!(source.times_asked(), 5);
    advance(MAX_STALE).await;
    assert_eq!(verifier.remembered(&token), None);
    assert_eq!(verifier.verify(&token).await, Err(TokenError::KeysUnavailable));
    source.answers(set(&[signer.jwk("k")]));
    advance(RETRY_WITHOUT_KEYS).await;
    assert!(verifier.verify(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_any_key_set_it_is_tried_again_soon_but_not_at_every_call() {
    let signer = Signer::rsa(0);
    let source = CountedSource::new(Err("connect"));
    let verifier = over(keys(&source), HandClock::at(NOW));
    let token = signer.token("k");
    for _ in 0..100 {
        assert_eq!(verifier.verify(&token).await, Err(TokenError::KeysUnavailable));
        assert_eq!(verifier.check().await, Err("no signing keys"));
    }
    assert_eq!(source.times_asked(), 1);
    source.answers(set(&[signer.jwk("k")]));
    advance(RETRY_WITHOUT_KEYS).await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(verifier.check().await, Ok(()));
}

/// RFC 7517 §5: the set is what the issuer publishes. One that holds no key says that none is valid.
#[tokio::test(start_paused = true)]
async fn an_empty_published_set_removes_every_key_at_once() {
    let signer = Signer::rsa(0);
    for empty in [
        set(&[]),
        set(&[Signer::Shared(vec![1; 32]).jwk("k")]),
        set(&[serde_json::json!({"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"})]),
    ] {
        let source = CountedSource::new(set(&[signer.jwk("k")]));
        let verifier = over(keys(&source), HandClock::at(NOW));
        let token = signer.token("k");
        assert!(verifier.verify(&token).await.is_ok());
        source.answers(empty);
        advance(MAX_AGE + Duration::from_secs(1)).await;
        assert!(
            verifier.verify(&token).await.is_ok(),
            "a set is fetched beside the caller"
        );
        settle().await;
        assert_eq!(verifier.remembered(&token), None, "a removed key's token is remembered");
        assert_eq!(verifier.verify(&token).await, Err(TokenError::BadSignature));
        // The set is asked for again once a cool-down, so a new key is not waited for.
        source.answers(set(&[signer.jwk("k")]));
        advance(COOLDOWN).await;
        assert!(verifier.verify(&token).await.is_ok());
    }
}

/// A token without kid cannot name a new key, so its failure is what asks for a newer set.
#[tokio::test(start_paused = true)]
async fn a_rotated_key_without_a_kid_is_found_after_the_cool_down() {
    let (old, new) = (Signer::rsa(0), Signer::rsa(1));
    let source = CountedSource::new(set(&[old.jwk_without(&["kid"])]));
    let verifier = over(keys(&source), HandClock::at(NOW));
    assert!(verifier.verify(&old.token_without_kid()).await.is_ok());
    source.answers(set(&[new.jwk_without(&["kid"])]));
    advance(COOLDOWN).await;
    assert!(verifier.verify(&new.token_without_kid()).await.is_ok());
    assert_eq!(
        verifier.verify(&old.token_without_kid()).await,
        Err(TokenError::BadSignature)
    );
    assert_eq!(source.times_asked(), 2);
}
