//! Tests of the families: known answers, canonical texts, and the bounds of what is accepted.

use masthead_ports::passwords::PasswordHashError;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{encoding::from_base64, *};
use crate::memory::Argon2Memory;
use crate::secrets::{FIREBASE_SIGNER_KEY, FirebaseKey, HashSecrets, MissingSecretError, PEPPER};

/// A hash of another system with its password. The vectors are invented; passlib, argon2-cffi, PHP's, Python's and the
/// vendors' own formulas computed them.
#[derive(Deserialize)]
struct KnownAnswer {
    name: String,
    password: String,
    string: String,
    /// The text that is stored; the same as `string` where it is missing.
    canonical: Option<String>,
}

fn known_answers() -> Vec<KnownAnswer> {
    serde_json::from_str(include_str!("../../tests/data/known-answers.json")).unwrap()
}

/// The secrets of the Firebase vectors, and an invented pepper.
fn secrets() -> HashSecrets {
    let signer_key = "AMR0UkjI18FXF+LH6yrjKmsgWgWsOEqglr8yzj4S/eGiLL/9820YKY08WmGYGd9kH+ObgUpyEO4tJIrkqkzbAg==";
    HashSecrets {
        firebase: Some(FirebaseKey {
            signer_key: Zeroizing::new(from_base64(signer_key).unwrap()),
            salt_separator: vec![7],
        }),
        pepper: Some(Zeroizing::new(b"black-pepper".to_vec())),
    }
}

fn matches_with(hash: &dyn ParsedHash, password: &str, secrets: &HashSecrets) -> Result<bool, MissingSecretError> {
    let memory = &mut Argon2Memory::default();
    hash.matches(password.as_bytes(), &mut MatchContext { secrets, memory })
}

fn matches(hash: &dyn ParsedHash, password: &str) -> bool {
    matches_with(hash, password, &secrets()).unwrap()
}

fn error(text: &str) -> PasswordHashError {
    parse(text).map(|hash| hash.canonical()).unwrap_err()
}

#[test]
fn known_answers_are_verified() {
    for answer in known_answers() {
        let name = &answer.name;
        let hash = parse(&answer.string).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(matches(&*hash, &answer.password), "{name}");
        let other = answer.password.replacen(|_: char| true, "~", 1);
        assert!(!matches(&*hash, &other), "{name}: a wrong password");
    }
}

#[test]
fn canonical_text_is_as_stated_and_parses_to_itself() {
    for answer in known_answers() {
        let canonical = parse(&answer.string).unwrap().canonical();
        let stated = answer.canonical.as_ref().unwrap_or(&answer.string);
        assert_eq!(canonical, *stated, "{}", answer.name);
        assert_eq!(parse(&canonical).unwrap().canonical(), canonical, "{}", answer.name);
    }
}

#[test]
fn changed_hash_is_no_match() {
    for answer in known_answers() {
        let mut text = parse(&answer.string).unwrap().canonical();
        // A character within the hash; the last ones may be padding.
        let at = text.trim_end_matches('=').len() - 8;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        text.replace_range(at..=at, other);
        assert!(!matches(&*parse(&text).unwrap(), &answer.password), "{}", answer.name);
    }
}

#[test]
fn only_72_bytes_count_for_bcrypt() {
    let answers = known_answers();
    let long = answers
        .iter()
        .find(|answer| answer.name == "bcrypt-2b-80bytes")
        .unwrap();
    let hash = parse(&long.string).unwrap();
    assert!(matches(&*hash, &long.password[..72]));
    assert!(!matches(&*hash, &long.password[..71]));
}

#[test]
fn hash_without_its_secret_names_the_setting() {
    let answers = known_answers();
    for (name, setting) in [
        ("firebase-scrypt", FIREBASE_SIGNER_KEY),
        ("sha256-pepper", PEPPER),
        ("argon2id-keyid", PEPPER),
    ] {
        let answer = answers.iter().find(|answer| answer.name == name).unwrap();
        let hash = parse(&answer.string).unwrap();
        assert!(hash.needs_secrets());
        let missing = matches_with(&*hash, &answer.password, &HashSecrets::default());
        assert_eq!(missing, Err(MissingSecretError(setting)));
    }
}

