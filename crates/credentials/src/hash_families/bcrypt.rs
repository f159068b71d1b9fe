//! bcrypt: `$2a$`, `$2b$` and `$2y$`, which are one algorithm; `$2$` and `$2x$` are others.

use masthead_ports::passwords::PasswordHashError;
use zeroize::Zeroizing;

use super::{
    encoding::{cost, from_bcrypt_base64, is_equal, number},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::secrets::MissingSecretError;

const MIN_COST: u32 = 4;
const MAX_COST: u32 = 15;
/// The bytes of a password that count. Every implementation ignores the rest.
const MAX_PASSWORD_BYTES: usize = 72;

pub(super) struct BcryptHash {
    text: Box<str>,
    cost: u32,
    salt: [u8; 16],
    /// The 24th byte of the algorithm is not part of the text.
    hash: [u8; 23],
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    read(text).map(boxed)
}

/// `None` when it is of another family.
pub(super) fn read(text: &str) -> Option<Result<BcryptHash, PasswordHashError>> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|start| text.strip_prefix(start))?;
    let read = || {
        let good = text.len() == 60 && text.is_ascii() && rest.as_bytes()[2] == b'$';
        let (cost_text, encoded) = good
            .then(|| (&rest[..2], &rest[3..]))
            .ok_or(PasswordHashError::Malformed)?;
        let cost = cost(number(cost_text), MAX_COST)?;
        let salt = from_bcrypt_base64(&encoded[..22]);
        let hash = from_bcrypt_base64(&encoded[22..]);
        match (salt, hash) {
            (Some(salt), Some(hash)) if cost >= MIN_COST => Ok(BcryptHash {
                text: text.into(),
                cost,
                salt,
                hash,
            }),
            _ => Err(PasswordHashError::Malformed),
        }
    };
    Some(read())
}

impl BcryptHash {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn cost(&self) -> u32 {
        self.cost
    }

    pub(super) fn is_match(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new(password.to_vec());
        key.push(0);
        key.truncate(MAX_PASSWORD_BYTES);
        let computed = bcrypt::bcrypt(self.cost, self.salt, &key);
        is_equal(&computed[..23], &self.hash)
    }
}

impl ParsedHash for BcryptHash {
    fn family(&self) -> &'static str {
        "bcrypt"
    }

    fn scheme(&self) -> String {
        format!("bcrypt-{}", self.cost)
    }

    fn canonical(&self) -> String {
        self.text.as_ref().to_owned()
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        Ok(self.is_match(password))
    }
}
