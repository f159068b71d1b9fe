//! WordPress 6.8: `$wp$2y$…`, bcrypt of the base64 of an HMAC of the password.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha384;

use super::{
    bcrypt::{self, BcryptHash},
    encoding::to_padded_base64,
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::{forms::Origin, secrets::MissingSecretError};

/// The key of the HMAC (`wp_hash_password`).
const KEY: &[u8] = b"wp-sha384";

struct WordPressHash(BcryptHash);

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let hash = text.strip_prefix("$wp").and_then(bcrypt::read)?;
    Some(boxed(hash.map(WordPressHash)))
}

impl ParsedHash for WordPressHash {
    fn family(&self) -> &'static str {
        "wordpress"
    }

    fn scheme(&self) -> String {
        format!("wordpress-bcrypt-{}", self.0.cost())
    }

    fn canonical(&self) -> String {
        format!("$wp{}", self.0.text())
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        // A key of any length is accepted.
        let is_match = Hmac::<Sha384>::new_from_slice(KEY).is_ok_and(|mut mac| {
            mac.update(password);
            let digest = mac.finalize().into_bytes();
            self.0.is_match(to_padded_base64(&digest).as_bytes())
        });
        Ok(is_match)
    }

    fn origin(&self) -> Origin {
        Origin::WordPress
    }
}
