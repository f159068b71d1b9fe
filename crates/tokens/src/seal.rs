//! The sealing codec: AES-SIV (RFC 5297), deterministic and authenticated, by tenant and purpose (contract §2.5).
//!
//! A sealed text is the standard base64 of `length of key id ‖ key id ‖ SIV ‖ ciphertext`. Everything before the SIV, the
//! tenant, the purpose and what a cursor is bound to are associated data. The form is for all time: published ids hang
//! on it, and the golden values in the tests hold it.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use aes_siv::{
    KeyInit, Tag,
    siv::{Aes256Siv, IV_SIZE},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use masthead_domain::tenant::TenantId;
use masthead_http_client::Secret;
use masthead_ports::sealing::{Purpose, SealError, Sealing};
use thiserror::Error;
use zeroize::Zeroizing;

/// The length of a sealing key: two AES-256 keys, one for the SIV and one for the text.
pub const SEALING_KEY_BYTES: usize = 64;

/// The longest key id; it is part of every published id.
pub const MAX_KEY_ID_BYTES: usize = 16;

/// The longest sealed text of a client that is looked at.
const MAX_SEALED_BYTES: usize = 16 * 1024;

/// The longest sealed text of our own store that is looked at: a body of a request, as JSON and in base64.
const MAX_STORED_BYTES: usize = 1024 * 1024;

/// Base64 that takes padding or its absence, and no other variation: a text has one sealed form.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Keys of which no sealer can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealingKeysError {
    /// The current key's id is not among the keys.
    #[error("the current sealing key is not among the sealing keys")]
    NoCurrent,
    /// The id of the key for published values is not among the keys.
    #[error("the sealing key of published ids is not among the sealing keys")]
    NoPublish,
    /// An id is empty, too long, or holds something else than letters and digits.
    #[error("the id of a sealing key must be 1 to {MAX_KEY_ID_BYTES} letters and digits")]
    BadId,
    /// A key has another length.
    #[error("a sealing key must be {SEALING_KEY_BYTES} bytes long")]
    BadLength,
}

/// Seals under one key, and opens what was sealed under any. Published ids may have a key of their own: changing it changes
/// every one of them.
pub struct Sealer {
    current: SealingKey,
    /// The key of published ids and addresses, where it is not the current one; it is among `older`.
    publish: Option<usize>,
    /// Those that only open.
    older: Vec<SealingKey>,
}

struct SealingKey {
    id: Box<str>,
    key: Zeroizing<[u8; SEALING_KEY_BYTES]>,
}

impl Sealer {
    /// Makes a sealer of its keys by id; the one named `current` seals, all open.
    ///
    /// # Errors
    /// The first thing wrong with the keys.
    pub fn new(current: &str, keys: &BTreeMap<String, Secret>) -> Result<Self, SealingKeysError> {
        let current_key = keys.get(current).ok_or(SealingKeysError::NoCurrent)?;
        let older = keys
            .iter()
            .filter(|(id, _)| *id != current)
            .map(|(id, key)| SealingKey::new(id, key))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            current: SealingKey::new(current, current_key)?,
            publish: None,
            older,
        })
    }

    /// The same sealer, with published ids and addresses sealed under the key of this id: while keys rotate, the older one.
    ///
    /// # Errors
    /// There is no such key.
    pub fn publishing(mut self, id: &str) -> Result<Self, SealingKeysError> {
        self.publish = if id == &*self.current.id {
            None
        } else {
            let place = self.older.iter().position(|key| *key.id == *id);
            Some(place.ok_or(SealingKeysError::NoPublish)?)
        };
        Ok(self)
    }

    /// The key that seals for this purpose.
    fn sealing_key(&self, purpose: Purpose<'_>) -> &SealingKey {
        let published = match purpose {
            Purpose::CustomerRegistrationId | Purpose::Email => self.publish,
            Purpose::Cursor { .. } | Purpose::Mail | Purpose::WriteIntent | Purpose::StoredAnswer => None,
        };
        published
            .and_then(|place| self.older.get(place))
            .unwrap_or(&self.current)
    }

    fn key(&self, id: &[u8]) -> Option<&SealingKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id.as_bytes() == id)
    }
}

