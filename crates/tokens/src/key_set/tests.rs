//! Sets as issuers publish them: keys that share names, types and uses, and members of no use.

use serde_json::json;

use super::*;
use crate::testing::{Signer, key_set};

fn parsed(members: &[Value]) -> KeySet {
    KeySet::parse(&key_set(members)).unwrap()
}

/// Whether the set holds the key that signs as this signer does, for a token of this kid.
fn finds(set: &KeySet, signer: &Signer, kid: Option<&str>) -> bool {
    let (message, signature) = signer.signature();
    let algorithm = Algorithm::named(signer.algorithm()).unwrap();
    let made = |key: &Key| key.made(&signature, &message);
    matches!(set.signer(kid, algorithm, &made), Found::Key(_))
}

fn with(mut member: Value, name: &str, value: Value) -> Value {
    member[name] = value;
    member
}

/// RFC 7517 §4.5: kids should be distinct, so a set may repeat one.
#[test]
fn equal_keys_of_a_set_are_one() {
    let rsa = Signer::rsa(0);
    let set = parsed(&[rsa.jwk("k"), rsa.jwk("k"), with(rsa.jwk("k"), "alg", Value::Null)]);
    assert_eq!(set.len(), 1);
    assert!(finds(&set, &rsa, Some("k")));
    assert!(finds(&set, &rsa, None));
    assert_eq!(
        set.remarks(),
        [Remark::repeated(Some("k")), Remark::repeated(Some("k"))]
    );
}

/// RFC 7517 §4.5: "Use of different "kty" values … with the same "kid" value" is its own example.
#[test]
fn every_key_that_shares_a_kid_is_tried() {
    let signers = [
        Signer::rsa(0),
        Signer::rsa(1),
        Signer::p256(),
        Signer::ed25519(),
        Signer::p256(),
    ];
    let set = parsed(&signers.each_ref().map(|signer| signer.jwk("k")));
    for signer in &signers {
        assert!(finds(&set, signer, Some("k")), "{}", signer.algorithm());
        assert!(finds(&set, signer, None), "{}", signer.algorithm());
    }
    assert!(!finds(&set, &Signer::rsa(2), Some("k")));
    assert_eq!(set.remarks().len(), signers.len() - 1);
    // A namesake for encryption is no candidate, and in nobody's way.
    let enc = with(signers[1].jwk("k"), "use", "enc".into());
    let set = parsed(&[enc, signers[0].jwk("k")]);
    assert!(finds(&set, &signers[0], Some("k")) && !finds(&set, &signers[1], Some("k")));
}

/// RFC 7515 §4.1.4: `kid` is a hint, and RFC 7517 §4.5 makes it optional in a set.
#[test]
fn keys_without_a_kid_are_tried_for_every_token() {
    let (named, unnamed) = (Signer::p256(), Signer::p256());
    let set = parsed(&[unnamed.jwk_without(&["kid"]), named.jwk("k")]);
    for kid in [None, Some("k"), Some("another")] {
        assert!(finds(&set, &unnamed, kid), "{kid:?}");
    }
    assert!(finds(&set, &named, None) && finds(&set, &named, Some("k")) && !finds(&set, &named, Some("another")));
}

#[test]
fn a_key_under_two_kids_is_found_by_both() {
    let rsa = Signer::rsa(0);
    let set = parsed(&[rsa.jwk("a"), rsa.jwk("b")]);
    assert!(finds(&set, &rsa, Some("a")) && finds(&set, &rsa, Some("b")) && !finds(&set, &rsa, Some("c")));
    assert_eq!(set.remarks(), []);
}

#[test]
fn a_token_is_tried_with_a_bounded_number_of_keys() {
    let signers: Vec<_> = (0..MAX_KEYS + 2).map(|_| Signer::ed25519()).collect();
    let members: Vec<_> = signers.iter().map(|signer| signer.jwk("k")).collect();
    let set = parsed(&members);
    assert_eq!(set.len(), MAX_KEYS);
    assert!(
        set.remarks()
            .contains(&Remark::faulty(Some("k"), "the set has too many keys"))
    );
    let tried = std::cell::Cell::new(0);
    let found = set.signer(Some("k"), Algorithm::EdDsa, &|_| {
        tried.set(tried.get() + 1);
        false
    });
    assert!(matches!(found, Found::Unfit));
    assert_eq!(tried.get(), MAX_CANDIDATES);
}

