//! Digests of LDAP directories (RFC 2307 and its extensions): `{SSHA}` and the like.

use masthead_ports::passwords::PasswordHashError;

use super::{
    digest::Digest,
    encoding::{from_base64, is_equal, to_padded_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::secrets::MissingSecretError;

/// A scheme, its digest, and whether a salt follows the digest.
const SCHEMES: [(&str, Digest, bool); 10] = [
    ("{SSHA}", Digest::Sha1, true),
    ("{SSHA256}", Digest::Sha256, true),
    ("{SSHA384}", Digest::Sha384, true),
    ("{SSHA512}", Digest::Sha512, true),
    ("{SMD5}", Digest::Md5, true),
    ("{SHA}", Digest::Sha1, false),
    ("{SHA256}", Digest::Sha256, false),
    ("{SHA384}", Digest::Sha384, false),
    ("{SHA512}", Digest::Sha512, false),
    ("{MD5}", Digest::Md5, false),
];

struct LdapHash {
    scheme: &'static str,
    digest: Digest,
    /// The digest and the salt.
    value: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let end = text.strip_prefix('{')?.find('}')? + 2;
    let (scheme, value) = text.split_at(end);
    let named = |(known, ..): &&(&str, Digest, bool)| known.eq_ignore_ascii_case(scheme);
    let (scheme, digest, is_salted) = *SCHEMES.iter().find(named)?;
    // What follows the digest is the salt.
    let is_whole = |value: &Vec<u8>| (value.len() > digest.len()) == is_salted && value.len() >= digest.len();
    let value = from_base64(value).filter(is_whole);
    let hash = value.map(|value| LdapHash { scheme, digest, value });
    Some(boxed(hash.ok_or(PasswordHashError::Malformed)))
}

impl ParsedHash for LdapHash {
    fn family(&self) -> &'static str {
        "ldap"
    }

    fn scheme(&self) -> String {
        self.scheme.to_owned()
    }

    fn canonical(&self) -> String {
        format!("{}{}", self.scheme, to_padded_base64(&self.value))
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let (hash, salt) = self.value.split_at(self.digest.len());
        Ok(is_equal(&self.digest.of(&[password, salt]), hash))
    }
}
