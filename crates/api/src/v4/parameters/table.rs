//! The table of the v4 parameters, and the values of one request; the parser, the OpenAPI document and docs/api.md are made
//! of it (contract §3.1).

use std::borrow::Cow;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::MAX_EMAIL_BYTES,
    metadata::{MAX_KEY_BYTES, MetadataPair},
    order::{Direction, SortColumn},
    query::{CountMode, MAX_PAGE_SIZE, NamePrefix, OnProviderFailure, UserFilter},
};

use super::{
    error::{EchoedName, ParameterError},
    kind::{ParameterKind, ParameterSpec, words},
    value::ParameterValue,
};
use crate::v4::{
    code::ContractOrigin::{self, Extension, Published},
    operation::V4Operation,
};

/// How `email` matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmailMatchMode {
    Exact,
    Prefix,
    Contains,
}

/// The parameters of one request; `None` is an absent one.
#[derive(Debug, Default)]
pub(crate) struct V4Parameters<'a> {
    /// The conditions that one parameter decides alone; the others are added by [`V4Parameters::into_search`].
    pub(super) filter: UserFilter,
    pub(super) ignore_provider: Option<bool>,
    pub(super) email: Option<Cow<'a, str>>,
    pub(super) email_match: Option<EmailMatchMode>,
    pub(super) encrypted_email: Option<Cow<'a, str>>,
    pub(super) customer_registration_id: Option<Cow<'a, str>>,
    pub(super) encrypted_customer_registration_id: Option<Cow<'a, str>>,
    pub(super) token: Option<Cow<'a, str>>,
    pub(super) page_size: Option<u16>,
    pub(super) page_number: Option<u32>,
    pub(super) order_by: Option<SortColumn>,
    pub(super) order_by_type: Option<Direction>,
    pub(super) cursor: Option<Cow<'a, str>>,
    pub(super) count: Option<CountMode>,
    pub(super) fields: Option<Cow<'a, str>>,
    pub(super) explain: Option<bool>,
    pub(super) on_provider_failure: Option<OnProviderFailure>,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct V4ParameterRow {
    pub(crate) spec: ParameterSpec,
    /// Whether Get By Id accepts it too.
    pub(crate) by_id: bool,
    pub(crate) origin: ContractOrigin,
    /// Parses a value into its field.
    pub(super) set: for<'a> fn(&mut V4Parameters<'a>, ParameterValue<'a>) -> Result<(), ParameterError>,
}

/// The parameters that are conditions on each user alone, which exports take too.
const CONDITIONS: [&str; 7] = [
    "email",
    "emailMatch",
    "encryptedEmail",
    "customerRegistrationId",
    "encryptedCustomerRegistrationId",
    "firstName",
    "lastName",
];

impl V4ParameterRow {
    /// Whether exports take it.
    pub(crate) fn is_condition(&self) -> bool {
        CONDITIONS.contains(&self.spec.name)
    }

    fn is_taken_by(&self, operation: V4Operation) -> bool {
        match operation {
            V4Operation::GetUser => self.by_id,
            V4Operation::ListUsers => true,
            V4Operation::ExportUsers => self.is_condition(),
        }
    }
}

/// The largest page number.
pub(crate) const MAX_PAGE_NUMBER: u32 = i32::MAX as u32;
/// The longest token of a user, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest prefix of a name, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The longest value of a `metadata.{key}`, in bytes.
pub(crate) use masthead_domain::user_change::MAX_METADATA_VALUE_BYTES;
/// The most `metadata.{key}` parameters of one request.
pub(crate) const MAX_METADATA_PAIRS: usize = 32;

/// The prefix of `metadata.{key}`, in any case.
const METADATA_PREFIX: &str = "metadata.";
/// What `metadata.{key}` does.
pub(crate) const METADATA_MEANING: &str = "the value of this metadata key equals the given one, ignoring case in both; one parameter for each key, all of \
     which must match; `metadata.firstName` and `metadata.lastName` also match the top-level fields";

const EMAIL_MATCHES: [(&str, EmailMatchMode); 3] = [
    ("exact", EmailMatchMode::Exact),
    ("prefix", EmailMatchMode::Prefix),
    ("contains", EmailMatchMode::Contains),
];
static EMAIL_MATCH_WORDS: [&str; 3] = words(&EMAIL_MATCHES);
const COUNTS: [(&str, CountMode); 3] = [
    ("exact", CountMode::Exact),
    ("estimate", CountMode::Estimate),
    ("none", CountMode::None),
];
static COUNT_WORDS: [&str; 3] = words(&COUNTS);
const FAILURES: [(&str, OnProviderFailure); 2] = [
    ("degrade", OnProviderFailure::Degrade),
    ("fail", OnProviderFailure::Fail),
];
static FAILURE_WORDS: [&str; 2] = words(&FAILURES);

