//! The parameters of the legacy operations: one table for the parser, the OpenAPI document and `docs/migration.md`.

use std::borrow::Cow;

use masthead_domain::{
    email::MAX_EMAIL_BYTES,
    order::{Direction, SortColumn},
    query::MAX_PAGE_SIZE,
};

use super::{error::LegacyParameterError, operation::LegacyOperation, systems::LAST_SYSTEM};
use crate::{
    http::percent::query_pairs,
    v4::parameters::{
        error::{EchoedName, ParameterError},
        kind::{ParameterKind, ParameterSpec, words},
        query::decode_name,
        table::{DEPRECATED, MAX_PAGE_NUMBER},
        value::ParameterValue,
    },
};

/// The sources that the legacy `Type` parameter, or `{type}` in a path, selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegacySources {
    /// Type 0.
    ProviderAndStore,
    /// Type 1.
    ProviderOnly,
    /// Type 2.
    StoreOnly,
}

/// The parsed parameters of one request, one field for each row of [`TABLE`]; `None` where one is absent.
#[derive(Debug, Default)]
pub(super) struct LegacyParameters<'a> {
    pub(super) email: Option<Cow<'a, str>>,
    pub(super) encrypted_email: Option<Cow<'a, str>>,
    pub(super) encrypted_customer_registration_id: Option<Cow<'a, str>>,
    pub(super) sources: Option<LegacySources>,
    pub(super) only_active: Option<bool>,
    pub(super) sort_by: Option<SortColumn>,
    pub(super) sort_order: Option<Direction>,
    pub(super) users_per_page: Option<u16>,
    pub(super) page_number: Option<u32>,
    pub(super) lookup_in_user_provider: Option<bool>,
    pub(super) auth_system_id: Option<u32>,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct LegacyParameterRow {
    /// Its name is accepted with and without [`PREFIX`].
    pub(crate) spec: ParameterSpec,
    /// The operations that accept it.
    pub(crate) operations: &'static [LegacyOperation],
    /// The operation that requires it.
    pub(crate) required: Option<LegacyOperation>,
    /// Its successor in v4, where [`DEPRECATED`] does not name one.
    successor: Option<&'static str>,
    /// Parses a value into its field.
    set: for<'a> fn(&mut LegacyParameters<'a>, ParameterValue<'a>) -> Result<(), ParameterError>,
}

/// The optional prefix of each name, in any case.
pub(crate) const PREFIX: &str = "request.";

/// The values of `Type` and of `{type}` in paths.
pub(super) const TYPES: [(&str, LegacySources); 3] = [
    ("0", LegacySources::ProviderAndStore),
    ("1", LegacySources::ProviderOnly),
    ("2", LegacySources::StoreOnly),
];
pub(crate) static TYPE_WORDS: [&str; 3] = words(&TYPES);
const SORT_COLUMNS: [(&str, SortColumn); 6] = [
    ("Email", SortColumn::Email),
    ("FirstName", SortColumn::FirstName),
    ("LastName", SortColumn::LastName),
    ("DateRegistered", SortColumn::DateRegistered),
    ("ChangeDate", SortColumn::ChangeDate),
    ("CustomerRegistrationId", SortColumn::CustomerRegistrationId),
];
static SORT_WORDS: [&str; 6] = words(&SORT_COLUMNS);
const DIRECTIONS: [(&str, Direction); 4] = [
    ("asc", Direction::Ascending),
    ("desc", Direction::Descending),
    ("0", Direction::Ascending),
    ("1", Direction::Descending),
];
static DIRECTION_WORDS: [&str; 4] = words(&DIRECTIONS);

const LISTS: [LegacyOperation; 4] = [
    LegacyOperation::List,
    LegacyOperation::ByType,
    LegacyOperation::EncryptedEmail,
    LegacyOperation::EncryptedId,
];
/// The lists without a type in their path.
const UNTYPED: [LegacyOperation; 2] = [LegacyOperation::List, LegacyOperation::EncryptedEmail];

