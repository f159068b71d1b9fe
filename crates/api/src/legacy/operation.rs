//! The legacy operations, and how a path selects one.

/// A legacy operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegacyOperation {
    /// `GET /User?email=…`
    List,
    /// `GET /User/{type}?email=…`
    ByType,
    /// `GET /User/{crid}/{type}`
    ById,
    /// `GET /User/Encrypted?encryptedEmail=…`
    EncryptedEmail,
    /// `GET /User/Encrypted/{type}?encryptedCustomerRegistrationId=…`
    EncryptedId,
}

/// A legacy path, its segments still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegacyPath<'p> {
    List,
    ByType { kind: &'p str },
    ById { id: &'p str, kind: &'p str },
    EncryptedEmail,
    EncryptedId { kind: &'p str },
}

impl<'p> LegacyPath<'p> {
    /// The path with these segments after `/User`. `Encrypted`, in any case, is never an id; another single segment is a
    /// type; two segments are an id and a type, also when the id looks like a type.
    pub(crate) fn from_segments(first: Option<&'p str>, second: Option<&'p str>) -> Self {
        let is_encrypted = |segment: &str| segment.eq_ignore_ascii_case("Encrypted");
        match (first, second) {
            (None, _) => Self::List,
            (Some(first), None) if is_encrypted(first) => Self::EncryptedEmail,
            (Some(kind), None) => Self::ByType { kind },
            (Some(first), Some(kind)) if is_encrypted(first) => Self::EncryptedId { kind },
            (Some(id), Some(kind)) => Self::ById { id, kind },
        }
    }

    /// The operation of the path.
    pub(crate) const fn operation(self) -> LegacyOperation {
        match self {
            Self::List => LegacyOperation::List,
            Self::ByType { .. } => LegacyOperation::ByType,
            Self::ById { .. } => LegacyOperation::ById,
            Self::EncryptedEmail => LegacyOperation::EncryptedEmail,
            Self::EncryptedId { .. } => LegacyOperation::EncryptedId,
        }
    }
}
