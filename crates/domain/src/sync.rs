//! What of a provider's live answer is written into our registrations afterwards (contract `answers.md`).

use crate::{
    account::Account,
    finding::Finding,
    join::Pair,
    merge::{Precedence, Side},
    metadata::Metadata,
};

/// The registration to make or change, or `None` when there is nothing to write.
///
/// Only a live positive answer of the provider writes, and only when the store's own word is live too, so that nothing is
/// made twice. Of metadata only what the provider wins is carried; `merged` is what the caller was answered.
#[must_use]
pub fn plan(pair: &Pair, merged: &Account, findings: (Finding, Finding), precedence: &Precedence) -> Option<Account> {
    let ((Finding::Found, Finding::Found | Finding::Absent), Some(theirs)) = (findings, &pair.theirs) else {
        return None;
    };
    let Some(ours) = &pair.ours else {
        return Some(theirs.clone());
    };
    let differing = merged.metadata.iter().filter(|(key, value)| {
        precedence.winner(&format!("metadata.{key}")) == Side::Provider
            && ours.metadata.get(key).unwrap_or("") != *value
    });
    let metadata = Metadata::from_valid(differing.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let same = merged.crid == ours.crid
        && merged.email == ours.email
        && merged.verified.unwrap_or(false) == ours.verified.unwrap_or(false)
        && merged.first_name == ours.first_name
        && merged.last_name == ours.last_name
        && metadata.is_empty();
    (!same).then(|| Account {
        metadata,
        ..merged.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crid::Crid;

    fn account(first_name: &str) -> Account {
        Account {
            first_name: first_name.into(),
            ..Account::new(Crid::parse("7").unwrap())
        }
    }

    #[test]
    fn only_a_live_positive_answer_beside_a_live_store_writes() {
        use Finding::{Absent, Found, Stale, Unknown};
        let pair = Pair {
            theirs: Some(account("Ann")),
            ours: Some(account("Anna")),
        };
        for theirs in [Found, Stale, Absent, Unknown] {
            for ours in [Found, Stale, Absent, Unknown] {
                let written = plan(&pair, &account("Ann"), (theirs, ours), &Precedence::default()).is_some();
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
        let same = Pair {
            theirs: Some(account("Ann")),
            ours: Some(account("Ann")),
        };
        assert_eq!(plan(&same, &account("Ann"), live, &Precedence::default()), None);
        let missing = Pair {
            theirs: Some(account("Ann")),
            ours: None,
        };
        let made = plan(
            &missing,
            &account("Ann"),
            (Finding::Found, Finding::Absent),
            &Precedence::default(),
        );
        assert_eq!(made, Some(account("Ann")));
    }

    #[test]
    fn only_the_metadata_that_the_provider_wins_is_carried() {
        let with = |pairs: [(&str, &str); 2]| Account {
            metadata: Metadata::from_valid(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))),
            ..account("Ann")
        };
        let pair = Pair {
            theirs: Some(with([("photo", "new"), ("city", "Bergen")])),
            ours: Some(with([("photo", "old"), ("city", "")])),
        };
        let merged = with([("photo", "new"), ("city", "Bergen")]);
        let written = plan(&pair, &merged, (Finding::Found, Finding::Found), &Precedence::default()).unwrap();
        assert_eq!(written.metadata.iter().collect::<Vec<_>>(), [("photo", "new")]);
    }
}
