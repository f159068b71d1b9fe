//! A registration to be written, with its computed columns.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    state::UserState,
};
use time::OffsetDateTime;

use crate::{field_error::UnstorableFieldError, metadata_json, search_keys::SearchKeys, search_terms};

/// A new registration.
#[derive(Clone)]
pub struct NewRegistration {
    /// The id, unique in the pool.
    pub crid: CustomerRegistrationId,
    /// The address; unique in pools that Masthead masters.
    pub email: Option<Email>,
    /// The first name, `""` when unset.
    pub first_name: Box<str>,
    /// The last name, `""` when unset.
    pub last_name: Box<str>,
    /// Whether the address is verified.
    pub verified: bool,
    /// The password hash; `None` for passwordless users.
    pub password_hash: Option<Box<str>>,
    /// The metadata.
    pub metadata: Metadata,
    /// When the user registered.
    pub registered_at: Option<OffsetDateTime>,
    /// When the record last changed.
    pub changed_at: Option<OffsetDateTime>,
    /// When the user last logged out.
    pub last_logout_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for NewRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewRegistration(<redacted>)")
    }
}

/// The columns that are computed from the others.
pub(crate) struct ComputedColumns {
    pub(crate) keys: SearchKeys,
    pub(crate) state: i16,
    pub(crate) metadata: String,
    pub(crate) search_terms: Vec<i32>,
}

impl ComputedColumns {
    /// The columns of a stored account.
    pub(crate) fn for_account(account: &Account) -> Result<Self, UnstorableFieldError> {
        let keys = SearchKeys::new(account.email.as_ref(), &account.first_name, &account.last_name)?;
        let verified = account.verified == Some(true);
        Self::new(keys, account.has_password, verified, &account.metadata)
    }

    fn new(
        keys: SearchKeys,
        has_password: bool,
        verified: bool,
        metadata: &Metadata,
    ) -> Result<Self, UnstorableFieldError> {
        Ok(Self {
            state: UserState::new(false, has_password, verified).rank(),
            search_terms: search_terms::for_row(&keys, metadata),
            metadata: metadata_json::to_json(metadata)?,
            keys,
        })
    }

    /// The address as typed, if it differs from its key.
    pub(crate) fn email_typed<'a>(&self, email: Option<&'a Email>) -> Option<&'a str> {
        email.map(Email::as_str).filter(|typed| **typed != *self.keys.email)
    }
}

/// A new registration that can be stored, with its computed columns: making it is most of an import's work outside of the
/// database, and needs none.
pub struct PreparedRegistration {
    pub(crate) new: NewRegistration,
    pub(crate) computed: ComputedColumns,
}

impl PreparedRegistration {
    /// Checks that the values can be stored, and computes the columns that follow from them.
    ///
    /// # Errors
    /// The field that cannot be stored.
    pub fn new(new: NewRegistration) -> Result<Self, UnstorableFieldError> {
        let keys = SearchKeys::new(new.email.as_ref(), &new.first_name, &new.last_name)?;
        if new.password_hash.as_ref().is_some_and(|hash| hash.contains('\0')) {
            return Err(UnstorableFieldError {
                field: "passwordHash",
                problem: "contains a NUL",
            });
        }
        let computed = ComputedColumns::new(keys, new.password_hash.is_some(), new.verified, &new.metadata)?;
        Ok(Self { new, computed })
    }

    /// The same with this password.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_password(self, hash: Box<str>) -> Result<Self, UnstorableFieldError> {
        Self::new(NewRegistration {
            password_hash: Some(hash),
            ..self.new
        })
    }

    /// The values.
    #[must_use]
    pub const fn registration(&self) -> &NewRegistration {
        &self.new
    }

    /// The state that a tenant without a provider sees.
    #[must_use]
    pub const fn state(&self) -> UserState {
        UserState::new(false, self.new.password_hash.is_some(), self.new.verified)
    }

    /// The address as its key; `""` where there is none.
    pub(crate) fn email_key(&self) -> &str {
        &self.computed.keys.email
    }
}

impl std::fmt::Debug for PreparedRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PreparedRegistration(<redacted>)")
    }
}
