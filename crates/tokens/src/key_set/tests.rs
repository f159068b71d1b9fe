//! Sets as issuers publish them: keys that share names, types and uses, and members of no use.

use serde_json::json;

use super::*;
use crate::testing::{TestSigner, key_set};

fn parsed(members: &[Value]) -> KeySet {
    KeySet::parse(&key_set(members)).unwrap()
}

/// Whether the set holds the key that signs as this signer does, for a token of this kid.
fn finds(set: &KeySet, signer: &TestSigner, kid: Option<&str>) -> bool {
    let (message, signature) = signer.signature();
    let algorithm = Algorithm::named(signer.algorithm()).unwrap();
    let made = |key: &VerificationKey| key.made(&signature, &message);
    matches!(set.signer(kid, algorithm, &made), KeyMatch::Signer(_))
}

fn with(mut member: Value, name: &str, value: Value) -> Value {
    member[name] = value;
    member
}

/// RFC 7517 §4.5: kids should be distinct, so a set may repeat one.
#[test]
fn equal_keys_count_once() {
    let rsa = TestSigner::rsa(0);
    let set = parsed(&[rsa.jwk("k"), rsa.jwk("k"), with(rsa.jwk("k"), "alg", Value::Null)]);
    assert_eq!(set.len(), 1);
    assert!(finds(&set, &rsa, Some("k")));
    assert!(finds(&set, &rsa, None));
    assert_eq!(
        set.remarks(),
        [KeySetRemark::repeated(Some("k")), KeySetRemark::repeated(Some("k"))]
    );
}

/// RFC 7517 §4.5: "Use of different "kty" values … with the same "kid" value" is its own example.
#[test]
fn every_key_with_the_kid_is_tried() {
    let signers = [
        TestSigner::rsa(0),
        TestSigner::rsa(1),
        TestSigner::p256(),
        TestSigner::ed25519(),
        TestSigner::p256(),
    ];
    let set = parsed(&signers.each_ref().map(|signer| signer.jwk("k")));
    for signer in &signers {
        assert!(finds(&set, signer, Some("k")), "{}", signer.algorithm());
        assert!(finds(&set, signer, None), "{}", signer.algorithm());
    }
    assert!(!finds(&set, &TestSigner::rsa(2), Some("k")));
    assert_eq!(set.remarks().len(), signers.len() - 1);
    // A key for encryption with the same kid is ignored.
    let enc = with(signers[1].jwk("k"), "use", "enc".into());
    let set = parsed(&[enc, signers[0].jwk("k")]);
    assert!(finds(&set, &signers[0], Some("k")) && !finds(&set, &signers[1], Some("k")));
}

/// RFC 7515 §4.1.4: `kid` is a hint, and RFC 7517 §4.5 makes it optional in a set.
#[test]
fn unnamed_keys_are_always_tried() {
    let (named, unnamed) = (TestSigner::p256(), TestSigner::p256());
    let set = parsed(&[unnamed.jwk_without(&["kid"]), named.jwk("k")]);
    for kid in [None, Some("k"), Some("another")] {
        assert!(finds(&set, &unnamed, kid), "{kid:?}");
    }
    assert!(finds(&set, &named, None) && finds(&set, &named, Some("k")) && !finds(&set, &named, Some("another")));
}

#[test]
fn key_with_two_kids_is_found() {
    let rsa = TestSigner::rsa(0);
    let set = parsed(&[rsa.jwk("a"), rsa.jwk("b")]);
    assert!(finds(&set, &rsa, Some("a")) && finds(&set, &rsa, Some("b")) && !finds(&set, &rsa, Some("c")));
    assert_eq!(set.remarks(), []);
}

#[test]
fn candidate_keys_are_bounded() {
    let signers: Vec<_> = (0..MAX_KEYS + 2).map(|_| TestSigner::ed25519()).collect();
    let members: Vec<_> = signers.iter().map(|signer| signer.jwk("k")).collect();
    let set = parsed(&members);
    assert_eq!(set.len(), MAX_KEYS);
    assert!(
        set.remarks()
            .contains(&KeySetRemark::faulty(Some("k"), "the set has too many keys"))
    );
    let tried = std::cell::Cell::new(0);
    let found = set.signer(Some("k"), Algorithm::EdDsa, &|_| {
        tried.set(tried.get() + 1);
        false
    });
    assert!(matches!(found, KeyMatch::Unfit));
    assert_eq!(tried.get(), MAX_CANDIDATES);
}

/// RFC 9864 §2.2 names the curve in the algorithm; keys and tokens with the older name are common.
#[test]
fn ed25519_key_has_two_names() {
    let signer = TestSigner::ed25519();
    for alg in ["EdDSA", "Ed25519"] {
        assert!(
            finds(&parsed(&[with(signer.jwk("k"), "alg", alg.into())]), &signer, Some("k")),
            "{alg}"
        );
    }
    assert!(!finds(
        &parsed(&[with(signer.jwk("k"), "alg", "Ed448".into())]),
        &signer,
        Some("k")
    ));
}

