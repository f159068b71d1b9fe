//! The reference of the settings.

/// The reference with every key and its default.
pub const REFERENCE: &str = include_str!("../../default.toml");

/// A table whose keys are chosen by the operator.
pub(super) const FREE_TABLE: &str = "sealing.keys";
