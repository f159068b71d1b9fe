//! Sealing of ids, e-mails and cursors, so that only this service can open them (contract §2.5).

use masthead_domain::tenant::TenantId;
use thiserror::Error;

/// The purpose of a sealed text; it opens only for the same purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// `encryptedCustomerRegistrationId`
    CustomerRegistrationId,
    /// `encryptedEmail`
    Email,
    /// A list cursor, bound to its list.
    Cursor {
        /// The filter, order and sources of the list.
        binding: &'a str,
    },
    /// A mail that waits to be sent: it has an address, a code or a link.
    Mail,
    /// What a two-sided write is about to do.
    WriteIntent,
    /// An answer that is kept for an idempotency key.
    StoredAnswer,
}

/// Seals and opens texts: keyed, deterministic and authenticated, per tenant.
pub trait Sealing: Send + Sync {
    /// Seals under the current key, in standard base64.
    fn seal(&self, tenant: &TenantId, purpose: Purpose<'_>, plain: &str) -> String;

    /// Opens a text that was sealed for this tenant and purpose under any key still known. Takes standard and URL-safe
    /// base64, padded or not, and a blank where `+` was.
    ///
    /// # Errors
    /// One error for every cause, so that callers cannot distinguish causes.
    fn open(&self, tenant: &TenantId, purpose: Purpose<'_>, sealed: &str) -> Result<String, SealError>;
}

/// By what a store recognises a sealing key: a keyed hash of the key's id, from which nothing about the key can be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// The id of the key.
    pub id: String,
    /// The check value; another key with this id has another one.
    pub value: [u8; 32],
}

/// The text was not sealed by this service for this tenant and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a sealed text of this tenant")]
pub struct SealError;