/// RFC 9864 §2.2 names the curve in the algorithm; keys and tokens of the older name are everywhere.
#[test]
fn a_key_for_ed25519_may_have_either_name() {
    let signer = Signer::ed25519();
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
fn a_member_that_cannot_be_used_is_skipped_with_its_reason() {
    let good = Signer::p256();
    let rsa = |name: &str, value: Value| with(Signer::rsa(0).jwk("bad"), name, value);
    let okp = |name: &str, value: Value| with(Signer::ed25519().jwk("bad"), name, value);
    for (bad, remark) in [
        (
            rsa("use", "enc".into()),
            Remark::other_purpose(Some("bad"), "its use is not sig"),
        ),
        (rsa("use", 1.into()), Remark::faulty(Some("bad"), "use is not a string")),
        (
            rsa("key_ops", json!(["sign"])),
            Remark::other_purpose(Some("bad"), "its key_ops lacks verify"),
        ),
        (
            rsa("key_ops", "verify".into()),
            Remark::faulty(Some("bad"), "key_ops is not an array"),
        ),
        (
            rsa("alg", "RS512".into()),
            Remark::other_purpose(Some("bad"), "its alg is not supported for its kty"),
        ),
        (
            rsa("alg", "ES256".into()),
            Remark::other_purpose(Some("bad"), "its alg is not supported for its kty"),
        ),
        (
            rsa("alg", json!([])),
            Remark::faulty(Some("bad"), "alg is not a string"),
        ),
        (
            rsa("n", "AQAB".into()),
            Remark::faulty(Some("bad"), "the RSA key must have 2048 to 8192 bits"),
        ),
        (rsa("n", "AAAA".into()), Remark::faulty(Some("bad"), "n is no number")),
        (rsa("n", "!".into()), Remark::faulty(Some("bad"), "n is no number")),
        (rsa("e", Value::Null), Remark::faulty(Some("bad"), "e is no number")),
        (
            Signer::rsa(0).jwk_without(&["n", "e"]),
            Remark::faulty(Some("k"), "n is no number"),
        ),
        (
            okp("x", "AQAB".into()),
            Remark::faulty(Some("bad"), "x is no coordinate"),
        ),
        (
            okp("crv", "X25519".into()),
            Remark::other_purpose(Some("bad"), "its crv is not supported"),
        ),
        (okp("crv", 1.into()), Remark::faulty(Some("bad"), "crv is missing")),
        (
            rsa("kty", "LMS".into()),
            Remark::other_purpose(Some("bad"), "its kty is not supported"),
        ),
        (rsa("kty", Value::Null), Remark::faulty(Some("bad"), "kty is missing")),
        (rsa("kid", 7.into()), Remark::faulty(None, "kid is not a string")),
        (Value::from(3), Remark::faulty(None, "it is not an object")),
        (
            Signer::Shared(vec![7; 32]).jwk("bad"),
            Remark::faulty(Some("bad"), "a shared secret has no place in a key set"),
        ),
    ] {
        let set = parsed(&[bad, good.jwk("good")]);
        assert_eq!(set.remarks(), [remark]);
        assert_eq!(set.len(), 1);
        assert!(finds(&set, &good, Some("good")));
    }
    let shown = parsed(&[with(good.jwk("k"), "d", "AAAA".into())]);
    assert_eq!(shown.remarks(), [Remark::private_half(Some("k"))]);
    assert!(finds(&shown, &good, Some("k")));
}

#[test]
fn a_text_that_is_no_key_set_is_none() {
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
        assert_eq!((set.len(), set.remarks()), (0, &[Remark::NoKey][..]), "{empty}");
    }
}

#[test]
fn a_kid_that_may_hold_anything_is_withheld_from_the_log() {
    for kid in ["", "ann example", &"x".repeat(65), "é"] {
        assert_eq!(
            Remark::repeated(Some(kid)),
            Remark::Repeated {
                kid: "withheld".to_owned()
            }
        );
    }
}
