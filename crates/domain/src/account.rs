//! What one source knows of one user.

use std::fmt;

use time::OffsetDateTime;

use crate::{customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata, state::UserState};

/// An account as one source holds it; the merged answer is one too.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The key of the user.
    pub crid: CustomerRegistrationId,
    /// The number of the registration in our store; `None` for what only a provider knows.
    pub registration_id: Option<i64>,
    /// The address; `None` where the source has none.
    pub email: Option<Email>,
    /// The first name, `""` when unset.
    pub first_name: Box<str>,
    /// The last name, `""` when unset.
    pub last_name: Box<str>,
    /// Whether the address is verified; `None` where the source does not say.
    pub verified: Option<bool>,
    /// Whether a password is kept in our store.
    pub has_password: bool,
    /// Everything else.
    pub metadata: Metadata,
    /// When the user registered.
    pub registered_at: Option<OffsetDateTime>,
    /// When the record last changed.
    pub changed_at: Option<OffsetDateTime>,
    /// When the user last logged out.
    pub last_logout_at: Option<OffsetDateTime>,
}

impl Account {
    /// An account of which only the key is known.
    #[must_use]
    pub fn new(crid: CustomerRegistrationId) -> Self {
        Self {
            crid,
            registration_id: None,
            email: None,
            first_name: "".into(),
            last_name: "".into(),
            verified: None,
            has_password: false,
            metadata: Metadata::default(),
            registered_at: None,
            changed_at: None,
            last_logout_at: None,
        }
    }

    /// The state of this user (contract §2.3).
    #[must_use]
    pub fn state(&self, outside_provider: bool) -> UserState {
        UserState::new(outside_provider, self.has_password, self.verified == Some(true))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("registration_id", &self.registration_id)
            .finish_non_exhaustive()
    }
}
