//! What a list is asked for, in the words of v4 (Users Orchestrator contract §3.1).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::refusal::Refusal;

/// How deep page numbers reach, in rows.
const DEEPEST: usize = 100_000;
/// The longest page.
const LONGEST: usize = 1_000;
/// The page when none is asked for.
const USUAL: usize = 10;

/// A condition that every user of the list meets. Addresses and names are as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Condition {
    /// The address is this one.
    EmailIs(String),
    /// The address begins so.
    EmailBegins(String),
    /// The address has this in it.
    EmailContains(String),
    /// The id, to the letter.
    Id(String),
    /// The first name begins so.
    FirstName(String),
    /// The last name begins so.
    LastName(String),
    /// This key, in lower case, has this value, ignoring case.
    Metadata(String, String),
    /// Not unverified.
    Active,
}

/// What users are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Column {
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
const COLUMNS: [Column; 8] = [
    Column::Id,
    Column::Email,
    Column::FirstName,
    Column::LastName,
    Column::State,
    Column::Verified,
    Column::DateRegistered,
    Column::ChangeDate,
];

/// How the matches are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Exact,
    Estimate,
    None,
}

/// A list as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) conditions: Vec<Condition>,
    pub(super) column: Column,
    pub(super) descending: bool,
    pub(super) skip: usize,
    pub(super) take: usize,
    pub(super) count: Count,
    /// Whether the outside provider is left out.
    pub(super) ignores_provider: bool,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            conditions: Vec::new(),
            column: Column::Email,
            descending: false,
            skip: 0,
            take: USUAL,
            count: Count::Exact,
            ignores_provider: false,
        }
    }
}

impl Question {
    /// Reads the parameters of v4; what is not known, given twice or empty is refused.
    pub(super) fn of_v4(parameters: &[(String, String)]) -> Result<Self, Refusal> {
        let mut known = BTreeSet::new();
        let mut asked = Self::default();
        let (mut email, mut email_match) = (None, None);
        let (mut page, mut cursor) = (None, None);
        for (name, value) in parameters {
            let name = name.to_lowercase();
            let refused = || Refusal::input(format!("{name} has a value that it cannot have"));
            if value.is_empty() || !known.insert(name.clone()) {
                return Err(refused());
            }
            match name.as_str() {
                "ignoreprovider" => asked.ignores_provider = value.to_lowercase().parse().map_err(|_| refused())?,
                // A plus may have been taken for a blank on its way.
                "email" => email = Some(value.trim().replace(' ', "+").to_lowercase()),
                "emailmatch" => email_match = Some(value.as_str()),
                "customerregistrationid" => asked.conditions.push(Condition::Id(value.clone())),
                "firstname" => asked.conditions.push(Condition::FirstName(folded(value))),
                "lastname" => asked.conditions.push(Condition::LastName(folded(value))),
                "pagesize" => asked.take = within(value, 1..=LONGEST).ok_or_else(refused)?,
                "pagenumber" => page = Some(within(value, 1..=usize::MAX).ok_or_else(refused)?),
                "orderby" => asked.column = COLUMNS[within(value, 1..=COLUMNS.len()).ok_or_else(refused)? - 1],
                "orderbytype" => asked.descending = within(value, 0..=1).ok_or_else(refused)? == 1,
                "cursor" => cursor = Some(value),
                "count" => {
                    asked.count = match value.as_str() {
                        "exact" => Count::Exact,
                        "estimate" => Count::Estimate,
                        "none" => Count::None,
                        _ => return Err(refused()),
                    }
                }
                _ => match name.strip_prefix("metadata.") {
                    Some(key) if !key.is_empty() => {
                        asked
                            .conditions
                            .push(Condition::Metadata(key.to_owned(), value.to_lowercase()));
                    }
                    _ => return Err(Refusal::input(format!("{name} is no parameter"))),
                },
            }
        }
        if let Some(email) = email {
            asked.conditions.push(match email_match {
                None if is_complete(&email) => Condition::EmailIs(email),
                Some("exact") => Condition::EmailIs(email),
                Some("prefix") => Condition::EmailBegins(email),
                None | Some("contains") => Condition::EmailContains(email),
                Some(_) => return Err(Refusal::input("emailmatch has a value that it cannot have")),
            });
        }
        match (page, cursor) {
            (Some(_), Some(_)) => return Err(Refusal::input("pagenumber and cursor exclude each other")),
            (Some(page), None) => asked.turn_to(page)?,
            (None, Some(cursor)) => asked.skip = asked.place_of(cursor)?,
            (None, None) => {}
        }
        Ok(asked)
    }

