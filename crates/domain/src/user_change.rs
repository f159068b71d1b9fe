//! A change of a user: only the fields that a caller may set (contract `writes.md` §3, update).

use std::fmt;

use time::OffsetDateTime;

use crate::{
    account::Account,
    metadata::{Metadata, fold_case},
};

/// The key of the metadata that shows a blocked user, with the value `true`; it is set by [`UserChange::blocked`] alone.
pub const BLOCKED_KEY: &str = "blocked";

/// The longest first or last name that is written, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest value of metadata that is written, in bytes.
pub const MAX_METADATA_VALUE_BYTES: usize = 4096;

/// A change of a user; a field that is `None` keeps its value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// The first name; `""` removes it.
    pub first_name: Option<Box<str>>,
    /// The last name; `""` removes it.
    pub last_name: Option<Box<str>>,
    /// Metadata by key, each key once in any case, and never [`BLOCKED_KEY`]; `None` removes a key.
    pub metadata: Vec<(Box<str>, Option<Box<str>>)>,
    /// Whether the address counts as verified.
    pub verified: Option<bool>,
    /// When the user last logged out; `Some(None)` removes the time.
    pub last_logout_at: Option<Option<OffsetDateTime>>,
    /// Whether sign-in is refused.
    pub blocked: Option<bool>,
}

impl UserChange {
    /// Whether no field is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a field is given that a provider keeps too: the last logout and the block are our store's alone.
    #[must_use]
    pub fn concerns_provider(&self) -> bool {
        let Self {
            first_name,
            last_name,
            metadata,
            verified,
            last_logout_at: _,
            blocked: _,
        } = self;
        first_name.is_some() || last_name.is_some() || !metadata.is_empty() || verified.is_some()
    }

    /// The account with this change. A key of the metadata keeps its stored spelling.
    #[must_use]
    pub fn applied_to(&self, account: &Account) -> Account {
        let mut changed = account.clone();
        if let Some(name) = &self.first_name {
            changed.first_name.clone_from(name);
        }
        if let Some(name) = &self.last_name {
            changed.last_name.clone_from(name);
        }
        if let Some(verified) = self.verified {
            changed.verified = Some(verified);
        }
        if let Some(at) = self.last_logout_at {
            changed.last_logout_at = at;
        }
        changed.metadata = self.changed_metadata(&account.metadata);
        changed
    }

    fn changed_metadata(&self, stored: &Metadata) -> Metadata {
        let change_of = |key: &str| {
            let folded = fold_case(key);
            self.metadata.iter().find(|(other, _)| fold_case(other) == folded)
        };
        // A source may have spelled the key of the block in another way.
        let is_kept = |key: &str| self.blocked.is_none() || !is_blocked_key(key);
        let stored_pairs = stored.iter().filter(|(key, _)| is_kept(key));
        let block = self.blocked.unwrap_or_default().then_some((BLOCKED_KEY, "true"));
        let kept = stored_pairs.filter_map(|(key, value)| match change_of(key) {
            None => Some((key, value)),
            Some((_, Some(new))) => Some((key, &**new)),
            Some((_, None)) => None,
        });
        let is_stored = |key: &str| {
            let folded = fold_case(key);
            stored.iter().any(|(other, _)| fold_case(other) == folded)
        };
        let added = self
            .metadata
            .iter()
            .filter_map(|(key, value)| Some((&**key, &**value.as_ref()?)))
            .filter(|(key, _)| !is_stored(key));
        Metadata::from_valid(
            kept.chain(added)
                .chain(block)
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        )
    }
}

/// Whether a key of metadata is [`BLOCKED_KEY`] in any case.
#[must_use]
pub fn is_blocked_key(key: &str) -> bool {
    fold_case(key) == BLOCKED_KEY
}

/// Whether sign-in is refused to this user. Sources may spell key and value in another case.
#[must_use]
pub fn is_blocked(account: &Account) -> bool {
    let mut pairs = account.metadata.iter();
    pairs.any(|(key, value)| is_blocked_key(key) && value.eq_ignore_ascii_case("true"))
}

impl fmt::Debug for UserChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserChange(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer_registration_id::CustomerRegistrationId;

    fn account(pairs: &[(&str, &str)]) -> Account {
        Account {
            first_name: "Ann".into(),
            metadata: Metadata::from_valid(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()))),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        }
    }

    #[test]
    fn only_given_fields_change() {
        let stored = account(&[("city", "Bergen")]);
        assert_eq!(UserChange::default().applied_to(&stored), stored);
        let change = UserChange {
            last_name: Some("Lee".into()),
            verified: Some(true),
            ..UserChange::default()
        };
        let expected = Account {
            last_name: "Lee".into(),
            verified: Some(true),
            ..stored.clone()
        };
        assert_eq!(change.applied_to(&stored), expected);
    }

    #[test]
    fn metadata_is_merged_by_key_in_any_case() {
        let stored = account(&[("city", "Bergen"), ("title", "Dr"), ("gender", "f")]);
        let change = UserChange {
            metadata: vec![
                ("CITY".into(), Some("Oslo".into())),
                ("Title".into(), None),
                ("favourite".into(), Some("news".into())),
                ("absent".into(), None),
            ],
            ..UserChange::default()
        };
        let changed = change.applied_to(&stored);
        let pairs: Vec<_> = changed.metadata.iter().collect();
        assert_eq!(pairs.len(), 3);
        for pair in [("city", "Oslo"), ("gender", "f"), ("favourite", "news")] {
            assert!(pairs.contains(&pair), "{pair:?}");
        }
    }

    #[test]
    fn block_is_shown_in_metadata() {
        let block = |blocked| UserChange {
            blocked: Some(blocked),
            ..UserChange::default()
        };
        let blocked = block(true).applied_to(&account(&[]));
        assert_eq!(blocked.metadata.get(BLOCKED_KEY), Some("true"));
        assert!(is_blocked(&blocked));
        let released = block(false).applied_to(&blocked);
        assert_eq!(released, account(&[]));
        assert!(!is_blocked(&released));
    }

    #[test]
    fn block_replaces_key_of_another_case() {
        let block = |blocked| UserChange {
            blocked: Some(blocked),
            ..UserChange::default()
        };
        let imported = account(&[("Blocked", "false"), ("city", "Bergen")]);
        let blocked = block(true).applied_to(&imported);
        assert_eq!(blocked, account(&[("blocked", "true"), ("city", "Bergen")]));
        assert!(!is_blocked(&imported) && is_blocked(&blocked));

        let imported = account(&[("BLOCKED", "True")]);
        assert!(is_blocked(&imported));
        assert_eq!(block(false).applied_to(&imported), account(&[]));
    }

    #[test]
    fn last_logout_is_no_concern_of_the_provider() {
        let logout = UserChange {
            last_logout_at: Some(None),
            ..UserChange::default()
        };
        assert!(!logout.concerns_provider() && !logout.is_empty());
        let verified = UserChange {
            verified: Some(false),
            ..UserChange::default()
        };
        assert!(verified.concerns_provider());
    }
}
