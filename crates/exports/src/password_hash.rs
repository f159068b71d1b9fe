//! Stored hashes in the forms of Auth0 and of LDAP servers, as far as these have one.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// A hash in Auth0's schema.
pub(crate) enum Auth0Hash {
    /// `password_hash`: bcrypt of cost 10.
    Bcrypt(String),
    /// `custom_password_hash`
    Custom(Value),
}

/// A digest over a password and perhaps a salt: `$sha256$[i=…,]pf=…$salt$hash`, `$md5$hash`.
struct SaltedDigest<'a> {
    algorithm: &'static str,
    /// In base64.
    hash: &'a str,
    /// In base64, and whether it is before the password; `None` without a salt.
    salt: Option<(&'a str, bool)>,
}

const DIGESTS: [&str; 4] = ["md5", "sha1", "sha256", "sha512"];

/// The Auth0 form of a canonical hash; `None` where there is none.
pub(crate) fn to_auth0(hash: &str) -> Option<Auth0Hash> {
    let text =
        |algorithm: &str, value: &str| json!({"algorithm": algorithm, "hash": {"value": value, "encoding": "utf8"}});
    if let Some(rest) = bcrypt(hash) {
        // The three prefixes are one algorithm, and Auth0 knows two of them.
        let value = if hash.starts_with("$2y$") {
            format!("$2b${rest}")
        } else {
            hash.to_owned()
        };
        return Some(if rest.starts_with("10$") {
            Auth0Hash::Bcrypt(value)
        } else {
            Auth0Hash::Custom(text("bcrypt", &value))
        });
    }
    if is_argon2(hash) {
        return Some(Auth0Hash::Custom(text("argon2", hash)));
    }
    if let Some((digest, rest)) = pbkdf2(hash) {
        return Some(Auth0Hash::Custom(text("pbkdf2", &format!("$pbkdf2-{digest}${rest}"))));
    }
    if let Some(rest) = hash.strip_prefix("$scrypt$") {
        return scrypt(rest).map(Auth0Hash::Custom);
    }
    if hash.starts_with('{') {
        return Some(Auth0Hash::Custom(text("ldap", hash)));
    }
    let digest = SaltedDigest::parse(hash)?;
    let mut value = json!({"algorithm": digest.algorithm, "hash": {"value": digest.hash, "encoding": "base64"}});
    if let Some((salt, is_before)) = digest.salt {
        let position = if is_before { "prefix" } else { "suffix" };
        value["salt"] = json!({"value": salt, "encoding": "base64", "position": position});
    }
    Some(Auth0Hash::Custom(value))
}

/// The value of `userPassword` (RFC 2307 and what servers added) of a canonical hash; `None` where there is none.
pub(crate) fn to_ldap(hash: &str) -> Option<String> {
    if hash.starts_with('{') {
        return Some(hash.to_owned());
    }
    if bcrypt(hash).is_some() || ["$1$", "$5$", "$6$"].iter().any(|start| hash.starts_with(start)) {
        return Some(["{CRYPT}", hash].concat());
    }
    if is_argon2(hash) {
        return Some(["{ARGON2}", hash].concat());
    }
    if let Some((digest, rest)) = pbkdf2(hash) {
        let scheme = match digest {
            "sha1" => "PBKDF2".to_owned(),
            digest => format!("PBKDF2-{}", digest.to_ascii_uppercase()),
        };
        let (parameters, values) = rest.split_once('$')?;
        let iterations = parameters.split(',').find_map(|one| one.strip_prefix("i="))?;
        // The base64 of passlib has `.` in place of `+`.
        return Some(format!("{{{scheme}}}{iterations}${}", values.replace('+', ".")));
    }
    let digest = SaltedDigest::parse(hash)?;
    let (bare, salted) = match digest.algorithm {
        "md5" => ("{MD5}", "{SMD5}"),
        "sha1" => ("{SHA}", "{SSHA}"),
        "sha256" => ("{SHA256}", "{SSHA256}"),
        _ => ("{SHA512}", "{SSHA512}"),
    };
    match digest.salt {
        None => Some([bare, digest.hash].concat()),
        // These schemes hash the password before the salt.
        Some((_, true)) => None,
        Some((salt, false)) => {
            let value = [
                BASE64_STANDARD.decode(digest.hash).ok()?,
                BASE64_STANDARD.decode(salt).ok()?,
            ]
            .concat();
            Some([salted, &BASE64_STANDARD.encode(value)].concat())
        }
    }
}

/// What follows the prefix of bcrypt: cost, salt and hash.
fn bcrypt(hash: &str) -> Option<&str> {
    ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|start| hash.strip_prefix(start))
}

/// Whether it is Argon2 without a secret key.
fn is_argon2(hash: &str) -> bool {
    hash.starts_with("$argon2") && !hash.contains(",keyid=")
}

/// The digest, and what follows: `i=…,l=…$salt$hash`.
fn pbkdf2(hash: &str) -> Option<(&'static str, &str)> {
    [
        ("$pbkdf2$", "sha1"),
        ("$pbkdf2-sha256$", "sha256"),
        ("$pbkdf2-sha512$", "sha512"),
    ]
    .into_iter()
    .find_map(|(start, digest)| Some((digest, hash.strip_prefix(start)?)))
}

