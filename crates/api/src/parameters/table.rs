//! The table of parameters; the parser, OpenAPI and docs/api.md are made of it (contract §3.1).

use masthead_domain::{email::MAX_EMAIL_BYTES, query::MAX_PAGE_SIZE};

use super::kind::Kind;
use crate::{code::Origin, error::Call};

/// The parameters that are known by one name; `metadata.{key}` is known by many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    IgnoreProvider,
    Email,
    EmailMatch,
    EncryptedEmail,
    CustomerRegistrationId,
    EncryptedCustomerRegistrationId,
    FirstName,
    LastName,
    PageSize,
    PageNumber,
    OrderBy,
    OrderByType,
    Cursor,
    Count,
    Fields,
    Explain,
    OnProviderFailure,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) id: Parameter,
    /// The name as it is printed; it is taken in any case.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What holds when it is not given.
    pub(crate) default: Option<&'static str>,
    /// Whether Get By Id takes it too.
    pub(crate) by_id: bool,
    pub(crate) origin: Origin,
    pub(crate) meaning: &'static str,
    pub(crate) example: &'static str,
}

/// The largest sealed text that is looked at, in bytes.
pub(crate) const MAX_SEALED_BYTES: usize = 4096;
/// The largest page number.
pub(crate) const MAX_PAGE_NUMBER: u32 = i32::MAX as u32;
/// The longest beginning of a name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 255;
/// The longest value of a `metadata.{key}`, in bytes.
pub(crate) const MAX_METADATA_VALUE_BYTES: usize = 4096;
/// How many `metadata.{key}` one request may have.
pub(crate) const MAX_METADATA_PAIRS: usize = 32;
/// The longest list of fields, in bytes.
pub(crate) const MAX_FIELDS_BYTES: usize = 2048;

/// What `metadata.{key}` begins with, in any case.
pub(crate) const METADATA_PREFIX: &str = "metadata.";
/// What `metadata.{key}` does.
pub(crate) const METADATA_MEANING: &str = "the value of this metadata key equals, ignoring case; the key in any case; one parameter per key, all of \
     which must hold; `metadata.firstName` and `metadata.lastName` also match the top-level fields";

const EMAIL_MATCHES: [&str; 3] = ["exact", "prefix", "contains"];
const COUNTS: [&str; 3] = ["exact", "estimate", "none"];
const FAILURES: [&str; 2] = ["degrade", "fail"];

use Origin::{Ours, Published};

