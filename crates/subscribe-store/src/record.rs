//! A registration to be written, with everything that is computed once, when it is.

use std::collections::BTreeMap;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata, name, state::UserState,
    tenant::PoolId,
};
use time::OffsetDateTime;

use crate::tokens;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest folded name, in bytes: three keys and an id must fit an index entry of 2,704 bytes.
const MAX_FOLDED_BYTES: usize = 600;

/// The longest normalised address, in bytes; normalising can lengthen one.
const MAX_EMAIL_KEY_BYTES: usize = 1000;

/// The longest metadata of one registration as JSON, in bytes.
const MAX_METADATA_BYTES: usize = 64 * 1024;

/// A registration as it comes in.
#[derive(Clone)]
pub struct NewRegistration {
    /// The key of the user, unique in the pool.
    pub crid: CustomerRegistrationId,
    /// The address; unique in pools that Masthead masters.
    pub email: Option<Email>,
    /// The first name, `""` when unset.
    pub first_name: Box<str>,
    /// The last name, `""` when unset.
    pub last_name: Box<str>,
    /// Whether the address is verified.
    pub verified: bool,
    /// The hash of the password, in the form in which it will be checked; `None` for passwordless users.
    pub password_hash: Option<Box<str>>,
    /// Everything else.
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

/// A field that the store cannot keep; the value is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidField {
    /// Which field, by its name in an import.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The texts by which a registration is found and sorted.
pub(crate) struct Keys {
    pub(crate) email: Box<str>,
    pub(crate) first: Box<str>,
    pub(crate) last: Box<str>,
    pub(crate) first_name: Box<str>,
    pub(crate) last_name: Box<str>,
}

impl Keys {
    /// What is compared: address, first and last name.
    pub(crate) fn compared(&self) -> [&str; 3] {
        [&self.email, &self.first, &self.last]
    }

    /// The keys of these values, where all of them can be kept.
    pub(crate) fn of(email: Option<&Email>, first_name: &str, last_name: &str) -> Result<Self, InvalidField> {
        let invalid = |field, problem| InvalidField { field, problem };
        for (field, name) in [("firstName", first_name), ("lastName", last_name)] {
            if name.len() > MAX_NAME_BYTES {
                return Err(invalid(field, "longer than 255 bytes"));
            }
            if name.contains('\0') {
                return Err(invalid(field, "holds a NUL"));
            }
        }
        let keys = Self {
            email: email.map_or("", |email| email.key().as_str()).into(),
            first: name::fold_name(first_name).into(),
            last: name::fold_name(last_name).into(),
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

/// Metadata as they are stored.
pub(crate) fn metadata_json(metadata: &Metadata) -> Result<String, InvalidField> {
    let invalid = |problem| InvalidField {
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
pub(crate) struct Record<'a> {
    pub(crate) new: &'a NewRegistration,
    pub(crate) keys: Keys,
    pub(crate) state: i16,
    pub(crate) metadata: String,
    pub(crate) tokens: Vec<i64>,
}

impl<'a> Record<'a> {
    /// Computes what is stored beside the values.
    pub(crate) fn of(pool: PoolId, new: &'a NewRegistration) -> Result<Self, InvalidField> {
        let invalid = |field, problem| InvalidField { field, problem };
        let keys = Keys::of(new.email.as_ref(), &new.first_name, &new.last_name)?;
        if new.password_hash.as_ref().is_some_and(|hash| hash.contains('\0')) {
            return Err(invalid("passwordHash", "holds a NUL"));
        }
        let metadata = metadata_json(&new.metadata)?;
        Ok(Self {
            state: UserState::new(false, new.password_hash.is_some(), new.verified).rank(),
            tokens: tokens::padded(tokens::of_row(pool, &keys, &new.metadata)),
            metadata,
            keys,
            new,
        })
    }

    /// The address as typed, where it is not its key.
    pub(crate) fn email_typed(&self) -> Option<&str> {
        let typed = self.new.email.as_ref()?.as_str();
        (typed != &*self.keys.email).then_some(typed)
    }
}
