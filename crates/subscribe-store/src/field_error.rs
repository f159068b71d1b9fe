//! The error of a value that cannot be stored.

/// A field that cannot be stored; the value is never contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct UnstorableFieldError {
    /// The field's name in an import.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}
