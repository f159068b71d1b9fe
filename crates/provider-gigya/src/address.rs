//! The forms in which an address may be stored, and whether an account has it.

use masthead_domain::email::{Email, EmailKey};
use masthead_provider_kit::wire as sent;

use crate::{query::Quotable, wire::GigyaAccount};

/// The forms in which an address with this key may be stored, apart from case, which search ignores. `None` when a
/// query cannot contain one of them: then the list is incomplete.
pub(crate) fn forms(key: &EmailKey) -> Option<Vec<Quotable>> {
    key.spellings()?.iter().map(|form| Quotable::new(form)).collect()
}

/// The address that an account is known by: the profile's, or else the first that it signs in with, or that it has at all.
pub(crate) fn address(account: &GigyaAccount) -> Option<Email> {
    let own = account.profile.get("email").and_then(serde_json::Value::as_str);
    let mut all = own.into_iter().chain(account.other_addresses());
    all.find_map(sent::address)
}

/// Whether the account is known by this address.
pub(crate) fn is_known_by(account: &GigyaAccount, key: &EmailKey) -> bool {
    address(account).is_some_and(|email| email.key() == key)
}

/// Whether the address is among all that the account has; one that signs in with it may be known by another.
pub(crate) fn has_address(account: &GigyaAccount, key: &EmailKey) -> bool {
    let others = account.other_addresses();
    is_known_by(account, key) || others.filter_map(sent::address).any(|email| email.key() == key)
}

/// Whether a search for this address may show the account: where a site does not encrypt addresses, a search finds its
/// words in longer ones too.
pub(crate) fn may_be_shown_for(account: &GigyaAccount, key: &EmailKey) -> bool {
    let own = account.profile.get("email").and_then(serde_json::Value::as_str);
    let wanted = explanation(key);
    own.into_iter()
        .chain(account.other_addresses())
        .filter_map(sent::address)
        .any(|email| {
            let there = explanation(email.key());
            !wanted.is_empty() && there.windows(wanted.len()).any(|window| window == wanted)
        })
}

fn explanation(key: &EmailKey) -> Vec<&str> {
    let explanation = key.as_str().split(|char: char| !char.is_alphanumeric());
    explanation.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(value: serde_json::Value) -> GigyaAccount {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_stored_form_is_searched() {
        let count = |text| forms(&EmailKey::from_text(text)).map(|forms| forms.len());
        assert_eq!(count("Ann@Example.com"), Some(1));
        assert_eq!(count("ann@m\u{fc}nchen.example"), Some(3));
        assert_eq!(count("jos\u{e9}@example.com"), Some(2));
        assert_eq!(count("o'neil+x&y=1%@example.com"), Some(1));
        assert_eq!(count("\"a b\"@example.com"), None);
        assert_eq!(count("a\\b@example.com"), None);
    }

    #[test]
    fn profile_address_precedes_others() {
        let whole = account(json!({"UID": "u", "profile": {"email": "A@x.example"},
            "loginIDs": {"emails": ["b@x.example"]}, "emails": {"verified": ["c@x.example"]}}));
        let (a, b, c) = ("a@x.example", "b@x.example", "c@x.example");
        assert!(is_known_by(&whole, &EmailKey::from_text(a)));
        assert!(!is_known_by(&whole, &EmailKey::from_text(b)));
        for one in [a, b, c] {
            assert!(has_address(&whole, &EmailKey::from_text(one)));
        }
        assert!(!has_address(&whole, &EmailKey::from_text("d@x.example")));
        let login = account(json!({"UID": "u", "loginIDs": {"unverifiedEmails": ["b@x.example"]}}));
        assert!(is_known_by(&login, &EmailKey::from_text(b)));
        assert!(address(&account(json!({"UID": "u", "profile": {"email": ""}}))).is_none());
    }

    #[test]
    fn search_may_show_longer_addresses() {
        let shown = |email: &str| {
            let account = account(json!({"UID": "u", "profile": {"email": email}}));
            may_be_shown_for(&account, &EmailKey::from_text("ann@x.example"))
        };
        assert!(shown("ANN@x.example") && shown("jo-ann@x.example"));
        assert!(!shown("joann@x.example") && !shown("bob@x.example") && !shown(""));
    }
}
