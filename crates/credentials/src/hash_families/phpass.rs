//! phpass, the "portable" hashes of WordPress before 6.8 and phpBB: `$P$` and `$H$`.

use masthead_ports::passwords::PasswordHashError;

use super::{
    digest::Digest,
    encoding::{from_crypt_char, is_crypt_text, is_equal, to_phpass_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::{forms::Origin, secrets::MissingSecretError};

const MAX_LOG_ROUNDS: u8 = 20;

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    read(text).map(boxed)
}

/// `None` when it is of another family.
pub(super) fn read(text: &str) -> Option<Result<StretchedHash, PasswordHashError>> {
    let is_phpass = text.starts_with("$P$") || text.starts_with("$H$");
    is_phpass.then(|| StretchedHash::read(text, Digest::Md5, 22))
}

/// A digest that is repeated 2ⁿ times: three characters of the family, one of n, eight of salt, then the result.
pub(super) struct StretchedHash {
    text: Box<str>,
    digest: Digest,
    log_rounds: u8,
}

/// Where the salt and the result begin.
const SALT: usize = 4;
const RESULT: usize = 12;

impl StretchedHash {
    /// Reads a text whose result has so many characters.
    ///
    /// # Errors
    /// It has another length or characters, or too many rounds.
    pub(super) fn read(text: &str, digest: Digest, result_chars: usize) -> Result<Self, PasswordHashError> {
        let log_rounds = text.as_bytes().get(3).copied().and_then(from_crypt_char);
        let is_whole = text.len() == RESULT + result_chars && text.is_ascii() && is_crypt_text(&text[RESULT..]);
        match log_rounds {
            Some(log_rounds) if log_rounds > MAX_LOG_ROUNDS => Err(PasswordHashError::TooCostly),
            Some(log_rounds) if is_whole => Ok(Self {
                text: text.into(),
                digest,
                log_rounds,
            }),
            _ => Err(PasswordHashError::Malformed),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_match(&self, password: &[u8]) -> bool {
        let (salt, result) = (&self.text[SALT..RESULT], &self.text[RESULT..]);
        let mut hash = self.digest.of(&[salt.as_bytes(), password]);
        for _ in 0..1_u32 << self.log_rounds {
            hash = self.digest.of(&[&hash, password]);
        }
        let computed = to_phpass_base64(&hash);
        // Drupal cuts the result.
        is_equal(&computed.as_bytes()[..result.len()], result.as_bytes())
    }
}

impl ParsedHash for StretchedHash {
    fn family(&self) -> &'static str {
        "phpass"
    }

    fn canonical(&self) -> String {
        self.text.as_ref().to_owned()
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        Ok(self.is_match(password))
    }

    fn origin(&self) -> Origin {
        Origin::WordPress
    }
}
