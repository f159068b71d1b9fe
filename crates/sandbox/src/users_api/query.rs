//! The parameters of a list in v4 (Users Orchestrator contract §3.1).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::error::UsersApiError;

/// How far page numbers reach, in rows.
const DEEPEST: usize = 100_000;
/// The longest page.
const LONGEST: usize = 1_000;
/// The default page size.
const DEFAULT_SIZE: usize = 10;

/// A condition on the users of a list. Addresses and names are folded as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum UserCondition {
    /// The address equals this.
    EmailIs(String),
    /// The address begins with this.
    EmailBegins(String),
    /// The address contains this.
    EmailContains(String),
    /// The id equals this.
    Id(String),
    /// The first name begins with this.
    FirstName(String),
    /// The last name begins with this.
    LastName(String),
    /// The metadata with this key (in lower case) has this value, ignoring case.
    Metadata(String, String),
    /// The state is not unverified.
    Active,
}

/// The column that users are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum UserColumn {
    Id,
    Email,
    FirstName,
    LastName,
    State,
    Verified,
    DateRegistered,
    ChangeDate,
}

/// The columns by the numbers of `orderBy`, from 1.
const COLUMNS: [UserColumn; 8] = [
    UserColumn::Id,
    UserColumn::Email,
    UserColumn::FirstName,
    UserColumn::LastName,
    UserColumn::State,
    UserColumn::Verified,
    UserColumn::DateRegistered,
    UserColumn::ChangeDate,
];

/// How matches are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountKind {
    Exact,
    Estimate,
    None,
}

/// A requested list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserListQuery {
    pub(super) conditions: Vec<UserCondition>,
    pub(super) column: UserColumn,
    pub(super) descending: bool,
    pub(super) skip: usize,
    pub(super) take: usize,
    pub(super) count: CountKind,
    /// Whether the provider is skipped.
    pub(super) ignores_provider: bool,
}

impl Default for UserListQuery {
    fn default() -> Self {
        Self {
            conditions: Vec::new(),
            column: UserColumn::Email,
            descending: false,
            skip: 0,
            take: DEFAULT_SIZE,
            count: CountKind::Exact,
            ignores_provider: false,
        }
    }
}

impl UserListQuery {
    /// Parses the parameters of v4; unknown, repeated and empty ones are invalid.
    pub(super) fn parse_v4(parameters: &[(String, String)]) -> Result<Self, UsersApiError> {
        let mut known = BTreeSet::new();
        let mut query = Self::default();
        let (mut email, mut email_match) = (None, None);
        let (mut page, mut cursor) = (None, None);
        for (name, value) in parameters {
            let name = name.to_lowercase();
            let invalid = || UsersApiError::invalid_input(format!("{name} has an invalid value"));
            if value.is_empty() || !known.insert(name.clone()) {
                return Err(invalid());
            }
            match name.as_str() {
                "ignoreprovider" => query.ignores_provider = value.to_lowercase().parse().map_err(|_| invalid())?,
                // A plus may have been decoded as a space.
                "email" => email = Some(value.trim().replace(' ', "+").to_lowercase()),
                "emailmatch" => email_match = Some(value.as_str()),
                "customerregistrationid" => query.conditions.push(UserCondition::Id(value.clone())),
                "firstname" => query.conditions.push(UserCondition::FirstName(fold(value))),
                "lastname" => query.conditions.push(UserCondition::LastName(fold(value))),
                "pagesize" => query.take = parse_within(value, 1..=LONGEST).ok_or_else(invalid)?,
                "pagenumber" => page = Some(parse_within(value, 1..=usize::MAX).ok_or_else(invalid)?),
                "orderby" => query.column = COLUMNS[parse_within(value, 1..=COLUMNS.len()).ok_or_else(invalid)? - 1],
                "orderbytype" => query.descending = parse_within(value, 0..=1).ok_or_else(invalid)? == 1,
                "cursor" => cursor = Some(value),
                "count" => {
                    query.count = match value.as_str() {
                        "exact" => CountKind::Exact,
                        "estimate" => CountKind::Estimate,
                        "none" => CountKind::None,
                        _ => return Err(invalid()),
                    }
                }
                _ => match name.strip_prefix("metadata.") {
                    Some(key) if !key.is_empty() => {
                        query
                            .conditions
                            .push(UserCondition::Metadata(key.to_owned(), value.to_lowercase()));
                    }
                    _ => return Err(UsersApiError::invalid_input(format!("{name} is not a parameter"))),
                },
            }
        }
        if let Some(email) = email {
            query.conditions.push(match email_match {
                None if is_complete(&email) => UserCondition::EmailIs(email),
                Some("exact") => UserCondition::EmailIs(email),
                Some("prefix") => UserCondition::EmailBegins(email),
                None | Some("contains") => UserCondition::EmailContains(email),
                Some(_) => return Err(UsersApiError::invalid_input("emailmatch has an invalid value")),
            });
        }
        match (page, cursor) {
            (Some(_), Some(_)) => return Err(UsersApiError::invalid_input("pagenumber and cursor exclude each other")),
            (Some(page), None) => query.set_page(page)?,
            (None, Some(cursor)) => query.skip = query.parse_cursor(cursor)?,
            (None, None) => {}
        }
        Ok(query)
    }

