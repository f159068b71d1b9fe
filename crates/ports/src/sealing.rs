//! The published encrypted ids and e-mails, and other texts that only we can open (contract §2.5).

use masthead_domain::tenant::TenantId;
use thiserror::Error;

/// What a sealed text is for; one sealed for another purpose does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// `encryptedCustomerRegistrationId`
    CustomerRegistrationId,
    /// `encryptedEmail`
    Email,
    /// A place in a list, bound to what the list is of.
    Cursor {
        /// Filter, order and source; a cursor opens only with the same.
        binding: &'a str,
    },
}

/// Seals and opens texts: keyed, deterministic, authenticated, per tenant. A tenant can plug another in.
pub trait Sealing: Send + Sync {
    /// Seals under the current key, in standard base64.
    fn seal(&self, tenant: &TenantId, purpose: Purpose<'_>, plain: &str) -> String;

    /// Opens a text that was sealed for this tenant and purpose under any key still known. Takes standard and URL-safe
    /// base64, padded or not, and a blank where `+` was.
    ///
    /// # Errors
    /// One error for every cause, so that nobody learns which.
    fn open(&self, tenant: &TenantId, purpose: Purpose<'_>, sealed: &str) -> Result<String, SealError>;
}

/// The text was not sealed by us, for this tenant and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a sealed text of this tenant")]
pub struct SealError;
