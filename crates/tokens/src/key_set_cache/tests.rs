//! Rotation, the cool-down, and what holds while the address is down. Time is tokio's own, and paused.

use serde_json::Value;
use tokio::time::advance;

use super::*;
use crate::key_set_refresh::refresh_by_clock;
use crate::testing::{CountingKeySource, NOW, SettableClock, TestSigner, key_set};
use crate::verifier::testing::verifier_over;
use masthead_ports::{readiness::Readiness, tokens::TokenVerifier};

const COOLDOWN: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_mins(5);
const MAX_STALE: Duration = Duration::from_hours(1);

fn keys(source: &Arc<CountingKeySource>) -> Arc<KeySetCache> {
    let freshness = KeySetFreshness {
        cooldown: COOLDOWN,
        max_age: MAX_AGE,
        max_stale: MAX_STALE,
    };
    Arc::new(KeySetCache::new("tokens", Arc::clone(source) as _, freshness))
}

#[expect(clippy::unnecessary_wraps, reason = "a source answers with a result")]
fn set(keys: &[Value]) -> Result<Vec<u8>, &'static str> {
    Ok(key_set(keys))
}

/// Takes every key for the signer.
const fn any(_: &VerificationKey) -> bool {
    true
}

/// Lets what was started beside the caller come to its end.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_fetch_within_bounds() {
    let source = CountingKeySource::new(set(&[TestSigner::rsa(0).jwk("a")]));
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
        assert_eq!(source.fetches(), round);
    }
    // One by one within a cool-down: the second of two at once, which is left.
    for n in 0..1000 {
        assert!(keys.signer(Some(&n.to_string()), Algorithm::Rs256, &any).await.is_err());
    }
    assert_eq!(source.fetches(), 5);
}

/// A stranger's tokens must not keep a new key out until the next round of the clock.
#[tokio::test(start_paused = true)]
async fn stranger_cannot_hold_up_a_new_key() {
    let (old, new) = (TestSigner::rsa(0), TestSigner::rsa(1));
    let source = CountingKeySource::new(set(&[old.jwk("old")]));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
    assert!(verifier.verify(&old.token("old")).await.is_ok());
    assert!(verifier.verify(&old.token("unknown")).await.is_err());
    source.answers(set(&[old.jwk("old"), new.jwk("new")]));
    assert!(verifier.verify(&new.token("new")).await.is_ok(), "one fetch is left");
    // With none left, each fetch that a stranger causes brings the new keys to every caller.
    for n in 0..10 {
        assert!(verifier.verify(&old.token(&format!("unknown {n}"))).await.is_err());
    }
    let newest = TestSigner::rsa(2);
    source.answers(set(&[newest.jwk("newest")]));
    advance(COOLDOWN).await;
    assert!(verifier.verify(&old.token("unknown")).await.is_err());
    assert!(verifier.verify(&newest.token("newest")).await.is_ok());
}

