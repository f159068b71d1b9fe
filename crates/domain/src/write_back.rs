//! What of a provider's live answer is written into our registrations afterwards (contract `answers.md`).

use crate::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    finding::Finding,
    join::{AccountPair, Link},
    merge::{Precedence, SourceKind},
    metadata::Metadata,
};

/// One registration to make or to bring in line, and the readings that this rests on: the store writes nothing where they
/// are not true any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    /// What the registration is to say. Of metadata only what is to change.
    pub account: Account,
    /// The registration as it was read; `None` where none is this user's, and one is to be made.
    pub read: Option<Box<Account>>,
    /// The ids of all registrations that have the address, in order. Of no meaning where the registration that was read
    /// has the account's id.
    pub same_address: Vec<CustomerRegistrationId>,
}

/// The registration to make or change, or `None` when there is nothing to write.
///
/// Only a live positive answer of the provider writes, only when the store's own word is live too, and only for a user
/// whose two sides are resolved. None is made beside one of the same address that may be the user's. Of metadata only what
/// the provider wins is carried; `merged` is what the caller was answered.
#[must_use]
pub fn plan(
    (pair, link): (&AccountPair, &Link),
    merged: &Account,
    findings: (Finding, Finding),
    precedence: &Precedence,
) -> Option<WriteBack> {
    let ((Finding::Found, Finding::Found | Finding::Absent), Some(theirs)) = (findings, &pair.provider) else {
        return None;
    };
    let (ours, same_address) = match (link, &pair.store) {
        (Link::Id, Some(ours)) => (ours, Vec::new()),
        (Link::Address, Some(ours)) => (ours, vec![ours.crid.clone()]),
        (Link::Alone { beside: Some(beside) }, None) => {
            return Some(WriteBack {
                account: theirs.clone(),
                read: None,
                same_address: beside.clone(),
            });
        }
        _ => return None,
    };
    let differing = merged.metadata.iter().filter(|(key, value)| {
        precedence.winner(&format!("metadata.{key}")) == SourceKind::Provider
            && ours.metadata.get(key).unwrap_or("") != *value
    });
    let metadata = Metadata::from_valid(differing.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let same = merged.crid == ours.crid
        && merged.email == ours.email
        && merged.verified.unwrap_or(false) == ours.verified.unwrap_or(false)
        && merged.first_name == ours.first_name
        && merged.last_name == ours.last_name
        && metadata.is_empty();
    (!same).then(|| WriteBack {
        account: Account {
            metadata,
            ..merged.clone()
        },
        read: Some(Box::new(ours.clone())),
        same_address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer_registration_id::CustomerRegistrationId;

    fn account(first_name: &str) -> Account {
        Account {
            first_name: first_name.into(),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        }
    }

    #[test]
    fn only_a_live_positive_answer_beside_a_live_store_writes() {
        use Finding::{Absent, Found, Stale, Unknown};
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: Some(account("Anna")),
        };
        for theirs in [Found, Stale, Absent, Unknown] {
            for ours in [Found, Stale, Absent, Unknown] {
                let written = plan(
                    (&pair, &Link::Id),
                    &account("Ann"),
                    (theirs, ours),
                    &Precedence::default(),
                )
                .is_some();
                assert_eq!(
                    written,
                    theirs == Found && matches!(ours, Found | Absent),
                    "{theirs:?} {ours:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_differs_and_a_missing_registration_is_made() {
        let live = (Finding::Found, Finding::Found);
        let same = AccountPair {
            provider: Some(account("Ann")),
            store: Some(account("Ann")),
        };
        assert_eq!(
            plan((&same, &Link::Id), &account("Ann"), live, &Precedence::default()),
            None
        );
        let missing = AccountPair {
            provider: Some(account("Ann")),
            store: None,
        };
        let alone = Link::Alone {
            beside: Some(Vec::new()),
        };
        let made = plan(
            (&missing, &alone),
            &account("Ann"),
            (Finding::Found, Finding::Absent),
            &Precedence::default(),
        );
        assert_eq!(made.map(|made| (made.account, made.read)), Some((account("Ann"), None)));
    }

    #[test]
    fn only_the_metadata_that_the_provider_wins_is_carried() {
        let with = |pairs: [(&str, &str); 2]| Account {
            metadata: Metadata::from_valid(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))),
            ..account("Ann")
        };
        let pair = AccountPair {
            provider: Some(with([("photo", "new"), ("city", "Bergen")])),
            store: Some(with([("photo", "old"), ("city", "")])),
        };
        let merged = with([("photo", "new"), ("city", "Bergen")]);
        let written = plan(
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
    fn a_user_whose_join_is_not_confirmed_is_never_written() {
        let unsure = [Link::Open, Link::Alone { beside: None }];
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: None,
        };
        for link in unsure {
            let findings = (Finding::Found, Finding::Absent);
            let written = plan((&pair, &link), &account("Ann"), findings, &Precedence::default());
            assert_eq!(written, None, "{link:?}");
        }
    }

    #[test]
    fn a_registration_joined_by_address_names_the_readings_it_rests_on() {
        let ours = Account {
            crid: CustomerRegistrationId::parse("2937").unwrap(),
            ..account("Ann")
        };
        let pair = AccountPair {
            provider: Some(account("Ann")),
            store: Some(ours.clone()),
        };
        let live = (Finding::Found, Finding::Found);
        let written = plan((&pair, &Link::Address), &account("Ann"), live, &Precedence::default()).unwrap();
        assert_eq!(written.same_address, std::slice::from_ref(&ours.crid));
        assert_eq!(written.read, Some(Box::new(ours)));
    }
}
