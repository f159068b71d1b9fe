//! Check values of sealing keys: HMAC-SHA-256 of the id under a key that is derived from the sealing key (HKDF, RFC 5869).
//!
//! The values are stored, so their form is for all time; the golden value in the test holds it.

use masthead_http_client::Secret;
use masthead_ports::sealing::KeyCheck;
use ring::{hkdf, hmac};

use crate::seal::{SEALING_KEY_BYTES, SealingKeysError};

/// The salt of the derivation, which keeps the derived key apart from any other use of the sealing key.
const SALT: &[u8] = b"masthead sealing key check 1";

/// The check value of a sealing key with this id.
///
/// # Errors
/// The key has another length than a sealing key.
pub fn key_check(id: &str, key: &Secret) -> Result<KeyCheck, SealingKeysError> {
    let bytes = key.expose();
    if bytes.len() != SEALING_KEY_BYTES {
        return Err(SealingKeysError::BadLength);
    }
    let random = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(bytes);
    // RFC 5869 refuses only output longer than 255 hashes; this is one.
    let derived = random.expand(&[b"check value"], hmac::HMAC_SHA256);
    let derived = derived.map(hmac::Key::from).map_err(|_| SealingKeysError::BadLength)?;
    let mut value = [0; 32];
    value.copy_from_slice(hmac::sign(&derived, id.as_bytes()).as_ref());
    Ok(KeyCheck {
        id: id.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(id: &str, fill: u8) -> [u8; 32] {
        let key = Secret::new([fill; SEALING_KEY_BYTES]);
        key_check(id, &key).unwrap().value
    }

    /// Computed with Python's `hmac`: extract with the salt, expand with "check value" and byte 1, then HMAC of the id.
    #[test]
    fn value_is_hmac_under_key_derived_by_rfc_5869() {
        assert_eq!(value("k1", 1), GOLDEN);
    }

    const GOLDEN: [u8; 32] = [
        0xc7, 0x08, 0xc5, 0xe9, 0xfa, 0x3f, 0x49, 0x16, 0x54, 0xfd, 0xb3, 0x03, 0xc0, 0x52, 0x17, 0xb0, 0x33, 0x99,
        0xd6, 0x4e, 0xc4, 0x76, 0xd0, 0xdd, 0xb4, 0xc8, 0xe0, 0x3c, 0x41, 0x1e, 0xe1, 0x07,
    ];

    #[test]
    fn values_differ_by_key_and_id() {
        assert_ne!(value("k1", 1), value("k1", 2));
        assert_ne!(value("k1", 1), value("k2", 1));
    }

    #[test]
    fn key_of_other_length_is_refused() {
        let short = Secret::new([1; SEALING_KEY_BYTES - 1]);
        assert_eq!(key_check("k1", &short).unwrap_err(), SealingKeysError::BadLength);
    }
}
