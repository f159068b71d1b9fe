//! Firebase's scrypt: `$firescrypt$ln=…,r=…,p=…$salt$hash`; the project's signer key is a secret of the tenant.

use aes::{
    Aes256,
    cipher::{KeyIvInit, StreamCipher},
};
use ctr::Ctr128BE;
use masthead_ports::passwords::PasswordHashError;

use super::{
    encoding::{from_base64, is_equal, to_padded_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
    scrypt::ScryptCost,
};
use crate::secrets::{FIREBASE_SIGNER_KEY, MissingSecretError};

struct FirebaseHash {
    cost: ScryptCost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    text.strip_prefix("$firescrypt$").map(|rest| boxed(read(rest)))
}

fn read(rest: &str) -> Result<FirebaseHash, PasswordHashError> {
    // Ory Kratos adds the salt separator and the signer key, which are not kept: they are secrets of the tenant.
    let ([parameters, salt, hash] | [parameters, salt, hash, _, _]) = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    let cost = ScryptCost::parse(parameters)?;
    match (from_base64(salt), from_base64(hash)) {
        (Some(salt), Some(hash)) if (16..=256).contains(&hash.len()) => Ok(FirebaseHash { cost, salt, hash }),
        _ => Err(PasswordHashError::Malformed),
    }
}

impl ParsedHash for FirebaseHash {
    fn family(&self) -> &'static str {
        "firebase"
    }

    fn canonical(&self) -> String {
        let (salt, hash) = (to_padded_base64(&self.salt), to_padded_base64(&self.hash));
        format!("$firescrypt${}${salt}${hash}", self.cost)
    }

    /// The signer key, encrypted with a key that is derived from the password (AES-256-CTR from zero).
    fn matches(&self, password: &[u8], cx: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let firebase = cx
            .secrets
            .firebase
            .as_ref()
            .ok_or(MissingSecretError(FIREBASE_SIGNER_KEY))?;
        let salt = [&*self.salt, &*firebase.salt_separator].concat();
        let mut key = [0; 32];
        if !self.cost.derive(password, &salt, &mut key) {
            return Ok(false);
        }
        let mut computed = firebase.signer_key.to_vec();
        Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut computed);
        Ok(is_equal(&computed, &self.hash))
    }

    fn needs_secrets(&self) -> bool {
        true
    }

    fn memory_kib(&self) -> u32 {
        self.cost.memory_kib()
    }
}
