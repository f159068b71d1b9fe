//! Which fields of a user are answered: all, or the few that `fields` names.

use masthead_domain::metadata::{MAX_KEY_BYTES, fold_case};

/// The fields of a user, in the order in which they are answered (contract §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    CustomerRegistrationId,
    EncryptedCustomerRegistrationId,
    Email,
    FirstName,
    LastName,
    State,
    Metadata,
    Verified,
}

impl Field {
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

/// A choice of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The fields answered whole, a bit each.
    whole: u8,
    /// Keys of `metadata`, lower-cased, where it is not answered whole.
    metadata_keys: Vec<String>,
}

impl Default for Fields {
    /// All of them.
    fn default() -> Self {
        Self {
            whole: u8::MAX,
            metadata_keys: Vec::new(),
        }
    }
}

impl Fields {
    /// Reads names with commas between them, in any case; `None` when one is not a field's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = Self {
            whole: 0,
            metadata_keys: Vec::new(),
        };
        for name in text.split(',').map(str::trim) {
            if let Some(field) = Field::ALL
                .into_iter()
                .find(|field| field.name().eq_ignore_ascii_case(name))
            {
                fields.whole |= field.bit();
            } else {
                let key = name
                    .split_once('.')
                    .filter(|(field, _)| field.eq_ignore_ascii_case(Field::Metadata.name()))
                    .map(|(_, key)| key)
                    .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()))?;
                fields.metadata_keys.push(fold_case(key));
            }
        }
        Some(fields)
    }

    /// Whether the field is answered whole.
    pub(crate) const fn has(&self, field: Field) -> bool {
        self.whole & field.bit() != 0
    }

    /// Whether any of `metadata` is answered.
    pub(crate) const fn has_any_metadata(&self) -> bool {
        self.has(Field::Metadata) || !self.metadata_keys.is_empty()
    }

    /// Whether this key of `metadata` is answered.
    pub(crate) fn has_metadata(&self, key: &str) -> bool {
        self.has(Field::Metadata)
            || (!self.metadata_keys.is_empty() && {
                let key = fold_case(key);
                self.metadata_keys.contains(&key)
            })
    }

    /// Whether the field of this published name is answered, such as `email` or `metadata.city`.
    pub(crate) fn has_named(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((_, key)) => self.has_metadata(key),
            None => Field::ALL
                .into_iter()
                .any(|field| field.name() == name && self.has(field)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_any_case_and_others_refused() {
        let fields = Fields::parse("EMAIL, metadata.City").unwrap();
        assert!(fields.has(Field::Email) && !fields.has(Field::State) && !fields.has(Field::Metadata));
        assert!(fields.has_metadata("city") && !fields.has_metadata("title"));
        assert!(fields.has_named("metadata.city") && fields.has_named("email") && !fields.has_named("firstName"));
        assert!(Fields::default().has_metadata("anything"));
        for bad in ["", "email,", "colour", "metadata.", "email.x", "email;state"] {
            assert_eq!(Fields::parse(bad), None, "{bad:?}");
        }
    }
}
