//! The filter, order and page of a parsed list request (contract §3.1).

use std::{borrow::Cow, fmt::Write as _};

use crate::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    metadata::{MetadataPair, searchable_pairs},
    name,
    order::{ListCursor, Order},
    state::UserState,
    user_key::UserKey,
};

/// The largest page.
pub const MAX_PAGE_SIZE: u16 = 1000;

/// The page size where the request has none.
pub const DEFAULT_PAGE_SIZE: u16 = 10;

/// How an e-mail address must match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EmailFilter {
    /// The whole key equals.
    Exact(EmailKey),
    /// The key begins with this.
    Prefix(EmailFragment),
    /// The key contains this.
    Contains(EmailFragment),
}

/// A prefix of a name, in folded form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NamePrefix(Box<str>);

/// The conditions of a request; a user must meet all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UserFilter {
    /// Conditions on the address; more than one when `email` and `encryptedEmail` are both given.
    pub emails: Vec<EmailFilter>,
    /// Conditions on the id; more than one when the plain and the encrypted one are both given.
    pub crids: Vec<CustomerRegistrationId>,
    /// The first name starts with this.
    pub first_name: Option<NamePrefix>,
    /// The last name starts with this.
    pub last_name: Option<NamePrefix>,
    /// The user has each of these pairs.
    pub metadata: Vec<MetadataPair>,
    /// The state is not [`UserState::Unverified`]. It applies to tenants without a provider: every user of a provider is
    /// `Standard`.
    pub only_active: bool,
}

/// The cheapest way to read the users of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessPath {
    /// Two exact conditions contradict each other: no user can match.
    Contradiction,
    /// A lookup by this key; the rest of the filter is checked on the users found.
    Key(UserKey),
    /// A search.
    List,
}

/// Which page of the matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// After this many matches.
    Offset(u64),
    /// After this cursor.
    After(ListCursor),
}

/// How the matches are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CountMode {
    /// Exactly, in the snapshot of the page.
    #[default]
    Exact,
    /// Roughly, marked as an estimate.
    Estimate,
    /// Not at all.
    None,
}

/// How a request is answered when a source does not answer (contract `answers.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnProviderFailure {
    /// With the known users, marked as incomplete.
    #[default]
    Degrade,
    /// With status 503.
    Fail,
}

/// How many matches there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Exactly this many, at the time of the page.
    Exact(u64),
    /// About this many.
    Estimate(u64),
}

impl Total {
    /// Whether no user matches.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Exact(0) | Self::Estimate(0))
    }
}

impl NamePrefix {
    /// Folds a prefix; the empty one matches every name.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(name::fold_name(text).into())
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for NamePrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NamePrefix(<redacted>)")
    }
}

impl EmailFilter {
    /// Whether this key meets the condition.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted.as_str() == key,
            Self::Prefix(needle) => key.starts_with(needle.as_str()),
            Self::Contains(needle) => needle.is_in(key),
        }
    }
}

impl UserFilter {
    /// The cheapest way to read the users of this filter.
    #[must_use]
    pub fn access_path(&self) -> AccessPath {
        if let Some((first, rest)) = self.crids.split_first() {
            return if rest.iter().all(|other| other == first) {
                AccessPath::Key(UserKey::Id(first.clone()))
            } else {
                AccessPath::Contradiction
            };
        }
        let exact = self.emails.iter().find_map(|filter| match filter {
            EmailFilter::Exact(key) => Some(key),
            EmailFilter::Prefix(_) | EmailFilter::Contains(_) => None,
        });
        match exact {
            Some(key) if self.emails.iter().all(|filter| filter.matches(key.as_str())) => {
                AccessPath::Key(UserKey::Email(key.clone()))
            }
            Some(_) => AccessPath::Contradiction,
            None => AccessPath::List,
        }
    }

    /// Whether this account meets every condition.
    #[must_use]
    pub fn matches(&self, account: &Account) -> bool {
        self.crids.iter().all(|crid| *crid == account.crid) && self.matches_except_id(account)
    }

    /// Whether this account meets every condition except those on the id, which another account of the user may meet.
    #[must_use]
    pub fn matches_except_id(&self, account: &Account) -> bool {
        let email = account.email.as_ref().map_or("", |email| email.key().as_str());
        let starts = |prefix: &Option<NamePrefix>, name: &str| {
            prefix
                .as_ref()
                .is_none_or(|prefix| name::fold_name(name).starts_with(prefix.as_str()))
        };
        let active = || account.state(false) != UserState::Unverified;
        (!self.only_active || active())
            && self.emails.iter().all(|filter| filter.matches(email))
            && starts(&self.first_name, &account.first_name)
            && starts(&self.last_name, &account.last_name)
            && self.has_metadata(account)
    }

    fn has_metadata(&self, account: &Account) -> bool {
        if self.metadata.is_empty() {
            return true;
        }
        let pairs = searchable_pairs(&account.metadata, &account.first_name, &account.last_name);
        self.metadata.iter().all(|wanted| pairs.binary_search(wanted).is_ok())
    }

    /// Whether it has another condition than one on the state, which selects no particular users.
    #[must_use]
    pub const fn has_search_condition(&self) -> bool {
        !self.emails.is_empty()
            || !self.crids.is_empty()
            || self.first_name.is_some()
            || self.last_name.is_some()
            || !self.metadata.is_empty()
    }

