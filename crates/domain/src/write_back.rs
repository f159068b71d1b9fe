//! Decides which registration is created or updated after a live answer of a provider (contract `answers.md`).

use crate::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    finding::Finding,
    join::{AccountPair, Link},
    merge::{Precedence, SourceKind},
    metadata::Metadata,
};

/// One registration to create or update, with the facts that the decision rests on. The store writes nothing if one of
/// them has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    /// The new content of the registration; its metadata holds only the pairs that change.
    pub account: Account,
    /// The registration as it was read; `None` where a new one is created.
    pub read: Option<Box<Account>>,
    /// The ids of all registrations with the address, in order. Not used where the registration that was read has the id of
    /// the account.
    pub same_email: Vec<CustomerRegistrationId>,
}

/// Plans the registration to create or change; `None` when there is nothing to write.
///
/// Only a live positive answer of the provider is written, only beside a live answer of the store, and only for a user whose
/// join is confirmed. No registration is created while another one with the same address may belong to the user. The plan
/// holds only metadata for which the provider has precedence; `merged` is the user in the answer.
#[must_use]
pub fn plan_write_back(
    (pair, link): (&AccountPair, &Link),
    merged: &Account,
    findings: (Finding, Finding),
    precedence: &Precedence,
) -> Option<WriteBack> {
    let ((Finding::Found, Finding::Found | Finding::Absent), Some(provider)) = (findings, &pair.provider) else {
        return None;
    };
    let (store, same_email) = match (link, &pair.store) {
        (Link::Id, Some(store)) => (store, Vec::new()),
        (Link::Email, Some(store)) => (store, vec![store.crid.clone()]),
        (
            Link::Alone {
                same_email: Some(same_email),
            },
            None,
        ) => {
            return Some(WriteBack {
                account: provider.clone(),
                read: None,
                same_email: same_email.clone(),
            });
        }
        _ => return None,
    };
    let differing = merged.metadata.iter().filter(|(key, value)| {
        precedence.winner(&format!("metadata.{key}")) == SourceKind::Provider
            && store.metadata.get(key).unwrap_or("") != *value
    });
    let metadata = Metadata::from_valid(differing.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let same = merged.crid == store.crid
        && merged.email == store.email
        && merged.verified.unwrap_or(false) == store.verified.unwrap_or(false)
        && merged.first_name == store.first_name
        && merged.last_name == store.last_name
        && metadata.is_empty();
    (!same).then(|| WriteBack {
        account: Account {
            metadata,
            ..merged.clone()
        },
        read: Some(Box::new(store.clone())),
        same_email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(first_name: &str) -> Account {
        Account {
            first_name: first_name.into(),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        }
    }

    #[test]
    fn only_live_positive_answers_are_written() {
        use Finding::{Absent, Found, Stale, Unknown};
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: Some(account("Anna")),
        };
        for provider in [Found, Stale, Absent, Unknown] {
            for store in [Found, Stale, Absent, Unknown] {
                let written = plan_write_back(
                    (&pair, &Link::Id),
                    &account("Ann"),
                    (provider, store),
                    &Precedence::default(),
                )
                .is_some();
                assert_eq!(
                    written,
                    provider == Found && matches!(store, Found | Absent),
                    "{provider:?} {store:?}"
                );
            }
        }
    }

    #[test]
    fn equal_registration_is_kept_and_missing_one_is_created() {
        let live = (Finding::Found, Finding::Found);
        let same = AccountPair {
            provider: Some(account("Ann")),
            store: Some(account("Ann")),
        };
        assert_eq!(
            plan_write_back((&same, &Link::Id), &account("Ann"), live, &Precedence::default()),
            None
        );
        let missing = AccountPair {
            provider: Some(account("Ann")),
            store: None,
        };
        let alone = Link::Alone {
            same_email: Some(Vec::new()),
        };
        let made = plan_write_back(
            (&missing, &alone),
            &account("Ann"),
            (Finding::Found, Finding::Absent),
            &Precedence::default(),
        );
        assert_eq!(made.map(|made| (made.account, made.read)), Some((account("Ann"), None)));
    }

    #[test]
    fn only_metadata_won_by_provider_is_written() {
        let with = |pairs: [(&str, &str); 2]| Account {
            metadata: Metadata::from_valid(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))),
            ..account("Ann")
        };
        let pair = AccountPair {
            provider: Some(with([("photo", "new"), ("city", "Bergen")])),
            store: Some(with([("photo", "old"), ("city", "")])),
        };
        let merged = with([("photo", "new"), ("city", "Bergen")]);
        let written = plan_write_back(
            (&pair, &Link::Id),
            &merged,
            (Finding::Found, Finding::Found),
            &Precedence::default(),
        )
        .unwrap();
        assert_eq!(written.account.metadata.iter().collect::<Vec<_>>(), [("photo", "new")]);
    }

    /// Contract `answers.md`: written "only when both sides of that user were fully resolved".
    #[test]
    fn user_with_unconfirmed_join_is_never_written() {
        let unsure = [Link::Open, Link::Alone { same_email: None }];
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: None,
        };
        for link in unsure {
            let findings = (Finding::Found, Finding::Absent);
            let written = plan_write_back((&pair, &link), &account("Ann"), findings, &Precedence::default());
            assert_eq!(written, None, "{link:?}");
        }
    }

    #[test]
    fn registration_joined_by_address_states_its_preconditions() {
        let store = Account {
            crid: CustomerRegistrationId::parse("2937").unwrap(),
            ..account("Ann")
        };
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: Some(store.clone()),
        };
        let live = (Finding::Found, Finding::Found);
        let written = plan_write_back((&pair, &Link::Email), &account("Ann"), live, &Precedence::default()).unwrap();
        assert_eq!(written.same_email, std::slice::from_ref(&store.crid));
        assert_eq!(written.read, Some(Box::new(store)));
    }
}