/// The table, in the order of the documents.
#[rustfmt::skip]
pub(crate) static TABLE: &[LegacyParameterRow] = &[
    LegacyParameterRow { operations: &[LegacyOperation::List, LegacyOperation::ByType], required: Some(LegacyOperation::ByType), successor: Some("`email`, with `emailMatch=contains` where a complete address is to match longer ones too"),
        set: |to, value| value.put_text(&mut to.email),
        spec: ParameterSpec { name: "email", kind: ParameterKind::EmailText { max_bytes: MAX_EMAIL_BYTES }, default: None, example: "ann",
            meaning: "on `/User` any part of the address, ignoring case; on `/User/{type}` a complete address is matched exactly, any other text by *contains*" } },
    LegacyParameterRow { operations: &[LegacyOperation::EncryptedEmail], required: Some(LegacyOperation::EncryptedEmail), successor: Some("`encryptedEmail`"),
        set: |to, value| value.put_text(&mut to.encrypted_email),
        spec: ParameterSpec { name: "encryptedEmail", kind: ParameterKind::Sealed, default: None, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
            meaning: "an encrypted e-mail address, which is matched exactly" } },
    LegacyParameterRow { operations: &[LegacyOperation::EncryptedId], required: Some(LegacyOperation::EncryptedId), successor: Some("`encryptedCustomerRegistrationId`"),
        set: |to, value| value.put_text(&mut to.encrypted_customer_registration_id),
        spec: ParameterSpec { name: "encryptedCustomerRegistrationId", kind: ParameterKind::Sealed, default: None, example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
            meaning: "an encrypted id, which is matched exactly" } },
    LegacyParameterRow { operations: &UNTYPED, required: None, successor: None,
        set: |to, value| value.put_choice(&mut to.sources, &TYPES),
        spec: ParameterSpec { name: "Type", kind: ParameterKind::Choice(&TYPE_WORDS), default: Some("0"), example: "2",
            meaning: "the sources: 0 provider and store, 1 the provider only, 2 the store only; where the tenant has no provider, always the store" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: None,
        set: |to, value| value.put_flag(&mut to.only_active),
        spec: ParameterSpec { name: "OnlyActive", kind: ParameterKind::Flag, default: Some("false"), example: "true",
            meaning: "`true` leaves out users whose state is Unverified; deleted users are never returned" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: None,
        set: |to, value| value.put_choice(&mut to.sort_by, &SORT_COLUMNS),
        spec: ParameterSpec { name: "SortBy", kind: ParameterKind::Choice(&SORT_WORDS), default: Some("Email"), example: "LastName",
            meaning: "the field to sort by; empty values come last, the id breaks ties" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: None,
        set: |to, value| value.put_choice(&mut to.sort_order, &DIRECTIONS),
        spec: ParameterSpec { name: "SortOrder", kind: ParameterKind::Choice(&DIRECTION_WORDS), default: Some("asc"), example: "desc",
            meaning: "`asc` or 0 ascending, `desc` or 1 descending" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: None,
        set: |to, value| value.put_number(&mut to.users_per_page, |size| u16::try_from(size).ok()),
        spec: ParameterSpec { name: "UsersPerPage", kind: ParameterKind::Number { min: 1, max: MAX_PAGE_SIZE as u32 }, default: Some("10"), example: "25",
            meaning: "how many users a page has at most" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: Some("`pageNumber`, or `cursor` to go deep"),
        set: |to, value| value.put_number(&mut to.page_number, Some),
        spec: ParameterSpec { name: "PageNumber", kind: ParameterKind::Number { min: 1, max: MAX_PAGE_NUMBER }, default: Some("1"), example: "2",
            meaning: "which page, from 1; past the end the page is empty" } },
    LegacyParameterRow { operations: &UNTYPED, required: None, successor: None,
        set: |to, value| value.put_flag(&mut to.lookup_in_user_provider),
        spec: ParameterSpec { name: "LookupInUserProvider", kind: ParameterKind::Flag, default: Some("true"), example: "false",
            meaning: "`false` queries the store only; it must not contradict `Type`" } },
    LegacyParameterRow { operations: &LISTS, required: None, successor: None,
        set: |to, value| value.put_number(&mut to.auth_system_id, Some),
        spec: ParameterSpec { name: "AuthSystemId", kind: ParameterKind::Number { min: 1, max: LAST_SYSTEM }, default: None, example: "1",
            meaning: "only users of this system: {systems}; a tenant's users are all of one system" } },
];

impl LegacyParameterRow {
    /// Its successor in v4.
    pub(crate) fn successor(&self) -> &'static str {
        let deprecated = || DEPRECATED.iter().find(|(old, _)| *old == self.spec.name);
        self.successor
            .or_else(|| deprecated().map(|(_, successor)| *successor))
            .unwrap_or_default()
    }
}

impl<'a> LegacyParameters<'a> {
    /// Reads a query string; `None` where it has no parameter at all.
    pub(super) fn from_query(
        query: &'a str,
        operation: LegacyOperation,
        ignore_unknown: bool,
    ) -> Result<Option<Self>, LegacyParameterError> {
        let mut parameters = Self::default();
        let mut pairs = query_pairs(query).peekable();
        if pairs.peek().is_none() {
            return Ok(None);
        }
        let mut given = Vec::new();
        for (raw_name, raw_value) in pairs {
            let Some(name) = decode_name(raw_name, ignore_unknown)? else {
                continue;
            };
            match find(&name, operation) {
                Some(row) => {
                    (row.set)(&mut parameters, ParameterValue::from_encoded(&row.spec, raw_value)?)?;
                    given.push(row.spec.name);
                }
                None if ignore_unknown => {}
                None => return Err(ParameterError::Unknown(EchoedName::from(&*name)).into()),
            }
        }
        let mut required = TABLE.iter().filter(|row| row.required == Some(operation));
        match required.find(|row| !given.contains(&row.spec.name)) {
            Some(row) => Err(LegacyParameterError::Missing(row.spec.name)),
            None => Ok(Some(parameters)),
        }
    }
}

/// Finds a name among the parameters of an operation.
fn find(name: &str, operation: LegacyOperation) -> Option<&'static LegacyParameterRow> {
    let bare = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
        _ => name,
    };
    TABLE
        .iter()
        .find(|row| row.spec.name.eq_ignore_ascii_case(bare) && row.operations.contains(&operation))
}

#[cfg(test)]
mod tests {
    use masthead_domain::query::DEFAULT_PAGE_SIZE;

    use super::*;

    #[test]
    fn every_row_has_a_successor_and_a_valid_example() {
        for row in TABLE {
            let name = row.spec.name;
            assert!(!row.successor().is_empty(), "{name}");
            assert!(row.required.is_none_or(|operation| row.operations.contains(&operation)));
            let value = ParameterValue::from_text(&row.spec, row.spec.example.into()).unwrap();
            assert_eq!((row.set)(&mut LegacyParameters::default(), value), Ok(()), "{name}");
        }
    }

    #[test]
    fn parameters_that_v4_dropped_still_exist() {
        for (name, _) in DEPRECATED {
            assert!(find(name, LegacyOperation::List).is_some(), "{name}");
        }
        let size = find("UsersPerPage", LegacyOperation::List).unwrap();
        assert_eq!(size.spec.default, Some(&*DEFAULT_PAGE_SIZE.to_string()));
    }
}
