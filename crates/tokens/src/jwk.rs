//! One member of a key set (RFC 7517 §4) becomes a key, or a reason why it is not used.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::key::{Algorithm, VerificationKey};

/// A usable member of a key set.
#[derive(Debug)]
pub(crate) struct Jwk {
    pub(crate) kid: Option<Box<str>>,
    pub(crate) key: VerificationKey,
    /// It contains the private half too, so any reader of the set could sign.
    pub(crate) has_private_half: bool,
}

/// Why a member is not used. No reason repeats a value of the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SkippedKeyError {
    /// It is valid but for another purpose, as in most published sets: RFC 7517 §5 requires to ignore it.
    OtherPurpose(&'static str),
    Faulty(&'static str),
}

use SkippedKeyError::{Faulty, OtherPurpose};

impl Jwk {
    /// Reads a member.
    ///
    /// # Errors
    /// The first reason not to use it. A shared secret (`oct`) is never used: a published set is public.
    pub(crate) fn read(member: &Value) -> Result<Self, SkippedKeyError> {
        if !member.is_object() {
            return Err(Faulty("it is not an object"));
        }
        let kid = text(member, "kid").map_err(|()| Faulty("kid is not a string"))?;
        let kty = text(member, "kty").ok().flatten().ok_or(Faulty("kty is missing"))?;
        if kty == "oct" {
            return Err(Faulty("a shared secret has no place in a key set"));
        }
        is_for_signatures(member)?;
        let key = match kty {
            "RSA" => {
                let (n, e) = (
                    unsigned(member, "n", "n is no number")?,
                    unsigned(member, "e", "e is no number")?,
                );
                VerificationKey::rsa(n, e).ok_or(Faulty("the RSA key must have 2048 to 8192 bits"))?
            }
            "EC" if curve(member)? == "P-256" => {
                let (x, y) = (
                    coordinate(member, "x", "x is no coordinate")?,
                    coordinate(member, "y", "y is no coordinate")?,
                );
                VerificationKey::p256(&x, &y)
            }
            "OKP" if curve(member)? == "Ed25519" => {
                VerificationKey::ed25519(coordinate(member, "x", "x is no coordinate")?)
            }
            "EC" | "OKP" => return Err(OtherPurpose("its crv is not supported")),
            _ => return Err(OtherPurpose("its kty is not supported")),
        };
        match text(member, "alg").map_err(|()| Faulty("alg is not a string"))? {
            Some(alg) if Algorithm::named(alg) != Some(key.algorithm()) => {
                Err(OtherPurpose("its alg is not supported for its kty"))
            }
            _ => Ok(Self {
                kid: kid.map(Into::into),
                key,
                has_private_half: member.get("d").is_some(),
            }),
        }
    }
}

/// RFC 7517 §4.2 and §4.3.
fn is_for_signatures(member: &Value) -> Result<(), SkippedKeyError> {
    match text(member, "use").map_err(|()| Faulty("use is not a string"))? {
        None | Some("sig") => {}
        Some(_) => return Err(OtherPurpose("its use is not sig")),
    }
    match member.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|one| one == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(OtherPurpose("its key_ops lacks verify")),
        Some(_) => Err(Faulty("key_ops is not an array")),
    }
}

fn curve(member: &Value) -> Result<&str, SkippedKeyError> {
    text(member, "crv").ok().flatten().ok_or(Faulty("crv is missing"))
}

/// A member's string; `None` where it is absent or null.
fn text<'a>(member: &'a Value, name: &str) -> Result<Option<&'a str>, ()> {
    match member.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}

fn bytes(member: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(member, name).ok()??).ok()
}

/// A big-endian number without leading zeros (RFC 7518 §2, Base64urlUInt).
fn unsigned(member: &Value, name: &str, otherwise: &'static str) -> Result<Box<[u8]>, SkippedKeyError> {
    let bytes = bytes(member, name).ok_or(Faulty(otherwise))?;
    let first = bytes.iter().position(|byte| *byte != 0).ok_or(Faulty(otherwise))?;
    Ok(bytes.get(first..).unwrap_or_default().into())
}

fn coordinate(member: &Value, name: &str, otherwise: &'static str) -> Result<[u8; 32], SkippedKeyError> {
    bytes(member, name)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Faulty(otherwise))
}
