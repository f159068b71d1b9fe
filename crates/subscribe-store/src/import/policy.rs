//! What is done with a row whose id or address another user has.

use std::str::FromStr;

/// What is done with a row whose id, or whose address where it must be unique, another row or a registration has. The id of the
/// registration always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The row is rejected.
    Reject,
    /// The row is skipped: the first stays.
    Skip,
    /// The one with the later change date wins; its unset fields are taken from the other.
    Newest,
    /// A verified row wins over an unverified user; its unset fields are taken from the other.
    Verified,
    /// What is unset is taken from the row.
    Merge,
}

impl OnDuplicate {
    /// Whether a row can change a registration.
    pub(super) const fn is_merging(self) -> bool {
        matches!(self, Self::Newest | Self::Verified | Self::Merge)
    }
}

/// A name of a policy that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be reject, skip, first, newest, verified or merge")]
pub struct OnDuplicateError;

impl FromStr for OnDuplicate {
    type Err = OnDuplicateError;

    fn from_str(name: &str) -> Result<Self, OnDuplicateError> {
        Ok(match name {
            "reject" => Self::Reject,
            "skip" | "first" => Self::Skip,
            "newest" => Self::Newest,
            "verified" => Self::Verified,
            "merge" => Self::Merge,
            _ => return Err(OnDuplicateError),
        })
    }
}

/// The policies of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicatePolicy {
    /// Of a row whose id or address an earlier row has.
    pub in_file: OnDuplicate,
    /// Of a row whose id a registration has that was there before.
    pub stored_id: OnDuplicate,
    /// Of a row whose address another registration has that was there before.
    pub stored_email: OnDuplicate,
}

impl DuplicatePolicy {
    /// One policy for all.
    #[must_use]
    pub const fn all(policy: OnDuplicate) -> Self {
        Self {
            in_file: policy,
            stored_id: policy,
            stored_email: policy,
        }
    }

    /// Whether a row can change a registration.
    pub(super) const fn is_merging(self) -> bool {
        self.in_file.is_merging() || self.stored_id.is_merging() || self.stored_email.is_merging()
    }
}

impl Default for DuplicatePolicy {
    /// A second row of a file is rejected, and what the store has is skipped: an import can be run again.
    fn default() -> Self {
        Self {
            in_file: OnDuplicate::Reject,
            stored_id: OnDuplicate::Skip,
            stored_email: OnDuplicate::Skip,
        }
    }
}
