//! The parameters of the legacy calls: one table for the parser, OpenAPI and `docs/migration.md`.

use masthead_domain::{email::MAX_EMAIL_BYTES, query::MAX_PAGE_SIZE};

use crate::parameters::{
    kind::Kind,
    table::{DEPRECATED, MAX_PAGE_NUMBER},
};

use super::systems::LAST_SYSTEM;

/// The calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// `GET /User?email=…`
    List,
    /// `GET /User/{type}?email=…`
    ByType,
    /// `GET /User/{crid}/{type}`
    ById,
    /// `GET /User/Encrypted?encryptedEmail=…`
    EncryptedEmail,
    /// `GET /User/Encrypted/{type}?encryptedCustomerRegistrationId=…`
    EncryptedId,
}

/// The parameters that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Email,
    EncryptedEmail,
    EncryptedCustomerRegistrationId,
    Type,
    OnlyActive,
    SortBy,
    SortOrder,
    UsersPerPage,
    PageNumber,
    LookupInUserProvider,
    AuthSystemId,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) id: Parameter,
    /// The name as it is printed; it is taken in any case, with and without `request.` before it.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Option<&'static str>,
    /// The calls that take it.
    pub(super) calls: &'static [Call],
    /// The call that cannot do without it.
    pub(super) required: Option<Call>,
    pub(super) meaning: &'static str,
    /// What v4 takes in its place, where [`DEPRECATED`] does not say it.
    successor: Option<&'static str>,
    pub(super) example: &'static str,
}

/// What may stand before each name, in any case.
pub(super) const PREFIX: &str = "request.";

/// The values of `type`: provider and store, provider only, store only.
pub(super) const TYPES: [&str; 3] = ["0", "1", "2"];
/// The names by which lists are sorted; [`Parameter::SortBy`]'s choices.
pub(super) const SORT_NAMES: [&str; 6] = [
    "Email",
    "FirstName",
    "LastName",
    "DateRegistered",
    "ChangeDate",
    "CustomerRegistrationId",
];
/// Ascending, descending, and the same as numbers.
pub(super) const DIRECTIONS: [&str; 4] = ["asc", "desc", "0", "1"];

const LISTS: [Call; 4] = [Call::List, Call::ByType, Call::EncryptedEmail, Call::EncryptedId];
/// The lists without a type in their path.
const UNTYPED: [Call; 2] = [Call::List, Call::EncryptedEmail];

/// The table, in the order in which it is printed; [`Parameter`] counts its rows.
#[rustfmt::skip]
pub(super) static TABLE: [Spec; 11] = [
    Spec { id: Parameter::Email, name: "email", kind: Kind::EmailText { max_bytes: MAX_EMAIL_BYTES }, default: None, calls: &[Call::List, Call::ByType], required: Some(Call::ByType), example: "ann",
        meaning: "on `/User` any part of the address, ignoring case; on `/User/{type}` a complete address matches exactly, anything else by *contains*", successor: Some("`email`, with `emailMatch=contains` where a complete address is to match longer ones too") },
    Spec { id: Parameter::EncryptedEmail, name: "encryptedEmail", kind: Kind::Sealed, default: None, calls: &[Call::EncryptedEmail], required: Some(Call::EncryptedEmail), example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
        meaning: "an encrypted e-mail address, which then matches exactly", successor: Some("`encryptedEmail`") },
    Spec { id: Parameter::EncryptedCustomerRegistrationId, name: "encryptedCustomerRegistrationId", kind: Kind::Sealed, default: None, calls: &[Call::EncryptedId], required: Some(Call::EncryptedId), example: "qv5S0m9fZ2l2ZW4tYnktdXM=",
        meaning: "an encrypted id, which then matches exactly", successor: Some("`encryptedCustomerRegistrationId`") },
    Spec { id: Parameter::Type, name: "Type", kind: Kind::Choice(&TYPES), default: Some("0"), calls: &UNTYPED, required: None, example: "2",
        meaning: "who is asked: 0 provider and store, 1 the provider only, 2 the store only; where the tenant has no provider, always the store", successor: None },
    Spec { id: Parameter::OnlyActive, name: "OnlyActive", kind: Kind::Flag, default: Some("false"), calls: &LISTS, required: None, example: "true",
        meaning: "`true` leaves out users whose state is Unverified; deleted ones are never answered", successor: None },
    Spec { id: Parameter::SortBy, name: "SortBy", kind: Kind::Choice(&SORT_NAMES), default: Some("Email"), calls: &LISTS, required: None, example: "LastName",
        meaning: "the field to sort by; empty values come last, the id breaks ties", successor: None },
    Spec { id: Parameter::SortOrder, name: "SortOrder", kind: Kind::Choice(&DIRECTIONS), default: Some("asc"), calls: &LISTS, required: None, example: "desc",
        meaning: "`asc` or 0 ascending, `desc` or 1 descending", successor: None },
    Spec { id: Parameter::UsersPerPage, name: "UsersPerPage", kind: Kind::Number { min: 1, max: MAX_PAGE_SIZE as u32 }, default: Some("10"), calls: &LISTS, required: None, example: "25",
        meaning: "how many users a page has at most", successor: None },
    Spec { id: Parameter::PageNumber, name: "PageNumber", kind: Kind::Number { min: 1, max: MAX_PAGE_NUMBER }, default: Some("1"), calls: &LISTS, required: None, example: "2",
        meaning: "which page, from 1; past the end the page is empty", successor: Some("`pageNumber`, or `cursor` to go deep") },
    Spec { id: Parameter::LookupInUserProvider, name: "LookupInUserProvider", kind: Kind::Flag, default: Some("true"), calls: &UNTYPED, required: None, example: "false",
        meaning: "`false` asks the store only; beside `Type` it must not contradict it", successor: None },
    Spec { id: Parameter::AuthSystemId, name: "AuthSystemId", kind: Kind::Number { min: 1, max: LAST_SYSTEM }, default: None, calls: &LISTS, required: None, example: "1",
        meaning: "only users of this system: 1 MG2, 2 Firefly, 3 Auth0, 4 Gigya, 5 SSOR; a tenant's users are all of one system", successor: None },
];

impl Spec {
    /// What v4 takes in its place.
    pub(super) fn successor(&self) -> &'static str {
        self.successor
            .or_else(|| {
                DEPRECATED
                    .iter()
                    .find(|(old, _)| *old == self.name)
                    .map(|(_, successor)| *successor)
            })
            .unwrap_or_default()
    }
}

/// The row of this name in this call.
pub(super) fn find(name: &str, call: Call) -> Option<&'static Spec> {
    let bare = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
        _ => name,
    };
    TABLE
        .iter()
        .find(|spec| spec.name.eq_ignore_ascii_case(bare) && spec.calls.contains(&call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use masthead_domain::query::DEFAULT_PAGE_SIZE;

    #[test]
    fn the_names_count_the_rows_and_every_one_has_a_successor() {
        for (row, spec) in TABLE.iter().enumerate() {
            assert_eq!(spec.id as usize, row, "{}", spec.name);
            assert!(!spec.successor().is_empty(), "{}", spec.name);
            assert!(spec.required.is_none_or(|call| spec.calls.contains(&call)));
        }
    }

    #[test]
    fn every_parameter_that_v4_dropped_works_here() {
        for (name, _) in DEPRECATED {
            assert!(find(name, Call::List).is_some(), "{name}");
        }
        assert_eq!(
            TABLE[Parameter::UsersPerPage as usize].default,
            Some(&*DEFAULT_PAGE_SIZE.to_string())
        );
    }
}