#[test]
fn costly_hashes_are_refused() {
    let salt = "AAECAwQFBgcICQoLDA0ODw";
    let hash = "Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ";
    let crypt = "x".repeat(43);
    for (good, costly) in [
        ("$argon2id$v=19$m=262144,t=10,p=16", "$argon2id$v=19$m=262145,t=10,p=16"),
        ("$argon2id$v=19$m=262144,t=10,p=16", "$argon2id$v=19$m=262144,t=11,p=16"),
        ("$argon2id$v=19$m=262144,t=10,p=16", "$argon2id$v=19$m=262144,t=10,p=17"),
        ("$pbkdf2-sha256$i=10000000,l=32", "$pbkdf2-sha256$i=10000001,l=32"),
        (
            "$pbkdf2-sha256$i=10000000,l=32",
            "$pbkdf2-sha256$i=99999999999999999999,l=32",
        ),
        ("$scrypt$ln=17,r=8,p=10", "$scrypt$ln=18,r=8,p=10"),
        ("$scrypt$ln=17,r=8,p=10", "$scrypt$ln=17,r=9,p=10"),
        ("$scrypt$ln=17,r=8,p=10", "$scrypt$ln=17,r=8,p=11"),
        ("$firescrypt$ln=17,r=8,p=1", "$firescrypt$ln=18,r=8,p=1"),
        (
            "$sha256$i=1000000,pf=e1BBU1NXT1JEfQ==",
            "$sha256$i=1000001,pf=e1BBU1NXT1JEfQ==",
        ),
    ] {
        assert!(parse(&format!("{good}${salt}${hash}")).is_ok(), "{good}");
        assert_eq!(
            error(&format!("{costly}${salt}${hash}")),
            PasswordHashError::TooCostly,
            "{costly}"
        );
    }
    let bcrypt = "3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";
    let drupal = "yxwVUTSP.XTQvau6QZPjoLxCC0KB2FcROqnK/6lbdY8IoIZfpG";
    for (good, costly) in [
        (format!("$2b$15${bcrypt}"), format!("$2b$16${bcrypt}")),
        (format!("$wp$2y$15${bcrypt}"), format!("$wp$2y$16${bcrypt}")),
        (
            "$P$IabcdEFGH198luYouq9rnbx8fDoO2M/".into(),
            "$P$JabcdEFGH198luYouq9rnbx8fDoO2M/".into(),
        ),
        (format!("$S$Iz{drupal}"), format!("$S$Jz{drupal}")),
        (
            format!("$5$rounds=1000000$salt${crypt}"),
            format!("$5$rounds=1000001$salt${crypt}"),
        ),
    ] {
        assert!(parse(&good).is_ok(), "{good}");
        assert_eq!(error(&costly), PasswordHashError::TooCostly, "{costly}");
    }
}

#[test]
fn hashes_of_no_supported_family_are_unknown() {
    for text in [
        "",
        "x",
        "Heron-Lake-42",
        "$argon3id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$2$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
        "$2x$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
        "{CRYPT}abJnggxhB/yWI",
        "{CLEARTEXT}Heron-Lake-42",
        "{\"algorithm\":\"MD4\",\"value\":\"x\"}",
        "{\"hash\":\"x\",\"hashSettings\":{\"algorithm\":\"custom\"}}",
        "{}",
    ] {
        assert_eq!(error(text), PasswordHashError::Unknown, "{text}");
    }
}

#[test]
fn incomplete_hashes_are_malformed() {
    for text in [
        "$argon2id$invented",
        "$argon2id$v=19$m=7168,t=5$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$argon2id$v=19$m=7168,t=+5,p=1$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$argon2id$v=19$m=64,t=5,p=9$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$argon2id$v=19$m=7168,t=5,p=1$AAEC$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$argon2id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw$Gnvw",
        "$2b$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P",
        "$2b$03$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
        "$2b$1\u{e9}3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
        "$2b$",
        "$pbkdf2-sha256$i=0,l=32$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$pbkdf2-sha256$i=1,l=20$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$pbkdf2-sha256$i=1,l=8$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgc",
        "$scrypt$ln=14,r=8$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "$P$BabcdEFGH198luYouq9rnbx8fDoO2M",
        "$S$Dzy",
        "$6$abcdefgh$short",
        "$6$rounds=999$abcdefgh$3c3qIlQwuKqvVbCeskazRao0s3NybZKEZjjgazUBp5HvxlU8yCzXgFPHZRCbmkrseDIc3vQDdU4hVHR1u/BJ31",
        "$6$abcdefghijklmnopq$3c3qIlQwuKqvVbCeskazRao0s3NybZKEZjjgazUBp5HvxlU8yCzXgFPHZRCbmkrseDIc3vQDdU4hVHR1u/BJ31",
        "{SSHA}Gnvw",
        "{SHA}iqnSQl+NDqW5Q/aAx6t6n16Dq11OYUNsLThieQ==",
        "$sha256$pf=e1NBTFR9$AAEC$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ",
        "{PBKDF2_SHA256}AAAn",
        "AQAAAAIAAYagAAAAEAAB",
    ] {
        assert_eq!(error(text), PasswordHashError::Malformed, "{text}");
    }
    assert_eq!(error(&"$".repeat(MAX_BYTES + 1)), PasswordHashError::Malformed);
}

#[test]
fn schemes_are_named_for_reports() {
    let named = |name: &str| {
        let answer = known_answers().into_iter().find(|answer| answer.name == name).unwrap();
        parse(&answer.string).unwrap().scheme()
    };
    assert_eq!(named("bcrypt-2b"), "bcrypt-10");
    assert_eq!(named("wp-bcrypt"), "wordpress-bcrypt-10");
    assert_eq!(named("ldap-ssha512"), "{SSHA512}");
    assert_eq!(named("aspnet-v3"), "pbkdf2");
}