/// The clock alone removes a key and brings a new one: no token is needed.
#[tokio::test(start_paused = true)]
async fn clock_alone_follows_a_rotation() {
    let (old, new) = (TestSigner::rsa(0), TestSigner::rsa(1));
    let source = CountingKeySource::new(set(&[old.jwk("old")]));
    let keys = keys(&source);
    let verifier = verifier_over(Arc::clone(&keys), SettableClock::at(NOW));
    let clock = tokio::spawn(refresh_by_clock(Arc::clone(&keys), MAX_AGE));
    settle().await;
    let by_old = old.token("old");
    assert!(verifier.verify(&by_old).await.is_ok());
    source.answers(set(&[new.jwk("new")]));
    tokio::time::sleep(MAX_AGE).await;
    settle().await;
    assert_eq!(source.fetches(), 2);
    assert_eq!(
        verifier.remembered(&by_old),
        None,
        "a removed key's token is remembered"
    );
    assert!(verifier.verify(&new.token("new")).await.is_ok());
    assert_eq!(source.fetches(), 2, "the new key was there before its token");

    source.answers(Err("connect"));
    tokio::time::sleep(MAX_AGE * 2).await;
    assert!(source.fetches() > 5, "a failed fetch is retried sooner");
    assert!(verifier.verify(&new.token("new")).await.is_ok());
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn first_callers_share_one_fetch() {
    let source = CountingKeySource::new(set(&[TestSigner::rsa(0).jwk("a")]));
    let keys = keys(&source);
    let find_key = || {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.signer(Some("a"), Algorithm::Rs256, &any).await.is_ok() })
    };
    let first = find_key();
    tokio::task::yield_now().await;
    let others: Vec<_> = (0..1000).map(|_| find_key()).collect();
    tokio::task::yield_now().await;
    first.abort();
    for other in others {
        assert!(other.await.unwrap());
    }
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn wrong_algorithm_causes_no_fetch() {
    let source = CountingKeySource::new(set(&[TestSigner::rsa(0).jwk("a")]));
    let keys = keys(&source);
    assert!(keys.signer(Some("a"), Algorithm::Rs256, &any).await.is_ok());
    advance(COOLDOWN).await;
    for (kid, algorithm) in [(Some("unknown"), Algorithm::Hs256), (Some("a"), Algorithm::Es256)] {
        assert!(matches!(
            keys.signer(kid, algorithm, &any).await,
            Err(TokenError::BadSignature)
        ));
    }
    assert_eq!(source.fetches(), 1);
    // Without a kid every key of the algorithm is tried.
    assert!(keys.signer(None, Algorithm::Rs256, &any).await.is_ok());
    assert_eq!(source.fetches(), 1);
    // A newer set may hold one that fits.
    assert!(keys.signer(None, Algorithm::EdDsa, &any).await.is_err());
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn removed_key_forgets_its_tokens() {
    let (old, kept, new) = (TestSigner::rsa(0), TestSigner::p256(), TestSigner::rsa(1));
    let source = CountingKeySource::new(set(&[old.jwk("old"), kept.jwk("kept")]));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
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
async fn replaced_key_forgets_its_tokens() {
    let (old, new) = (TestSigner::rsa(0), TestSigner::rsa(1));
    let source = CountingKeySource::new(set(&[old.jwk("k")]));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
    let by_old = old.token("k");
    assert!(verifier.verify(&by_old).await.is_ok());
    source.answers(set(&[new.jwk("k")]));
    // No token names an unknown key, so age triggers the fetch, while the caller still gets the old answer.
    advance(MAX_AGE + Duration::from_secs(1)).await;
    assert!(verifier.verify(&by_old).await.is_ok());
    settle().await;
    assert_eq!(verifier.verify(&by_old).await, Err(TokenError::BadSignature));
    assert!(verifier.verify(&new.token("k")).await.is_ok());
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn last_key_set_serves_limited_outage() {
    let signer = TestSigner::rsa(0);
    let source = CountingKeySource::new(set(&[signer.jwk("k")]));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
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
    assert_eq!(source.fetches(), 5);
    advance(MAX_STALE).await;
    assert_eq!(verifier.remembered(&token), None);
    assert_eq!(verifier.verify(&token).await, Err(TokenError::KeysUnavailable));
    source.answers(set(&[signer.jwk("k")]));
    advance(RETRY_WITHOUT_KEYS).await;
    assert!(verifier.verify(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn missing_key_set_is_retried_after_pause() {
    let signer = TestSigner::rsa(0);
    let source = CountingKeySource::new(Err("connect"));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
    let token = signer.token("k");
    for _ in 0..100 {
        assert_eq!(verifier.verify(&token).await, Err(TokenError::KeysUnavailable));
        assert_eq!(verifier.check().await, Err("no usable key set"));
    }
    assert_eq!(source.fetches(), 1);
    source.answers(set(&[signer.jwk("k")]));
    advance(RETRY_WITHOUT_KEYS).await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(verifier.check().await, Ok(()));
}

/// RFC 7517 §5: the set is what the issuer publishes. Without keys, no token is valid.
#[tokio::test(start_paused = true)]
async fn empty_key_set_removes_every_key() {
    let signer = TestSigner::rsa(0);
    for empty in [
        set(&[]),
        set(&[TestSigner::Shared(vec![1; 32]).jwk("k")]),
        set(&[serde_json::json!({"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"})]),
    ] {
        let source = CountingKeySource::new(set(&[signer.jwk("k")]));
        let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
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
        assert_eq!(verifier.check().await, Err("no usable key set"));
        assert_eq!(verifier.verify(&token).await, Err(TokenError::BadSignature));
        // The set is requested again once a cool-down, so a new key is not waited for.
        source.answers(set(&[signer.jwk("k")]));
        advance(COOLDOWN).await;
        assert!(verifier.verify(&token).await.is_ok());
    }
}

/// A token without kid cannot name a new key, so its failure triggers the fetch.
#[tokio::test(start_paused = true)]
async fn rotated_key_without_kid_is_found() {
    let (old, new) = (TestSigner::rsa(0), TestSigner::rsa(1));
    let source = CountingKeySource::new(set(&[old.jwk_without(&["kid"])]));
    let verifier = verifier_over(keys(&source), SettableClock::at(NOW));
    assert!(verifier.verify(&old.token_without_kid()).await.is_ok());
    source.answers(set(&[new.jwk_without(&["kid"])]));
    advance(COOLDOWN).await;
    assert!(verifier.verify(&new.token_without_kid()).await.is_ok());
    assert_eq!(
        verifier.verify(&old.token_without_kid()).await,
        Err(TokenError::BadSignature)
    );
    // The token of the removed key may be of a newer one too.
    assert_eq!(source.fetches(), 3);
}
