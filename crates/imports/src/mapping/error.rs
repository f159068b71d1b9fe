//! Why a mapping file is refused.

use thiserror::Error;

/// Why a mapping file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingFileError {
    /// It is not TOML of the grammar; the text names the place.
    #[error("{0}")]
    Toml(String),
    /// A path, form or combination is invalid.
    #[error("{place}: {reason}")]
    Invalid {
        /// The table and key.
        place: Box<str>,
        /// Why.
        reason: Box<str>,
    },
}

pub(super) fn invalid(place: &str, reason: impl Into<Box<str>>) -> MappingFileError {
    MappingFileError::Invalid {
        place: place.into(),
        reason: reason.into(),
    }
}