/// `ln=…,r=…,p=…$salt$hash`
fn scrypt(rest: &str) -> Option<Value> {
    let [parameters, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return None;
    };
    let number = |name: &str| {
        let mut all = parameters.split(',');
        all.find_map(|one| one.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok())
    };
    Some(json!({
        "algorithm": "scrypt",
        "hash": {"value": padded(hash), "encoding": "base64"},
        "salt": {"value": padded(salt), "encoding": "base64"},
        "keylen": BASE64_STANDARD.decode(padded(hash)).ok()?.len(),
        "cost": 1_u64.checked_shl(number("ln")?)?,
        "blockSize": number("r")?,
        "parallelization": number("p")?,
    }))
}

/// Base64 with its padding.
fn padded(text: &str) -> String {
    let missing = (4 - text.len() % 4) % 4;
    [text, &"=".repeat(missing)].concat()
}

impl<'a> SaltedDigest<'a> {
    fn parse(hash: &'a str) -> Option<Self> {
        let (name, rest) = hash.strip_prefix('$')?.split_once('$')?;
        let algorithm = DIGESTS.into_iter().find(|known| *known == name)?;
        let (salt, hash) = match rest.split('$').collect::<Vec<_>>()[..] {
            [hash] => (None, hash),
            // More than one iteration is `i=…,pf=…`.
            [parameters, salt, hash] => {
                let template = BASE64_STANDARD.decode(parameters.strip_prefix("pf=")?).ok()?;
                let is_before = match &*template {
                    b"{SALT}{PASSWORD}" => true,
                    b"{PASSWORD}{SALT}" => false,
                    _ => return None,
                };
                (Some((salt, is_before)), hash)
            }
            _ => return None,
        };
        Some(Self { algorithm, hash, salt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";

    fn custom(hash: &str) -> Value {
        match to_auth0(hash) {
            Some(Auth0Hash::Custom(value)) => value,
            Some(Auth0Hash::Bcrypt(value)) => json!({ "password_hash": value }),
            None => Value::Null,
        }
    }

    /// Auth0, "Bulk User Import Database Schema and Examples".
    #[test]
    fn auth0_has_a_place_for_most_families() {
        assert_eq!(custom(BCRYPT), json!({"password_hash": BCRYPT.replace("$2y$", "$2b$")}));
        let costly = BCRYPT.replace("$10$", "$12$");
        assert_eq!(custom(&costly)["algorithm"], "bcrypt");
        let argon2 = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        assert_eq!(custom(argon2)["hash"]["value"], argon2);
        assert_eq!(custom("$argon2id$v=19$m=8,t=1,p=1,keyid=YQ$c2FsdA$aGFzaA"), Value::Null);
        assert_eq!(
            custom("$pbkdf2$i=1000,l=20$c2FsdA$aGFzaA")["hash"]["value"],
            "$pbkdf2-sha1$i=1000,l=20$c2FsdA$aGFzaA"
        );
        assert_eq!(
            custom("$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA"),
            json!({
                "algorithm": "scrypt", "hash": {"value": "aGFzaA==", "encoding": "base64"},
                "salt": {"value": "c2FsdA==", "encoding": "base64"}, "keylen": 4, "cost": 16384, "blockSize": 8,
                "parallelization": 1,
            })
        );
        assert_eq!(custom("{SSHA}c2FsdA==")["algorithm"], "ldap");
        assert_eq!(
            custom("$sha256$pf=e1NBTFR9e1BBU1NXT1JEfQ==$c2FsdA==$aGFzaA=="),
            json!({
                "algorithm": "sha256", "hash": {"value": "aGFzaA==", "encoding": "base64"},
                "salt": {"value": "c2FsdA==", "encoding": "base64", "position": "prefix"},
            })
        );
        for none in [
            "$P$Babcdefgh",
            "$S$Dabc",
            "$6$salt$hash",
            "$firescrypt$ln=14,r=8,p=1$a$b",
            "$sha256$i=2,pf=YQ==$a$b",
        ] {
            assert_eq!(custom(none), Value::Null, "{none}");
        }
    }

    /// RFC 2307; OpenLDAP slapd-pw-pbkdf2(5), slapd-pw-argon2(5).
    #[test]
    fn ldap_schemes_are_written() {
        for (hash, scheme) in [
            (BCRYPT, format!("{{CRYPT}}{BCRYPT}")),
            ("$6$salt$hash", "{CRYPT}$6$salt$hash".to_owned()),
            ("{SSHA}c2FsdA==", "{SSHA}c2FsdA==".to_owned()),
            ("$md5$aGFzaA==", "{MD5}aGFzaA==".to_owned()),
            (
                "$pbkdf2-sha256$i=10,l=4$c2+s$aG+z",
                "{PBKDF2-SHA256}10$c2.s$aG.z".to_owned(),
            ),
            ("$pbkdf2$i=10,l=4$c2Fs$aGFz", "{PBKDF2}10$c2Fs$aGFz".to_owned()),
            // `{PASSWORD}{SALT}`
            (
                "$sha1$pf=e1BBU1NXT1JEfXtTQUxUfQ==$c2FsdA==$aGFzaA==",
                "{SSHA}aGFzaHNhbHQ=".to_owned(),
            ),
        ] {
            assert_eq!(to_ldap(hash), Some(scheme), "{hash}");
        }
        for none in [
            "$P$Babc",
            "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$c2FsdA==$aGFzaA==",
            "$scrypt$ln=14,r=8,p=1$a$b",
        ] {
            assert_eq!(to_ldap(none), None, "{none}");
        }
    }
}