impl SealingKey {
    fn new(id: &str, key: &Secret) -> Result<Self, SealingKeysError> {
        let good_id = (1..=MAX_KEY_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !good_id {
            return Err(SealingKeysError::BadId);
        }
        let key = key.expose().try_into().map_err(|_| SealingKeysError::BadLength)?;
        Ok(Self {
            id: id.into(),
            key: Zeroizing::new(key),
        })
    }

    /// The library's cipher needs `&mut`, cannot be cloned, and expands half of the key anew for each text anyhow; making
    /// one is a few hundred nanoseconds, and no lock is shared.
    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new((&*self.key).into())
    }

    /// What the seal binds beside the text. No part but the last can hold a NUL, so no two bindings read alike.
    fn associated(&self, tenant: &TenantId, purpose: Purpose<'_>) -> Vec<u8> {
        let (purpose, binding) = match purpose {
            Purpose::CustomerRegistrationId => ("crid", ""),
            Purpose::Email => ("email", ""),
            Purpose::Cursor { binding } => ("cursor", binding),
            Purpose::Mail => ("mail", ""),
            Purpose::WriteIntent => ("intent", ""),
            Purpose::StoredAnswer => ("answer", ""),
        };
        let parts = [
            "masthead 1",
            &self.id,
            tenant.group(),
            tenant.client(),
            tenant.paper(),
            purpose,
            binding,
        ];
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
        for part in parts {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    fn header_length(&self) -> usize {
        1 + self.id.len()
    }
}

impl Sealing for Sealer {
    fn seal(&self, tenant: &TenantId, purpose: Purpose<'_>, plain: &str) -> String {
        let key = self.sealing_key(purpose);
        let start = key.header_length();
        let mut bytes = Vec::with_capacity(start + IV_SIZE + plain.len());
        // An id is at most MAX_KEY_ID_BYTES long, so its length is one byte.
        bytes.push(u8::try_from(key.id.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(key.id.as_bytes());
        bytes.extend_from_slice(&[0; IV_SIZE]);
        bytes.extend_from_slice(plain.as_bytes());
        let (head, text) = bytes.split_at_mut(start + IV_SIZE);
        let associated = key.associated(tenant, purpose);
        match key.cipher().encrypt_inout_detached([associated], text.into()) {
            Ok(siv) => head[start..].copy_from_slice(&siv),
            // RFC 5297 fails only for more than 126 pieces of associated data, and there is one. Should the library ever
            // find another reason, the text must not leave in the clear: an empty one opens nowhere.
            Err(_) => return String::new(),
        }
        STANDARD.encode(bytes)
    }

    fn open(&self, tenant: &TenantId, purpose: Purpose<'_>, sealed: &str) -> Result<String, SealError> {
        let limit = match purpose {
            Purpose::CustomerRegistrationId | Purpose::Email | Purpose::Cursor { .. } => MAX_SEALED_BYTES,
            Purpose::Mail | Purpose::WriteIntent | Purpose::StoredAnswer => MAX_STORED_BYTES,
        };
        if sealed.len() > limit {
            return Err(SealError);
        }
        let mut bytes = LENIENT.decode(&*standard_alphabet(sealed)).map_err(|_| SealError)?;
        let (&length, rest) = bytes.split_first().ok_or(SealError)?;
        let id = rest.get(..usize::from(length)).ok_or(SealError)?;
        let key = self.key(id).ok_or(SealError)?;
        let sealed = bytes.get_mut(key.header_length()..).ok_or(SealError)?;
        let (siv, text) = sealed.split_at_mut_checked(IV_SIZE).ok_or(SealError)?;
        let siv = Tag::try_from(&*siv).map_err(|_| SealError)?;
        let associated = key.associated(tenant, purpose);
        key.cipher()
            .decrypt_inout_detached([associated], (&mut *text).into(), &siv)
            .map_err(|_| SealError)?;
        std::str::from_utf8(text).map(ToOwned::to_owned).map_err(|_| SealError)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("current", &self.current.id)
            .field("older", &self.older.len())
            .finish_non_exhaustive()
    }
}

/// The text in the standard alphabet: URL-safe letters replaced, and `+` where a form's decoder left a blank.
fn standard_alphabet(text: &str) -> Cow<'_, [u8]> {
    let odd = |byte: &u8| matches!(byte, b'-' | b'_' | b' ');
    if !text.as_bytes().iter().any(odd) {
        return Cow::Borrowed(text.as_bytes());
    }
    let replaced = text.bytes().map(|byte| match byte {
        b'-' | b' ' => b'+',
        b'_' => b'/',
        other => other,
    });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests;