    /// Whether no condition is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the conditions, joined by `+`; `all` without any.
    #[must_use]
    pub fn kind(&self) -> Cow<'static, str> {
        let emails = self.emails.iter().map(|email| match email {
            EmailFilter::Exact(_) => "email",
            EmailFilter::Prefix(_) => "emailPrefix",
            EmailFilter::Contains(_) => "emailContains",
        });
        let others = [
            ("id", !self.crids.is_empty()),
            ("firstName", self.first_name.is_some()),
            ("lastName", self.last_name.is_some()),
            ("metadata", !self.metadata.is_empty()),
            ("onlyActive", self.only_active),
        ];
        let others = others.into_iter().filter_map(|(name, given)| given.then_some(name));
        let mut names: Vec<&'static str> = emails.chain(others).collect();
        names.dedup();
        match *names {
            [] => "all".into(),
            [only] => only.into(),
            _ => names.join("+").into(),
        }
    }

    /// A text that is equal for two filters only if the filters are equal; cursors are bound to it.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        // A length before each text keeps two different filters from having the same canonical form.
        let mut part = |tag: char, value: &str| {
            let _ = write!(text, "{tag}{}:{value}", value.len());
        };
        for filter in &self.emails {
            match filter {
                EmailFilter::Exact(key) => part('e', key.as_str()),
                EmailFilter::Prefix(needle) => part('p', needle.as_str()),
                EmailFilter::Contains(needle) => part('c', needle.as_str()),
            }
        }
        for crid in &self.crids {
            part('i', crid.as_str());
        }
        for (tag, name) in [('f', &self.first_name), ('l', &self.last_name)] {
            if let Some(prefix) = name {
                part(tag, prefix.as_str());
            }
        }
        let mut metadata: Vec<_> = self.metadata.iter().collect();
        metadata.sort_unstable();
        for pair in metadata {
            part('k', pair.key());
            part('v', pair.value());
        }
        if self.only_active {
            part('a', "");
        }
        text
    }
}

/// A list request to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// The conditions.
    pub filter: UserFilter,
    /// The order.
    pub order: Order,
    /// Where the page starts.
    pub position: Position,
    /// The size of the page, 1 to [`MAX_PAGE_SIZE`].
    pub size: u16,
    /// Whether and how the matches are counted.
    pub count: CountMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_names_conditions_and_no_value() {
        let mut filter = UserFilter::default();
        assert_eq!(filter.kind(), "all");
        filter.first_name = Some(NamePrefix::from_text("Ann"));
        assert_eq!(filter.kind(), "firstName");
        filter.only_active = true;
        filter.crids = vec![CustomerRegistrationId::parse("7").unwrap(); 2];
        assert_eq!(filter.kind(), "id+firstName+onlyActive");
    }
    use crate::{email::Email, metadata::Metadata};

    fn ann() -> Account {
        Account {
            email: Some(Email::parse("Ann@Example.com").unwrap()),
            first_name: "\u{c1}nn".into(),
            last_name: "Lee".into(),
            has_password: true,
            metadata: Metadata::new([("City".to_owned(), "Oslo".to_owned())]).unwrap(),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        }
    }

    #[test]
    fn every_condition_counts() {
        let contains = |text| EmailFilter::Contains(EmailFragment::from_text(text));
        let yes = UserFilter {
            emails: vec![contains("N@EX"), EmailFilter::Prefix(EmailFragment::from_text("an"))],
            first_name: Some(NamePrefix::from_text("AN")),
            metadata: vec![MetadataPair::new("cITY", "oslo"), MetadataPair::new("lastName", "LEE")],
            ..UserFilter::default()
        };
        assert!(yes.matches(&ann()));
        for no in [
            UserFilter {
                emails: vec![contains("nn@b")],
                ..yes.clone()
            },
            UserFilter {
                crids: vec![CustomerRegistrationId::parse("8").unwrap()],
                ..yes.clone()
            },
            UserFilter {
                last_name: Some(NamePrefix::from_text("ee")),
                ..yes.clone()
            },
            UserFilter {
                metadata: vec![MetadataPair::new("city", "osl")],
                ..yes.clone()
            },
            UserFilter {
                only_active: true,
                ..yes.clone()
            },
        ] {
            assert!(!no.matches(&ann()));
            assert_ne!(no.canonical(), yes.canonical());
        }
    }

    #[test]
    fn exact_condition_decides_the_access_path() {
        let exact = |text| EmailFilter::Exact(EmailKey::from_text(text));
        let mut filter = UserFilter::default();
        assert_eq!(filter.access_path(), AccessPath::List);
        filter.emails = vec![
            EmailFilter::Contains(EmailFragment::from_text("ann")),
            exact("ann@example.com"),
        ];
        assert_eq!(
            filter.access_path(),
            AccessPath::Key(UserKey::Email(EmailKey::from_text("ann@example.com")))
        );
        filter.emails.push(exact("bob@example.com"));
        assert_eq!(filter.access_path(), AccessPath::Contradiction);
        filter.crids = vec![
            CustomerRegistrationId::parse("1").unwrap(),
            CustomerRegistrationId::parse("1").unwrap(),
        ];
        assert_eq!(
            filter.access_path(),
            AccessPath::Key(UserKey::Id(CustomerRegistrationId::parse("1").unwrap()))
        );
        filter.crids.push(CustomerRegistrationId::parse("2").unwrap());
        assert_eq!(filter.access_path(), AccessPath::Contradiction);
    }
}
