//! The keys by which users are searched and sorted, and the limits of the values that they are made of.

use masthead_domain::{email::Email, name};

use crate::field_error::UnstorableFieldError;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest folded name, in bytes: three keys and an id must fit in an index entry of 2,704 bytes.
const MAX_FOLDED_BYTES: usize = 600;

/// The longest normalised address, in bytes; normalisation can lengthen an address.
const MAX_EMAIL_KEY_BYTES: usize = 1000;

/// The keys by which a registration is searched and sorted.
pub(crate) struct SearchKeys {
    pub(crate) email: Box<str>,
    pub(crate) first: Box<str>,
    pub(crate) last: Box<str>,
    pub(crate) first_name: Box<str>,
    pub(crate) last_name: Box<str>,
}

impl SearchKeys {
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