/// The table, in the order in which it is printed; [`Parameter`] counts its rows.
#[rustfmt::skip]
pub(crate) static TABLE: [Spec; 17] = [
    Spec { id: Parameter::IgnoreProvider, name: "ignoreProvider", kind: Kind::Flag, default: Some("false"), by_id: true, origin: Published, example: "true",
        meaning: "`true` asks the Subscribe registrations alone; else a tenant's provider is asked too and the answers are merged" },
    Spec { id: Parameter::Email, name: "email", kind: Kind::EmailText { max_bytes: MAX_EMAIL_BYTES }, default: None, by_id: false, origin: Published, example: "ann@example.com",
        meaning: "full or partial e-mail address, ignoring case: a complete address (also `ann@intranet` and `ann@[192.0.2.1]`) matches exactly, anything else by *contains* (a tenant's switch makes it *contains* always); a `+` may be written as it is" },
    Spec { id: Parameter::EmailMatch, name: "emailMatch", kind: Kind::Choice(&EMAIL_MATCHES), default: None, by_id: false, origin: Ours, example: "prefix",
        meaning: "how `email` matches, in place of the rule above" },
    Spec { id: Parameter::EncryptedEmail, name: "encryptedEmail", kind: Kind::Sealed, default: None, by_id: false, origin: Published, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
        meaning: "an encrypted e-mail address, which then matches exactly" },
    Spec { id: Parameter::CustomerRegistrationId, name: "customerRegistrationId", kind: Kind::Id, default: None, by_id: false, origin: Published, example: "2937",
        meaning: "the user's id equals" },
    Spec { id: Parameter::EncryptedCustomerRegistrationId, name: "encryptedCustomerRegistrationId", kind: Kind::Sealed, default: None, by_id: false, origin: Published, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
        meaning: "an encrypted id, which then matches exactly" },
    Spec { id: Parameter::FirstName, name: "firstName", kind: Kind::Text { max_bytes: MAX_NAME_BYTES }, default: None, by_id: false, origin: Published, example: "Ann",
        meaning: "the first name starts with, ignoring case and accents" },
    Spec { id: Parameter::LastName, name: "lastName", kind: Kind::Text { max_bytes: MAX_NAME_BYTES }, default: None, by_id: false, origin: Published, example: "Lee",
        meaning: "the last name starts with, ignoring case and accents" },
    Spec { id: Parameter::PageSize, name: "pageSize", kind: Kind::Number { min: 1, max: MAX_PAGE_SIZE as u32 }, default: Some("10"), by_id: false, origin: Published, example: "25",
        meaning: "how many users a page has at most" },
    Spec { id: Parameter::PageNumber, name: "pageNumber", kind: Kind::Number { min: 1, max: MAX_PAGE_NUMBER }, default: Some("1"), by_id: false, origin: Published, example: "2",
        meaning: "which page, from 1; past the end the page is empty; too deep is E400_90: go on with `cursor`" },
    Spec { id: Parameter::OrderBy, name: "orderBy", kind: Kind::Number { min: 1, max: 8 }, default: Some("2"), by_id: false, origin: Published, example: "4",
        meaning: "the column to sort by: 1 customerRegistrationId, 2 email, 3 firstName, 4 lastName, 5 state, 6 verified, 7 dateRegistered, 8 changeDate; empty values come last, the id breaks ties" },
    Spec { id: Parameter::OrderByType, name: "orderByType", kind: Kind::Number { min: 0, max: 1 }, default: Some("0"), by_id: false, origin: Published, example: "1",
        meaning: "0 ascending, 1 descending" },
    Spec { id: Parameter::Cursor, name: "cursor", kind: Kind::Sealed, default: None, by_id: false, origin: Ours, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
        meaning: "`meta.nextCursor` of the page before, with the same filter, order and sources; beside it `pageNumber` is 1 or not given" },
    Spec { id: Parameter::Count, name: "count", kind: Kind::Choice(&COUNTS), default: Some("exact"), by_id: false, origin: Ours, example: "none",
        meaning: "whether `meta.totalRecords` is exact, an estimate (then `meta.totalIsEstimate` is true), or left out" },
    Spec { id: Parameter::Fields, name: "fields", kind: Kind::Fields, default: None, by_id: true, origin: Ours, example: "email,metadata.city",
        meaning: "only these fields of each user, names with commas between them, `metadata.{key}` for one key" },
    Spec { id: Parameter::Explain, name: "explain", kind: Kind::Flag, default: Some("false"), by_id: true, origin: Ours, example: "true",
        meaning: "adds `provenance` to each user: the source of each field that has one" },
    Spec { id: Parameter::OnProviderFailure, name: "onProviderFailure", kind: Kind::Choice(&FAILURES), default: Some("degrade"), by_id: true, origin: Ours, example: "fail",
        meaning: "`fail` answers 503 where a source did not answer live; `degrade` tells what is known and that it is incomplete" },
];

/// The parameters that older callers send, and what to send in their place.
pub(crate) const DEPRECATED: [(&str, &str); 7] = [
    ("Type", "use ignoreProvider"),
    ("OnlyActive", "read state and verified in the answer"),
    ("SortBy", "use orderBy"),
    ("SortOrder", "use orderByType"),
    ("UsersPerPage", "use pageSize"),
    ("LookupInUserProvider", "use ignoreProvider, its inverse"),
    (
        "AuthSystemId",
        "the tenant's headers choose the provider; use ignoreProvider",
    ),
];

/// What a name stands for.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Known(&'static Spec),
    /// `metadata.{key}`, with the key.
    Metadata(&'a str),
    Deprecated(&'static str, &'static str),
    Unknown,
}

/// What this name stands for in this call.
pub(crate) fn find(name: &str, call: Call) -> Found<'_> {
    let known = TABLE.iter().find(|spec| spec.name.eq_ignore_ascii_case(name));
    if let Some(spec) = known.filter(|spec| call == Call::List || spec.by_id) {
        return Found::Known(spec);
    }
    if call == Call::List
        && let Some((prefix, key)) = name.split_at_checked(METADATA_PREFIX.len())
        && prefix.eq_ignore_ascii_case(METADATA_PREFIX)
    {
        return Found::Metadata(key);
    }
    DEPRECATED
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(name))
        .map_or(Found::Unknown, |(old, successor)| Found::Deprecated(old, successor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_count_the_rows() {
        for (row, spec) in TABLE.iter().enumerate() {
            assert_eq!(spec.id as usize, row, "{}", spec.name);
        }
    }
}