/// RFC 7517 §5: members that cannot be used are ignored, and do not spoil the set.
#[test]
fn unusable_member_is_skipped_with_reason() {
    let good = TestSigner::p256();
    let rsa = |name: &str, value: Value| with(TestSigner::rsa(0).jwk("bad"), name, value);
    let okp = |name: &str, value: Value| with(TestSigner::ed25519().jwk("bad"), name, value);
    for (bad, remark) in [
        (
            rsa("use", "enc".into()),
            KeySetRemark::other_purpose(Some("bad"), "its use is not sig"),
        ),
        (
            rsa("use", 1.into()),
            KeySetRemark::faulty(Some("bad"), "use is not a string"),
        ),
        (
            rsa("key_ops", json!(["sign"])),
            KeySetRemark::other_purpose(Some("bad"), "its key_ops lacks verify"),
        ),
        (
            rsa("key_ops", "verify".into()),
            KeySetRemark::faulty(Some("bad"), "key_ops is not an array"),
        ),
        (
            rsa("alg", "RS512".into()),
            KeySetRemark::other_purpose(Some("bad"), "its alg is not supported for its kty"),
        ),
        (
            rsa("alg", "ES256".into()),
            KeySetRemark::other_purpose(Some("bad"), "its alg is not supported for its kty"),
        ),
        (
            rsa("alg", json!([])),
            KeySetRemark::faulty(Some("bad"), "alg is not a string"),
        ),
        (
            rsa("n", "AQAB".into()),
            KeySetRemark::faulty(Some("bad"), "the RSA key must have 2048 to 8192 bits"),
        ),
        (
            rsa("n", "AAAA".into()),
            KeySetRemark::faulty(Some("bad"), "n is no number"),
        ),
        (
            rsa("n", "!".into()),
            KeySetRemark::faulty(Some("bad"), "n is no number"),
        ),
        (
            rsa("e", Value::Null),
            KeySetRemark::faulty(Some("bad"), "e is no number"),
        ),
        (
            TestSigner::rsa(0).jwk_without(&["n", "e"]),
            KeySetRemark::faulty(Some("k"), "n is no number"),
        ),
        (
            okp("x", "AQAB".into()),
            KeySetRemark::faulty(Some("bad"), "x is no coordinate"),
        ),
        (
            okp("crv", "X25519".into()),
            KeySetRemark::other_purpose(Some("bad"), "its crv is not supported"),
        ),
        (
            okp("crv", 1.into()),
            KeySetRemark::faulty(Some("bad"), "crv is missing"),
        ),
        (
            rsa("kty", "LMS".into()),
            KeySetRemark::other_purpose(Some("bad"), "its kty is not supported"),
        ),
        (
            rsa("kty", Value::Null),
            KeySetRemark::faulty(Some("bad"), "kty is missing"),
        ),
        (rsa("kid", 7.into()), KeySetRemark::faulty(None, "kid is not a string")),
        (Value::from(3), KeySetRemark::faulty(None, "it is not an object")),
        (
            TestSigner::Shared(vec![7; 32]).jwk("bad"),
            KeySetRemark::faulty(Some("bad"), "a shared secret has no place in a key set"),
        ),
    ] {
        let set = parsed(&[bad, good.jwk("good")]);
        assert_eq!(set.remarks(), [remark]);
        assert_eq!(set.len(), 1);
        assert!(finds(&set, &good, Some("good")));
    }
    let shown = parsed(&[with(good.jwk("k"), "d", "AAAA".into())]);
    assert_eq!(shown.remarks(), [KeySetRemark::private_half(Some("k"))]);
    assert!(finds(&shown, &good, Some("k")));
}

#[test]
fn invalid_key_set_is_none() {
    for bad in [
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]",
        "{\"keys\":[],\"keys\":[]}",
        "null",
    ] {
        assert!(KeySet::parse(bad.as_bytes()).is_none(), "{bad}");
    }
    // RFC 8259 §8.1 lets a reader ignore a byte order mark, and RFC 7517 §5 unknown members.
    for empty in ["{\"keys\":[]}", "\u{feff}{\"keys\":[]}", "{\"more\":1,\"keys\":[]}"] {
        let set = KeySet::parse(empty.as_bytes()).unwrap();
        assert_eq!((set.len(), set.remarks()), (0, &[KeySetRemark::NoKey][..]), "{empty}");
    }
}

#[test]
fn unsafe_kid_is_not_logged() {
    for kid in ["", "ann example", &"x".repeat(65), "é"] {
        assert_eq!(
            KeySetRemark::repeated(Some(kid)),
            KeySetRemark::Repeated {
                kid: "withheld".to_owned()
            }
        );
    }
}
