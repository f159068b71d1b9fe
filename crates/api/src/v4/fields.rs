//! Selects the fields of a user in a response: all, or those that the parameter `fields` names.

use masthead_domain::metadata::{MAX_KEY_BYTES, fold_case};

/// A field of a user, in the published order (contract §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserField {
    CustomerRegistrationId,
    EncryptedCustomerRegistrationId,
    Email,
    FirstName,
    LastName,
    State,
    Metadata,
    Verified,
}

impl UserField {
    pub(crate) const ALL: [Self; 8] = [
        Self::CustomerRegistrationId,
        Self::EncryptedCustomerRegistrationId,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::State,
        Self::Metadata,
        Self::Verified,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CustomerRegistrationId => "customerRegistrationId",
            Self::EncryptedCustomerRegistrationId => "encryptedCustomerRegistrationId",
            Self::Email => "email",
            Self::FirstName => "firstName",
            Self::LastName => "lastName",
            Self::State => "state",
            Self::Metadata => "metadata",
            Self::Verified => "verified",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The fields that a response contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldSelection {
    /// The complete fields, a bit each.
    whole: u8,
    /// Keys of `metadata`, case-folded, where it is not selected as a whole.
    metadata_keys: Vec<String>,
}

impl Default for FieldSelection {
    /// All fields.
    fn default() -> Self {
        Self {
            whole: u8::MAX,
            metadata_keys: Vec::new(),
        }
    }
}

impl FieldSelection {
    /// Parses a comma-separated list of names, in any case; `None` when one is not a field.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = Self {
            whole: 0,
            metadata_keys: Vec::new(),
        };
        for name in text.split(',').map(str::trim) {
            if let Some(field) = UserField::ALL
                .into_iter()
                .find(|field| field.name().eq_ignore_ascii_case(name))
            {
                fields.whole |= field.bit();
            } else {
                let key = name
                    .split_once('.')
                    .filter(|(field, _)| field.eq_ignore_ascii_case(UserField::Metadata.name()))
                    .map(|(_, key)| key)
                    .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()))?;
                fields.metadata_keys.push(fold_case(key));
            }
        }
        Some(fields)
    }

    /// Whether the complete field is selected.
    pub(crate) const fn has(&self, field: UserField) -> bool {
        self.whole & field.bit() != 0
    }

    /// Whether any part of `metadata` is selected.
    pub(crate) const fn has_any_metadata(&self) -> bool {
        self.has(UserField::Metadata) || !self.metadata_keys.is_empty()
    }

    /// Whether this key of `metadata` is selected.
    pub(crate) fn has_metadata(&self, key: &str) -> bool {
        self.has(UserField::Metadata)
            || (!self.metadata_keys.is_empty() && {
                let key = fold_case(key);
                self.metadata_keys.contains(&key)
            })
    }

    /// Whether the field of this published name is selected, such as `email` or `metadata.city`.
    pub(crate) fn has_named(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((_, key)) => self.has_metadata(key),
            None => UserField::ALL
                .into_iter()
                .any(|field| field.name() == name && self.has(field)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_case_insensitive_and_must_exist() {
        let fields = FieldSelection::parse("EMAIL, metadata.City").unwrap();
        assert!(fields.has(UserField::Email) && !fields.has(UserField::State) && !fields.has(UserField::Metadata));
        assert!(fields.has_metadata("city") && !fields.has_metadata("title"));
        assert!(fields.has_named("metadata.city") && fields.has_named("email") && !fields.has_named("firstName"));
        assert!(FieldSelection::default().has_metadata("anything"));
        for bad in ["", "email,", "colour", "metadata.", "email.x", "email;state"] {
            assert_eq!(FieldSelection::parse(bad), None, "{bad:?}");
        }
    }
}
