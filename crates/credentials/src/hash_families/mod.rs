//! The hash families that can be verified, one file each.

mod argon2;
mod aspnet;
mod bcrypt;
mod crypt;
mod digest;
mod drupal;
mod encoding;
mod firebase;
mod ldap;
mod md5_crypt;
mod parsed;
mod pbkdf2;
mod phpass;
mod salted_digest;
mod scrypt;
mod vendors;
mod wordpress;

use masthead_ports::passwords::PasswordHashError;
use serde_json::Value;

pub(crate) use argon2::{compute as compute_argon2id, create as create_argon2id};
pub(crate) use parsed::{MatchContext, ParsedHash};
use parsed::{ParseFamily, ParseResult};

/// The longest text that is parsed, in bytes. The longest known hash, of 389 Directory Server, has 450.
const MAX_BYTES: usize = 4096;

/// Every family. A new one is a file and a line here.
const FAMILIES: &[ParseFamily] = &[
    argon2::parse,
    bcrypt::parse,
    pbkdf2::parse,
    scrypt::parse,
    firebase::parse,
    phpass::parse,
    drupal::parse,
    wordpress::parse,
    crypt::parse,
    ldap::parse,
    salted_digest::parse,
    aspnet::parse,
];

/// Schemes of LDAP directories (RFC 2307) before a hash of another family.
const WRAPPERS: [&str; 3] = ["{CRYPT}", "{ARGON2}", "{BCRYPT}"];

/// Parses a hash: its text, or the JSON object in which a vendor exports it.
pub(crate) fn parse(text: &str) -> ParseResult {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Err(PasswordHashError::Malformed);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(object @ Value::Object(_)) => parse_text(&vendors::to_text(&object).ok_or(PasswordHashError::Unknown)?),
        _ => parse_text(text),
    }
}

fn parse_text(text: &str) -> ParseResult {
    let is_wrapped = |wrapper: &&&str| {
        let start = text.get(..wrapper.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(wrapper))
    };
    let text = WRAPPERS
        .iter()
        .find(is_wrapped)
        .map_or(text, |wrapper| &text[wrapper.len()..]);
    let parsed = FAMILIES.iter().find_map(|family| family(text));
    parsed.unwrap_or(Err(PasswordHashError::Unknown))
}

#[cfg(test)]
mod tests;
