//! PBKDF2 (RFC 8018): `$pbkdf2[-sha256|-sha512]$i=…,l=…$salt$hash`, and the forms of Django, Werkzeug, passlib and LDAP servers.

use masthead_ports::passwords::PasswordHashError;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{
    digest::Digest,
    encoding::{Parameters, cost, from_base64, from_hex, is_equal, number, to_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::secrets::MissingSecretError;

const MAX_ITERATIONS: u32 = 10_000_000;

pub(super) struct Pbkdf2Hash {
    digest: Digest,
    iterations: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    /// # Errors
    /// The parts are out of bounds.
    pub(super) fn new(
        digest: Digest,
        iterations: Option<u64>,
        salt: Option<Vec<u8>>,
        hash: Option<Vec<u8>>,
    ) -> Result<Self, PasswordHashError> {
        let iterations = cost(iterations, MAX_ITERATIONS)?;
        let (Some(salt), Some(mut hash)) = (salt, hash) else {
            return Err(PasswordHashError::Malformed);
        };
        // The blocks of PBKDF2 do not depend on each other: the first decides, and more only cost time.
        if hash.len() > 64 {
            hash.truncate(digest.len());
        }
        if salt.is_empty() || hash.len() < 16 {
            return Err(PasswordHashError::Malformed);
        }
        Ok(Self {
            digest,
            iterations,
            salt,
            hash,
        })
    }
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let read = if let Some(rest) = text.strip_prefix("$pbkdf2") {
        phc(rest)
    } else if let Some(rest) = text.strip_prefix('{').filter(|rest| starts_with_name(rest, "PBKDF2")) {
        ldap(rest)
    } else if let Some(rest) = text.strip_prefix("pbkdf2_") {
        django(rest)
    } else {
        werkzeug(text.strip_prefix("pbkdf2:")?)
    };
    Some(boxed(read))
}

fn starts_with_name(text: &str, name: &str) -> bool {
    text.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name))
}

fn digest(name: &str) -> Result<Digest, PasswordHashError> {
    match name.to_ascii_lowercase().as_str() {
        "" | "sha1" => Ok(Digest::Sha1),
        "sha256" => Ok(Digest::Sha256),
        "sha512" => Ok(Digest::Sha512),
        _ => Err(PasswordHashError::Unknown),
    }
}

/// `-sha256$i=1000,l=32$salt$hash`; passlib writes the iterations alone.
fn phc(rest: &str) -> Result<Pbkdf2Hash, PasswordHashError> {
    let [name, parameters, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    let digest = digest(name.strip_prefix('-').unwrap_or(name))?;
    let hash = from_base64(hash);
    let iterations = if let Some(iterations) = number(parameters) {
        Some(iterations)
    } else {
        let parameters = Parameters::parse(parameters, &["i", "l"])?;
        let length = hash.as_ref().map(|hash| hash.len() as u64);
        if parameters.text("l").is_some() && parameters.number("l") != length {
            return Err(PasswordHashError::Malformed);
        }
        parameters.number("i")
    };
    Pbkdf2Hash::new(digest, iterations, from_base64(salt), hash)
}

/// `PBKDF2-SHA256}10000$salt$hash` of OpenLDAP, and `PBKDF2_SHA256}` of 389 Directory Server, whose blob holds the iterations,
/// 64 bytes of salt and the hash.
fn ldap(rest: &str) -> Result<Pbkdf2Hash, PasswordHashError> {
    let (scheme, value) = rest.split_once('}').ok_or(PasswordHashError::Malformed)?;
    let name = scheme.get("PBKDF2".len()..).unwrap_or_default();
    let digest = digest(name.trim_start_matches(['-', '_']))?;
    if let [iterations, salt, hash] = value.split('$').collect::<Vec<_>>()[..] {
        return Pbkdf2Hash::new(digest, number(iterations), from_base64(salt), from_base64(hash));
    }
    let blob = from_base64(value).ok_or(PasswordHashError::Malformed)?;
    let (iterations, rest) = blob.split_first_chunk().ok_or(PasswordHashError::Malformed)?;
    let (salt, hash) = rest.split_at_checked(64).ok_or(PasswordHashError::Malformed)?;
    let iterations = u32::from_be_bytes(*iterations).into();
    Pbkdf2Hash::new(digest, Some(iterations), Some(salt.into()), Some(hash.into()))
}

/// `sha256$iterations$salt$hash`; the salt is text.
fn django(rest: &str) -> Result<Pbkdf2Hash, PasswordHashError> {
    let [name, iterations, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    Pbkdf2Hash::new(digest(name)?, number(iterations), Some(salt.into()), from_base64(hash))
}

/// `sha256:iterations$salt$hash`; the salt is text and the hash hexadecimal.
fn werkzeug(rest: &str) -> Result<Pbkdf2Hash, PasswordHashError> {
    let [method, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    let (name, iterations) = method.split_once(':').ok_or(PasswordHashError::Malformed)?;
    Pbkdf2Hash::new(digest(name)?, number(iterations), Some(salt.into()), from_hex(hash))
}

impl ParsedHash for Pbkdf2Hash {
    fn family(&self) -> &'static str {
        "pbkdf2"
    }

    fn canonical(&self) -> String {
        let name = match self.digest {
            Digest::Sha256 => "-sha256",
            Digest::Sha512 => "-sha512",
            _ => "",
        };
        format!(
            "$pbkdf2{name}$i={},l={}${}${}",
            self.iterations,
            self.hash.len(),
            to_base64(&self.salt),
            to_base64(&self.hash),
        )
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let mut computed = vec![0; self.hash.len()];
        match self.digest {
            Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, &self.salt, self.iterations, &mut computed),
            Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, &self.salt, self.iterations, &mut computed),
            _ => pbkdf2_hmac::<Sha1>(password, &self.salt, self.iterations, &mut computed),
        }
        Ok(is_equal(&computed, &self.hash))
    }
}
