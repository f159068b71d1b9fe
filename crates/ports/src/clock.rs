//! The wall clock.

use time::OffsetDateTime;

/// Provides the current time; tests replace it.
pub trait Clock: Send + Sync {
    /// The current time, in UTC.
    fn now(&self) -> OffsetDateTime;
}
