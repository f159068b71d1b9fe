//! Why a registration cannot be written.

use thiserror::Error;

/// A registration cannot be written. The error names its number in the store and the field, and no value.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A time outside the years 0 to 9999, which RFC 3339 cannot express.
    #[error("registration {registration}: {field} is outside the years 0 to 9999")]
    Time {
        /// The number of the registration; 0 where it has none.
        registration: i64,
        /// The field.
        field: &'static str,
    },
    /// The line cannot be made.
    #[error("registration {registration} cannot be written")]
    Line {
        /// The number of the registration; 0 where it has none.
        registration: i64,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
