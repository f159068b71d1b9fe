//! What the mapping of a row depends on besides the row.

use time::OffsetDateTime;

/// What becomes of accounts that are blocked at their source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlockedPolicy {
    /// Their rows are rejected.
    #[default]
    Reject,
    /// They are imported without their password hash.
    Lite,
    /// They are imported with their password hash, and blocked: sign-in is refused.
    Keep,
}

/// What the mapping of a row depends on besides the row.
#[derive(Debug, Clone, Copy)]
pub struct MapContext {
    /// The current time. A time more than a day later is out of range.
    pub now: OffsetDateTime,
    /// What becomes of blocked accounts.
    pub blocked: BlockedPolicy,
}