    /// Goes to the page of this number, from 1.
    pub(super) fn turn_to(&mut self, page: usize) -> Result<(), Refusal> {
        self.skip = (page - 1).saturating_mul(self.take);
        if self.skip > DEEPEST {
            return Err(Refusal::too_deep());
        }
        Ok(())
    }

    /// The cursor of the place after so many users: it holds for these conditions and this order alone.
    pub(super) fn cursor(&self, skip: usize) -> String {
        format!("sandbox-{skip:x}-{:x}", self.fingerprint())
    }

    fn place_of(&self, cursor: &str) -> Result<usize, Refusal> {
        let parts = cursor.strip_prefix("sandbox-").and_then(|parts| parts.split_once('-'));
        let own = parts.filter(|(_, print)| *print == format!("{:x}", self.fingerprint()));
        own.and_then(|(skip, _)| usize::from_str_radix(skip, 16).ok())
            .ok_or_else(|| Refusal::input("cursor is none of this list"))
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.conditions, self.column, self.descending, self.ignores_provider).hash(&mut hasher);
        hasher.finish()
    }
}

/// A number of this range.
pub(super) fn within(text: &str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// Whether this is a whole address, which matches exactly.
pub(super) fn is_complete(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// A name as it is compared: without marks, in lower case.
pub(super) fn folded(name: &str) -> String {
    use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
    let bare = name.nfkd().filter(|char| !is_combining_mark(*char));
    bare.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Question, Refusal> {
        let owned = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Question::of_v4(&owned.collect::<Vec<_>>())
    }

    #[test]
    fn a_complete_address_is_exact_and_a_part_of_one_is_not() {
        for (parameters, wanted) in [
            (
                vec![("email", "Ann@Example.com")],
                Condition::EmailIs("ann@example.com".into()),
            ),
            (
                vec![("EMAIL", "a b@example.com")],
                Condition::EmailIs("a+b@example.com".into()),
            ),
            (vec![("email", "@example")], Condition::EmailContains("@example".into())),
            (
                vec![("email", "ann@example.com"), ("emailMatch", "contains")],
                Condition::EmailContains("ann@example.com".into()),
            ),
            (
                vec![("email", "ann"), ("emailMatch", "prefix")],
                Condition::EmailBegins("ann".into()),
            ),
            (vec![("lastName", "NÚÑ")], Condition::LastName("nun".into())),
            (
                vec![("metadata.City", "OSLO")],
                Condition::Metadata("city".into(), "oslo".into()),
            ),
        ] {
            assert_eq!(read(&parameters).unwrap().conditions, [wanted]);
        }
    }

    #[test]
    fn what_the_contract_refuses_is_refused() {
        for parameters in [
            vec![("ignoreProvider", "perhaps")],
            vec![("email", "")],
            vec![("email", "a"), ("Email", "b")],
            vec![("email", "a"), ("emailMatch", "fuzzy")],
            vec![("pageSize", "0")],
            vec![("pageSize", "1001")],
            vec![("pageNumber", "0")],
            vec![("orderBy", "9")],
            vec![("orderByType", "2")],
            vec![("count", "roughly")],
            vec![("metadata.", "x")],
            vec![("OnlyActive", "true")],
            vec![("cursor", "sandbox-a-0")],
        ] {
            assert_eq!(read(&parameters).unwrap_err().status(), 400, "{parameters:?}");
        }
    }

    #[test]
    fn a_cursor_holds_for_its_own_list_alone() {
        let list = [("lastName", "a"), ("orderBy", "4")];
        let cursor = read(&list).unwrap().cursor(20);
        let on = |list: &[(&str, &str)]| read(&[list, &[("cursor", cursor.as_str())]].concat());
        assert_eq!(on(&list).unwrap().skip, 20);
        assert!(on(&[("lastName", "b"), ("orderBy", "4")]).is_err());
        assert!(on(&[("lastName", "a")]).is_err());
        assert!(on(&[("lastName", "a"), ("orderBy", "4"), ("pageNumber", "1")]).is_err());
    }

    #[test]
    fn page_numbers_reach_so_deep_and_no_deeper() {
        assert_eq!(
            read(&[("pageSize", "1000"), ("pageNumber", "101")]).unwrap().skip,
            100_000
        );
        assert!(read(&[("pageSize", "1000"), ("pageNumber", "102")]).is_err());
        assert!(read(&[("pageNumber", "18446744073709551615")]).is_err());
    }
}