    /// Selects the page with this number, from 1.
    pub(super) fn set_page(&mut self, page: usize) -> Result<(), UsersApiError> {
        self.skip = (page - 1).saturating_mul(self.take);
        if self.skip > DEEPEST {
            return Err(UsersApiError::page_too_deep());
        }
        Ok(())
    }

    /// The cursor after this many users; it is valid only for these conditions and this order.
    pub(super) fn cursor(&self, skip: usize) -> String {
        format!("sandbox-{skip:x}-{:x}", self.fingerprint())
    }

    fn parse_cursor(&self, cursor: &str) -> Result<usize, UsersApiError> {
        let parts = cursor.strip_prefix("sandbox-").and_then(|parts| parts.split_once('-'));
        let own = parts.filter(|(_, print)| *print == format!("{:x}", self.fingerprint()));
        own.and_then(|(skip, _)| usize::from_str_radix(skip, 16).ok())
            .ok_or_else(|| UsersApiError::invalid_input("cursor is not of this list"))
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.conditions, self.column, self.descending, self.ignores_provider).hash(&mut hasher);
        hasher.finish()
    }
}

/// A number in this range.
pub(super) fn parse_within(text: &str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// Whether this is a complete address, which is compared exactly.
pub(super) fn is_complete(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// A name as it is compared: without diacritics, in lower case.
pub(super) fn fold(name: &str) -> String {
    use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
    let bare = name.nfkd().filter(|char| !is_combining_mark(*char));
    bare.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::decode_form;

    fn parse(parameters: &str) -> Result<UserListQuery, UsersApiError> {
        UserListQuery::parse_v4(&decode_form(parameters))
    }

    #[test]
    fn complete_address_is_compared_exactly() {
        let text = str::to_owned;
        for (parameters, wanted) in [
            ("email=Ann@Example.com", UserCondition::EmailIs(text("ann@example.com"))),
            ("EMAIL=a+b@example.com", UserCondition::EmailIs(text("a+b@example.com"))),
            ("email=@example", UserCondition::EmailContains(text("@example"))),
            (
                "email=ann@x.com&emailMatch=contains",
                UserCondition::EmailContains(text("ann@x.com")),
            ),
            ("email=ann&emailMatch=prefix", UserCondition::EmailBegins(text("ann"))),
            ("lastName=NÚÑ", UserCondition::LastName(text("nun"))),
            (
                "metadata.City=OSLO",
                UserCondition::Metadata(text("city"), text("oslo")),
            ),
        ] {
            assert_eq!(parse(parameters).unwrap().conditions, [wanted]);
        }
    }

    #[test]
    fn invalid_parameters_are_refused() {
        for parameters in [
            "ignoreProvider=perhaps",
            "email=",
            "email=a&Email=b",
            "email=a&emailMatch=fuzzy",
            "pageSize=0",
            "pageSize=1001",
            "pageNumber=0",
            "orderBy=9",
            "orderByType=2",
            "count=roughly",
            "metadata.=x",
            "OnlyActive=true",
            "cursor=sandbox-a-0",
        ] {
            assert_eq!(parse(parameters).unwrap_err().status(), 400, "{parameters}");
        }
    }

    #[test]
    fn cursor_is_valid_for_its_own_list_only() {
        let cursor = parse("lastName=a&orderBy=4").unwrap().cursor(20);
        let parse_with_cursor = |list: &str| parse(&format!("{list}&cursor={cursor}"));
        assert_eq!(parse_with_cursor("lastName=a&orderBy=4").unwrap().skip, 20);
        for other in [
            "lastName=b&orderBy=4",
            "lastName=a",
            "lastName=a&orderBy=4&pageNumber=1",
        ] {
            assert!(parse_with_cursor(other).is_err(), "{other}");
        }
    }

    #[test]
    fn page_numbers_reach_the_documented_depth() {
        assert_eq!(parse("pageSize=1000&pageNumber=101").unwrap().skip, 100_000);
        assert!(parse("pageSize=1000&pageNumber=102").is_err());
        assert!(parse("pageNumber=18446744073709551615").is_err());
    }
}
