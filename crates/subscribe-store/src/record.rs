//! A registration to be written, with its computed columns.

use std::collections::BTreeMap;

use masthead_domain::{crid::Crid, email::Email, metadata::Metadata, name, state::UserState, tenant::PoolId};
use time::OffsetDateTime;

use crate::search_terms;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest folded name, in bytes: three keys and an id must fit in an index entry of 2,704 bytes.
const MAX_FOLDED_BYTES: usize = 600;

/// The longest normalised address, in bytes; normalisation can lengthen an address.
const MAX_EMAIL_KEY_BYTES: usize = 1000;

/// The longest metadata of one registration as JSON, in bytes.
const MAX_METADATA_BYTES: usize = 64 * 1024;

/// A new registration.
#[derive(Clone)]
pub struct NewRegistration {
    /// The id, unique in the pool.
    pub crid: Crid,
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

/// A field that cannot be stored; the value is never contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct UnstorableFieldError {
    /// The field's name in an import.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The keys by which a registration is searched and sorted.
pub(crate) struct SearchKeys {
    pub(crate) email: Box<str>,
    pub(crate) first: Box<str>,
    pub(crate) last: Box<str>,
    pub(crate) first_name: Box<str>,
    pub(crate) last_name: Box<str>,
}

impl SearchKeys {
    /// The compared keys: address, first and last name.
    pub(crate) fn compared(&self) -> [&str; 3] {
        [&self.email, &self.first, &self.last]
    }

    /// Computes the keys of these values.
    pub(crate) fn new(email: Option<&Email>, first_name: &str, last_name: &str) -> Result<Self, UnstorableFieldError> {
        let invalid = |field, problem| UnstorableFieldError { field, problem };
        for (field, name) in [("firstName", first_name), ("lastName", last_name)] {
            if name.len() > MAX_NAME_BYTES {
                return Err(invalid(field, "longer than 255 bytes"));
            }
            if name.contains('\0') {
                return Err(invalid(field, "contains a NUL"));
            }
        }
        let keys = Self {
            email: email.map_or("", |email| email.key().as_str()).into(),
            first: name::folded(first_name).into(),
            last: name::folded(last_name).into(),
            first_name: first_name.into(),
            last_name: last_name.into(),
        };
        for (field, key, most) in [
            ("email", &keys.email, MAX_EMAIL_KEY_BYTES),
            ("firstName", &keys.first, MAX_FOLDED_BYTES),
            ("lastName", &keys.last, MAX_FOLDED_BYTES),
        ] {
            if key.len() > most {
                return Err(invalid(field, "too long in its normalised form"));
            }
        }
        Ok(keys)
    }
}

/// Serialises metadata for storage.
pub(crate) fn metadata_json(metadata: &Metadata) -> Result<String, UnstorableFieldError> {
    let invalid = |problem| UnstorableFieldError {
        field: "metadata",
        problem,
    };
    let pairs: BTreeMap<&str, &str> = metadata.iter().collect();
    let json = serde_json::to_string(&pairs).map_err(|_| invalid("cannot be written as JSON"))?;
    if json.len() > MAX_METADATA_BYTES {
        return Err(invalid("longer than 64 KB"));
    }
    Ok(json)
}

/// A row, ready to be written.
pub(crate) struct RegistrationRecord<'a> {
    pub(crate) new: &'a NewRegistration,
    pub(crate) keys: SearchKeys,
    pub(crate) state: i16,
    pub(crate) metadata: String,
    pub(crate) search_terms: Vec<i64>,
}

impl<'a> RegistrationRecord<'a> {
    /// Computes the derived columns.
    pub(crate) fn new(pool: PoolId, new: &'a NewRegistration) -> Result<Self, UnstorableFieldError> {
        let invalid = |field, problem| UnstorableFieldError { field, problem };
        let keys = SearchKeys::new(new.email.as_ref(), &new.first_name, &new.last_name)?;
        if new.password_hash.as_ref().is_some_and(|hash| hash.contains('\0')) {
            return Err(invalid("passwordHash", "contains a NUL"));
        }
        let metadata = metadata_json(&new.metadata)?;
        Ok(Self {
            state: UserState::of(false, new.password_hash.is_some(), new.verified).rank(),
            search_terms: search_terms::padded(search_terms::for_row(pool, &keys, &new.metadata)),
            metadata,
            keys,
            new,
        })
    }

    /// The address as typed, if it differs from its key.
    pub(crate) fn email_typed(&self) -> Option<&str> {
        let typed = self.new.email.as_ref()?.as_str();
        (typed != &*self.keys.email).then_some(typed)
    }
}
