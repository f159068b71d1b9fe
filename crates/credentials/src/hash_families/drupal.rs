//! Drupal 7 to 10.0: `$S$`, and `U` before a hash that was made of an older one's MD5.

use masthead_ports::passwords::PasswordHashError;

use super::{
    digest::Digest,
    encoding::to_hex,
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
    phpass::{self, StretchedHash},
};
use crate::secrets::MissingSecretError;

struct DrupalHash {
    hash: StretchedHash,
    /// Made of the hexadecimal digits of the password's MD5.
    of_md5: bool,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let updated = text.strip_prefix('U').filter(|rest| rest.starts_with('$'));
    let read = read(updated.unwrap_or(text), updated.is_some())?;
    let of_md5 = updated.is_some();
    Some(boxed(read.map(|hash| DrupalHash { hash, of_md5 })))
}

fn read(text: &str, of_md5: bool) -> Option<Result<StretchedHash, PasswordHashError>> {
    if text.starts_with("$S$") {
        // 55 characters in all.
        Some(StretchedHash::read(text, Digest::Sha512, 43))
    } else {
        of_md5.then(|| phpass::read(text))?
    }
}

impl ParsedHash for DrupalHash {
    fn family(&self) -> &'static str {
        "drupal"
    }

    fn canonical(&self) -> String {
        let prefix = if self.of_md5 { "U" } else { "" };
        format!("{prefix}{}", self.hash.text())
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        Ok(if self.of_md5 {
            self.hash.is_match(to_hex(&Digest::Md5.of(&[password])).as_bytes())
        } else {
            self.hash.is_match(password)
        })
    }
}
