//! The password hashes of an import: which can be verified, and how many cannot.

use std::collections::BTreeMap;

use masthead_credentials::parse_password_hash;
use masthead_ports::passwords::PasswordHash;

/// The hashes of the lines that were read.
#[derive(Debug, Default)]
pub(super) struct ImportedHashes {
    /// How many of each scheme.
    pub(super) usable: BTreeMap<String, u64>,
    /// How many were left out, by reason.
    pub(super) unusable: BTreeMap<String, u64>,
}

impl ImportedHashes {
    /// The canonical text; `None` where the line has no hash, or none that can be verified.
    pub(super) fn canonical(&mut self, text: &str) -> Option<PasswordHash> {
        if text.is_empty() {
            return None;
        }
        match parse_password_hash(text) {
            Ok(imported) => {
                *self.usable.entry(imported.scheme).or_default() += 1;
                Some(imported.hash)
            }
            Err(reason) => {
                *self.unusable.entry(reason.to_string()).or_default() += 1;
                None
            }
        }
    }
}
