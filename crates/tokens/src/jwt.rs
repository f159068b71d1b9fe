//! The outer form of a token: three parts, a header with a supported algorithm, and no critical extension (RFC 7515).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use masthead_ports::tokens::TokenError;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::key::Algorithm;

/// The longest token that is looked at.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token taken apart; nothing in it is believed yet.
pub(crate) struct Jwt<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// The kind of token that its header states (RFC 7515 §4.1.9).
    pub(crate) typ: Option<String>,
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether the member is present, with any value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Jwt<'a> {
    /// Takes the token apart.
    ///
    /// A `crit` header is rejected, since no extension is supported.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header: JwtHeader = object(header).ok_or(TokenError::Malformed)?;
        if header.crit {
            return Err(TokenError::Malformed);
        }
        Ok(Self {
            algorithm: Algorithm::named(&header.alg).ok_or(TokenError::Malformed)?,
            kid: header.kid,
            typ: header.typ,
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?,
            payload,
        })
    }

    /// The issuer that the token names, by which its keys are chosen: nothing else follows from it before it is verified.
    pub(crate) fn claimed_issuer(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct ClaimedIssuer {
            iss: String,
        }
        object::<ClaimedIssuer>(self.payload).map(|claims| claims.iss)
    }

    /// The claims, once the signature is verified. `None` when they are no JSON object, or a used claim is repeated.
    pub(crate) fn claims<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        object(self.payload)
    }
}

/// Decodes one part. serde would take an array for a struct, so it is looked at first.
fn object<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first == b'{' {
        serde_json::from_slice(&json).ok()
    } else {
        None
    }
}
