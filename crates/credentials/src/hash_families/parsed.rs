//! What every family provides.

use masthead_ports::passwords::PasswordHashError;

use crate::{
    cost::Argon2Cost,
    forms::Origin,
    memory::Argon2Memory,
    secrets::{HashSecrets, MissingSecretError},
};

/// What a comparison needs besides the password.
pub(crate) struct MatchContext<'a> {
    pub(crate) secrets: &'a HashSecrets,
    pub(crate) memory: &'a mut Argon2Memory,
}

/// A hash that can be verified: its parts are valid and within the bounds.
pub(crate) trait ParsedHash: Send + Sync {
    /// The name of the family, for metrics.
    fn family(&self) -> &'static str;

    /// The name for reports.
    fn scheme(&self) -> String {
        self.family().to_owned()
    }

    /// The one text under which a hash of this family is stored.
    fn canonical(&self) -> String;

    /// Whether these bytes are the password. The comparison takes the same time wherever the first difference is.
    fn matches(&self, password: &[u8], cx: &mut MatchContext<'_>) -> Result<bool, MissingSecretError>;

    /// Whether [`Self::matches`] uses a secret.
    fn needs_secrets(&self) -> bool {
        false
    }

    /// The memory that [`Self::matches`] takes, where it is much.
    fn memory_kib(&self) -> u32 {
        0
    }

    /// The system that made the hash.
    fn origin(&self) -> Origin {
        Origin::Other
    }

    /// Whether it is an Argon2id hash as it would be made anew.
    fn is_current(&self, _cost: Argon2Cost) -> bool {
        false
    }
}

pub(crate) type ParseResult = Result<Box<dyn ParsedHash>, PasswordHashError>;

/// Parses a text; `None` when it is of another family.
pub(super) type ParseFamily = fn(&str) -> Option<ParseResult>;

/// The result of a family's parser.
pub(super) fn boxed<T: ParsedHash + 'static>(parsed: Result<T, PasswordHashError>) -> ParseResult {
    parsed.map(|hash| Box::new(hash) as Box<dyn ParsedHash>)
}
