//! One user of a file, mapped to the fields of Masthead.

use std::fmt;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata, tenant::TenantId,
};
use masthead_ports::passwords::PasswordHash;
use time::OffsetDateTime;

/// One user of a file, mapped to the fields of Masthead (docs/moving-in.md).
#[derive(Clone)]
pub struct ImportedUser {
    /// The tenant that the row names; `None` if it names none.
    pub tenant: Option<TenantId>,
    /// The id: the provider's stable id, verbatim.
    pub crid: CustomerRegistrationId,
    /// The address.
    pub email: Option<Email>,
    /// The first name, `""` when unset.
    pub first_name: Box<str>,
    /// The last name, `""` when unset.
    pub last_name: Box<str>,
    /// Whether the row states that the address is verified.
    pub verified: bool,
    /// The canonical hash; `None` if the row has none, or none that can be verified here.
    pub password_hash: Option<PasswordHash>,
    /// The family of the hash, for reports: `bcrypt-10`.
    pub hash_scheme: Option<Box<str>>,
    /// The metadata.
    pub metadata: Metadata,
    /// When the user registered.
    pub registered_at: Option<OffsetDateTime>,
    /// When the record last changed.
    pub changed_at: Option<OffsetDateTime>,
    /// When the user last logged out; only of Masthead's own files.
    pub last_logout_at: Option<OffsetDateTime>,
    /// What the report counts about the row.
    pub notes: RowNotes,
}

/// What the report counts about a row that is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowNotes {
    /// The row does not state whether the address is verified.
    pub verified_missing: bool,
    /// Why the row's hash was dropped.
    pub unusable_hash: Option<UnusableHash>,
    /// The fields whose time is outside 1970 … now + 1 day and was left unset.
    pub dates_out_of_range: Vec<&'static str>,
    /// The fields whose time is in no form that is understood and was left unset.
    pub dates_unreadable: Vec<&'static str>,
    /// The fields of the file that the mapping does not use, by their names or paths; never values.
    pub unmapped: Vec<Box<str>>,
    /// The keys of metadata that differ from another only in case, or not at all, and were left out.
    pub metadata_case_clashes: u32,
}

/// Why a row has no usable hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnusableHash(pub Box<str>);

impl fmt::Debug for ImportedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedUser(<redacted>)")
    }
}
