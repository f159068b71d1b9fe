//! The JSON objects in which vendors export a hash, as the text of a family (docs/operations.md lists them).

use serde_json::Value;

use super::{
    encoding::{from_base64, from_hex, to_padded_base64},
    scrypt::log_of,
};

/// The text of the hash in a vendor's object; `None` for an unknown object or algorithm.
pub(super) fn to_text(object: &Value) -> Option<String> {
    let has = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    if has("secretData") || has("hashedSaltedValue") {
        keycloak(object)
    } else if has("hashSettings") {
        gigya(object)
    } else if has("passwordHash") {
        firebase(object)
    } else if has("encryptionScheme") {
        fusionauth(object)
    } else if has("hash") {
        auth0(object)
    } else {
        okta(object)
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// A number, or its digits as text, also as the only element of an array.
fn number(object: &Value, name: &str) -> Option<u64> {
    let value = object.get(name)?;
    let value = value.get(0).unwrap_or(value);
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn pbkdf2(digest: &str, iterations: u64, salt: &str, hash: &str) -> String {
    format!("$pbkdf2{digest}${iterations}${salt}${hash}")
}

fn bcrypt(cost: u64, salt: &str, hash: &str) -> String {
    format!("$2a${cost:02}${salt}{hash}")
}

/// A digest over a template; salt and hash are bytes.
fn digest(name: &str, iterations: u64, template: &str, salt: &[u8], hash: &[u8]) -> String {
    let [template, salt, hash] = [template.as_bytes(), salt, hash].map(to_padded_base64);
    format!("${name}$i={iterations},pf={template}${salt}${hash}")
}

/// `secretData` and `credentialData` are JSON within text; old realms have their fields beside each other.
fn keycloak(object: &Value) -> Option<String> {
    let inner = |name: &str| match object.get(name)? {
        Value::String(text) => serde_json::from_str::<Value>(text).ok(),
        object => Some(object.clone()),
    };
    let (secret, data, value) = match object.get("secretData") {
        Some(_) => (inner("secretData")?, inner("credentialData")?, "value"),
        None => (object.clone(), object.clone(), "hashedSaltedValue"),
    };
    let (salt, hash) = (text(&secret, "salt")?, text(&secret, value)?);
    let iterations = number(&data, "hashIterations")?;
    match text(&data, "algorithm")? {
        "pbkdf2" => Some(pbkdf2("", iterations, salt, hash)),
        "pbkdf2-sha256" => Some(pbkdf2("-sha256", iterations, salt, hash)),
        "pbkdf2-sha512" => Some(pbkdf2("-sha512", iterations, salt, hash)),
        "argon2" => {
            let more = data.get("additionalParameters")?;
            let one = |name: &str| more.get(name)?.get(0)?.as_str();
            let version = match one("version")? {
                "1.3" => 19,
                "1.0" => 16,
                _ => return None,
            };
            let (memory, parallelism) = (number(more, "memory")?, number(more, "parallelism")?);
            let kind = one("type")?;
            Some(format!(
                "$argon2{kind}$v={version}$m={memory},t={iterations},p={parallelism}${salt}${hash}"
            ))
        }
        _ => None,
    }
}

/// The salt is base64, but plain text where the format names it.
fn gigya(object: &Value) -> Option<String> {
    let settings = object.get("hashSettings")?;
    let hash = text(object, "hash")?;
    let salt = text(settings, "salt").unwrap_or_default();
    let rounds = number(settings, "rounds").unwrap_or(1);
    let name = text(settings, "algorithm")?;
    match name {
        "pbkdf2" => Some(pbkdf2("", rounds, salt, hash)),
        "pbkdf2_sha256" => Some(pbkdf2("-sha256", rounds, salt, hash)),
        "pbkdf2_sha512" => Some(pbkdf2("-sha512", rounds, salt, hash)),
        "bcrypt" | "md5_crypt" | "drupal" => Some(hash.to_owned()),
        "md5" | "sha1" | "sha256" | "sha512" => {
            let format = text(settings, "format").unwrap_or("$password");
            // Without the place of a salt its order is not known.
            let is_known = salt.is_empty() || format.contains("$salt");
            let template = format.replace("$salt", "{SALT}").replace("$password", "{PASSWORD}");
            let hash = from_base64(hash)?;
            is_known.then(|| digest(name, rounds, &template, salt.as_bytes(), &hash))
        }
        _ => None,
    }
}

/// A user of `auth:export`; the project's parameters may stand beside it.
fn firebase(object: &Value) -> Option<String> {
    let (salt, hash) = (text(object, "salt")?, text(object, "passwordHash")?);
    let log_n = number(object, "mem_cost").unwrap_or(14);
    let rounds = number(object, "rounds").unwrap_or(8);
    Some(format!("$firescrypt$ln={log_n},r={rounds},p=1${salt}${hash}"))
}

fn fusionauth(object: &Value) -> Option<String> {
    let (salt, hash) = (text(object, "salt")?, text(object, "password")?);
    let factor = number(object, "factor")?;
    match text(object, "encryptionScheme")? {
        "bcrypt" => Some(bcrypt(factor, salt, hash)),
        "salted-pbkdf2-hmac-sha256" | "salted-pbkdf2-hmac-sha256-512" => Some(pbkdf2("-sha256", factor, salt, hash)),
        "salted-pbkdf2-hmac-sha512-512" => Some(pbkdf2("-sha512", factor, salt, hash)),
        scheme @ ("salted-md5" | "salted-sha256") => {
            let name = scheme.strip_prefix("salted-")?;
            Some(digest(
                name,
                factor,
                "{PASSWORD}{SALT}",
                &from_base64(salt)?,
                &from_base64(hash)?,
            ))
        }
        _ => None,
    }
}

/// The `hash` object of Okta's import.
fn okta(object: &Value) -> Option<String> {
    let hash = text(object, "value")?;
    let salt = text(object, "salt").unwrap_or_default();
    let name = match text(object, "algorithm")? {
        "BCRYPT" => return Some(bcrypt(number(object, "workFactor")?, salt, hash)),
        "PBKDF2" => {
            let digest = match text(object, "digestAlgorithm")? {
                "SHA256_HMAC" => "-sha256",
                "SHA512_HMAC" => "-sha512",
                _ => return None,
            };
            return Some(pbkdf2(digest, number(object, "iterationCount")?, salt, hash));
        }
        "MD5" => "md5",
        "SHA-1" => "sha1",
        "SHA-256" => "sha256",
        "SHA-512" => "sha512",
        _ => return None,
    };
    let template = match text(object, "saltOrder") {
        Some("POSTFIX") => "{PASSWORD}{SALT}",
        _ => "{SALT}{PASSWORD}",
    };
    Some(digest(name, 1, template, &from_base64(salt)?, &from_base64(hash)?))
}

/// `custom_password_hash` of Auth0's bulk import.
fn auth0(object: &Value) -> Option<String> {
    let bytes = |value: &Value, default: &str| {
        let encoded = text(value, "value")?;
        match text(value, "encoding").unwrap_or(default) {
            "utf8" => Some(encoded.as_bytes().to_vec()),
            "hex" => from_hex(encoded),
            "base64" => from_base64(encoded),
            _ => None,
        }
    };
    let hash = object.get("hash")?;
    let password_encoding = object.pointer("/password/encoding").and_then(Value::as_str);
    if !matches!(password_encoding, None | Some("utf8" | "ascii")) {
        return None;
    }
    let salt = || object.get("salt").map_or(Some(Vec::new()), |salt| bytes(salt, "utf8"));
    match text(object, "algorithm")? {
        "argon2" | "bcrypt" | "pbkdf2" | "ldap" => Some(text(hash, "value")?.to_owned()),
        name @ ("md5" | "sha1" | "sha256" | "sha512") => {
            let position = object.pointer("/salt/position").and_then(Value::as_str);
            let template = match position {
                Some("suffix") => "{PASSWORD}{SALT}",
                _ => "{SALT}{PASSWORD}",
            };
            Some(digest(name, 1, template, &salt()?, &bytes(hash, "base64")?))
        }
        "scrypt" => {
            let cost = |name, default| number(object, name).unwrap_or(default);
            let log_n = log_of(cost("cost", 16_384))?;
            let (r, p) = (cost("blockSize", 8), cost("parallelization", 1));
            let [salt, hash] = [salt()?, bytes(hash, "base64")?].map(|bytes| to_padded_base64(&bytes));
            Some(format!("$scrypt$ln={log_n},r={r},p={p}${salt}${hash}"))
        }
        _ => None,
    }
}