const fn direction(number: u32) -> Option<Direction> {
    match number {
        0 => Some(Direction::Ascending),
        1 => Some(Direction::Descending),
        _ => None,
    }
}

/// The table, in the order of the documents.
#[rustfmt::skip]
pub(crate) static TABLE: &[V4ParameterRow] = &[
    V4ParameterRow { by_id: true, origin: Published, set: |to, value| value.put_flag(&mut to.ignore_provider),
        spec: ParameterSpec { name: "ignoreProvider", kind: ParameterKind::Flag, default: Some("false"), example: "true",
            meaning: "`true` reads only the Subscribe registrations; otherwise a tenant's provider is queried too and the answers are merged" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_text(&mut to.email),
        spec: ParameterSpec { name: "email", kind: ParameterKind::EmailText { max_bytes: MAX_EMAIL_BYTES }, default: None, example: "ann@example.com",
            meaning: "a full or partial e-mail address, ignoring case: a complete address (also `ann@intranet` and `ann@[192.0.2.1]`) is matched exactly, any other text by *contains* (a setting of the tenant makes it always *contains*); letters beyond ASCII of a domain are found by whole labels, such as `m\u{fc}nchen`; a `+` needs no percent-encoding" } },
    V4ParameterRow { by_id: false, origin: Extension, set: |to, value| value.put_choice(&mut to.email_match, &EMAIL_MATCHES),
        spec: ParameterSpec { name: "emailMatch", kind: ParameterKind::Choice(&EMAIL_MATCH_WORDS), default: None, example: "prefix",
            meaning: "how `email` matches, in place of the rule above" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_text(&mut to.encrypted_email),
        spec: ParameterSpec { name: "encryptedEmail", kind: ParameterKind::Sealed, default: None, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
            meaning: "an encrypted e-mail address, which is matched exactly" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_text(&mut to.customer_registration_id),
        spec: ParameterSpec { name: "customerRegistrationId", kind: ParameterKind::Id, default: None, example: "2937",
            meaning: "the user's id equals this value" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_text(&mut to.encrypted_customer_registration_id),
        spec: ParameterSpec { name: "encryptedCustomerRegistrationId", kind: ParameterKind::Sealed, default: None, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
            meaning: "an encrypted id, which is matched exactly" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_text(&mut to.token),
        spec: ParameterSpec { name: "token", kind: ParameterKind::Text { max_bytes: MAX_TOKEN_BYTES }, default: None, example: "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            meaning: "a token of the user from the issuer that the tenant's settings `Token.Issuer`, `Token.JwksUrl` and `Token.Audience` name: its subject is the user's id" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put(&mut to.filter.first_name, |text| Some(NamePrefix::from_text(&text))),
        spec: ParameterSpec { name: "firstName", kind: ParameterKind::Text { max_bytes: MAX_NAME_BYTES }, default: None, example: "Ann",
            meaning: "the first name starts with this text, ignoring case and accents" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put(&mut to.filter.last_name, |text| Some(NamePrefix::from_text(&text))),
        spec: ParameterSpec { name: "lastName", kind: ParameterKind::Text { max_bytes: MAX_NAME_BYTES }, default: None, example: "Lee",
            meaning: "the last name starts with this text, ignoring case and accents" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_number(&mut to.page_size, |size| u16::try_from(size).ok()),
        spec: ParameterSpec { name: "pageSize", kind: ParameterKind::Number { min: 1, max: MAX_PAGE_SIZE as u32 }, default: Some("10"), example: "25",
            meaning: "how many users a page has at most" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_number(&mut to.page_number, Some),
        spec: ParameterSpec { name: "pageNumber", kind: ParameterKind::Number { min: 1, max: MAX_PAGE_NUMBER }, default: Some("1"), example: "2",
            meaning: "which page, from 1; past the end the page is empty; too deep is E400_90: continue with `cursor`" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_number(&mut to.order_by, |number| SortColumn::from_number(u8::try_from(number).ok()?)),
        spec: ParameterSpec { name: "orderBy", kind: ParameterKind::Number { min: 1, max: 8 }, default: Some("2"), example: "4",
            meaning: "the column to sort by: 1 customerRegistrationId, 2 email, 3 firstName, 4 lastName, 5 state, 6 verified, 7 dateRegistered, 8 changeDate; empty values come last, the id breaks ties" } },
    V4ParameterRow { by_id: false, origin: Published, set: |to, value| value.put_number(&mut to.order_by_type, direction),
        spec: ParameterSpec { name: "orderByType", kind: ParameterKind::Number { min: 0, max: 1 }, default: Some("0"), example: "1",
            meaning: "0 ascending, 1 descending" } },
    V4ParameterRow { by_id: false, origin: Extension, set: |to, value| value.put_text(&mut to.cursor),
        spec: ParameterSpec { name: "cursor", kind: ParameterKind::Sealed, default: None, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
            meaning: "`meta.nextCursor` of the page before, with the same filter, order and sources; beside it `pageNumber` is 1 or not given" } },
    V4ParameterRow { by_id: false, origin: Extension, set: |to, value| value.put_choice(&mut to.count, &COUNTS),
        spec: ParameterSpec { name: "count", kind: ParameterKind::Choice(&COUNT_WORDS), default: Some("exact"), example: "none",
            meaning: "whether `meta.totalRecords` is exact, an estimate (then `meta.totalIsEstimate` is true), or left out" } },
    V4ParameterRow { by_id: true, origin: Extension, set: |to, value| value.put_text(&mut to.fields),
        spec: ParameterSpec { name: "fields", kind: ParameterKind::Fields, default: None, example: "email,metadata.city",
            meaning: "returns only these fields of each user: a comma-separated list of names, `metadata.{key}` for one key" } },
    V4ParameterRow { by_id: true, origin: Extension, set: |to, value| value.put_flag(&mut to.explain),
        spec: ParameterSpec { name: "explain", kind: ParameterKind::Flag, default: Some("false"), example: "true",
            meaning: "adds `provenance` to each user: the source of each field that has one" } },
    V4ParameterRow { by_id: true, origin: Extension, set: |to, value| value.put_choice(&mut to.on_provider_failure, &FAILURES),
        spec: ParameterSpec { name: "onProviderFailure", kind: ParameterKind::Choice(&FAILURE_WORDS), default: Some("degrade"), example: "fail",
            meaning: "`fail` returns 503 when a source did not answer live; `degrade` returns what is known and reports that it is incomplete" } },
];

/// The parameters of older versions, and their successors.
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

impl V4Parameters<'_> {
    /// Takes the token of the user that is searched.
    pub(crate) fn take_token(&mut self) -> Option<String> {
        self.token.take().map(Cow::into_owned)
    }

    /// Finds only the user with this id.
    pub(crate) fn restrict_to(&mut self, id: CustomerRegistrationId) {
        self.filter.crids.push(id);
    }

    /// Adds a `metadata.{key}` with its decoded value.
    pub(super) fn add_metadata(&mut self, key: &str, value: &str) -> Result<(), ParameterError> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
            return Err(ParameterError::MetadataKey);
        }
        let name = || EchoedName::from(&*format!("metadata.{key}"));
        if value.is_empty() {
            return Err(ParameterError::Empty(name()));
        }
        if value.contains('\0') {
            return Err(ParameterError::ContainsNul(name()));
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            return Err(ParameterError::TooLong(name(), MAX_METADATA_VALUE_BYTES));
        }
        if self.filter.metadata.len() == MAX_METADATA_PAIRS {
            return Err(ParameterError::TooManyMetadata(MAX_METADATA_PAIRS));
        }
        let pair = MetadataPair::new(key, value);
        if self.filter.metadata.iter().any(|other| other.key() == pair.key()) {
            return Err(ParameterError::Repeated(name()));
        }
        self.filter.metadata.push(pair);
        Ok(())
    }
}

/// What the name of a request's parameter means.
#[derive(Debug)]
pub(super) enum NameMatch<'a> {
    Known(&'static V4ParameterRow),
    /// `metadata.{key}`, with the key.
    Metadata(&'a str),
    /// A deprecated parameter and its successor.
    Deprecated(&'static str, &'static str),
    Unknown,
}

/// Finds a name among the parameters of an operation.
pub(super) fn find(name: &str, operation: V4Operation) -> NameMatch<'_> {
    let known = TABLE.iter().find(|row| row.spec.name.eq_ignore_ascii_case(name));
    if let Some(row) = known.filter(|row| row.is_taken_by(operation)) {
        return NameMatch::Known(row);
    }
    if operation != V4Operation::GetUser
        && let Some((prefix, key)) = name.split_at_checked(METADATA_PREFIX.len())
        && prefix.eq_ignore_ascii_case(METADATA_PREFIX)
    {
        return NameMatch::Metadata(key);
    }
    DEPRECATED
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(name))
        .map_or(NameMatch::Unknown, |(old, successor)| {
            NameMatch::Deprecated(old, successor)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_valid_value() {
        for row in TABLE {
            let value = ParameterValue::from_text(&row.spec, row.spec.example.into()).unwrap();
            assert_eq!(
                (row.set)(&mut V4Parameters::default(), value),
                Ok(()),
                "{}",
                row.spec.name
            );
        }
    }
}
