//! The wall clock.

use time::OffsetDateTime;

/// Tells the time of day; the only way to it, so that tests can stop it.
pub trait Clock: Send + Sync {
    /// The moment, in UTC.
    fn now(&self) -> OffsetDateTime;
}
