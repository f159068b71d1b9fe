//! An e-mail address in the forms Auth0 may store, and the conditions on addresses that it can check without losing a user.

use masthead_domain::{email::EmailKey, query::EmailFilter};
use unicode_normalization::char::is_combining_mark;

use crate::lucene::{Auth0Field, Clause, QueryValue};

/// The longest part of an address that is searched for; a longer one finds no fewer.
const LONGEST: usize = 64;

/// How many literal characters a pattern needs that begins with a wildcard (`providers.md` §1.3).
pub(crate) const FEWEST_LITERALS: usize = 3;

/// The forms in which an address with this key may be stored. `None` when they are too many, or hold what no query can carry.
pub(crate) fn forms(key: &EmailKey) -> Option<Vec<QueryValue>> {
    key.spellings()?.iter().map(|form| QueryValue::new(form)).collect()
}

/// The condition Auth0 can check in place of this one. Every address that satisfies this one satisfies it too. `None`
/// when that is only "any".
///
/// An address may be stored decomposed, or with its domain in Unicode, where its key has it composed and in ASCII: so only
/// plain ASCII is requested, and of the domain only what is the same in both.
pub(crate) fn pushed(filter: &EmailFilter, leading_wildcards: bool) -> Option<Clause> {
    match filter {
        EmailFilter::Exact(key) => {
            let mut forms = forms(key)?;
            let first = forms.remove(0);
            if forms.is_empty() {
                return Some(Clause::Is(Auth0Field::Email, first));
            }
            let rest = forms.into_iter().map(|form| Clause::Is(Auth0Field::Email, form));
            let first = Clause::Is(Auth0Field::Email, first);
            Some(Clause::Any(std::iter::once(first).chain(rest).collect()))
        }
        EmailFilter::Prefix(needle) => {
            let (head, _) = needle.as_str().split_at(end_of_local_part(needle.as_str()));
            let safe = runs(head).next().filter(|run| head.starts_with(run))?;
            QueryValue::new(cut(safe)).map(|value| Clause::StartsWith(Auth0Field::Email, value))
        }
        EmailFilter::Contains(needle) if leading_wildcards => {
            // Of a label with other letters the ASCII form has the runs of ASCII, too (RFC 3492 section 3.1).
            let text = needle.as_str();
            let parts: Vec<&str> = match needle.in_domain() {
                Some(_) => text.split('.').collect(),
                None => vec![text],
            };
            let longest = parts
                .into_iter()
                .flat_map(same_in_both)
                .flat_map(runs)
                .max_by_key(|run| run.len())
                .filter(|run| run.len() >= FEWEST_LITERALS)?;
            QueryValue::new(cut(longest)).map(|value| Clause::Holds(Auth0Field::Email, value))
        }
        EmailFilter::Contains(_) => None,
    }
}

/// Where the domain begins, if there is one.
fn end_of_local_part(text: &str) -> usize {
    text.find('@').map_or(text.len(), |at| at + 1)
}

/// The parts of a search text that are the same whether the domain is stored in ASCII or in Unicode: everything outside
/// labels that have two forms.
fn same_in_both(needle: &str) -> impl Iterator<Item = &str> {
    let two_forms = |label: &str| label.starts_with("xn--") || (!label.is_empty() && "xn--".starts_with(label));
    let (local, domain) = needle.split_at(end_of_local_part(needle));
    let has_domain = needle.contains('@');
    let whole = !has_domain && !needle.contains("xn--");
    let plain_domain = has_domain && !domain.split('.').any(two_forms);
    [
        (whole || plain_domain).then_some(needle),
        (has_domain && !plain_domain).then_some(local),
    ]
    .into_iter()
    .flatten()
}

/// The runs of printable ASCII without blanks, each without a letter that a mark follows: that letter may be stored as one
/// with its mark.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let plain = |char: char| char.is_ascii_graphic();
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(plain)?;
        let from = &rest[start..];
        let end = from.find(|char| !plain(char)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        rest = after;
        let marked = after.chars().next().is_some_and(is_combining_mark);
        Some(if marked { &run[..run.len() - 1] } else { run })
    })
}

fn cut(run: &str) -> &str {
    // Runs are ASCII: every place is a boundary.
    &run[..run.len().min(LONGEST)]
}

#[cfg(test)]
mod tests {
    use masthead_domain::email::{Email, EmailFragment};
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn prefix(text: &str) -> Option<String> {
        pushed(&EmailFilter::Prefix(EmailFragment::from_text(text)), false).map(|clause| clause.to_string())
    }

    fn contains(text: &str) -> Option<String> {
        pushed(&EmailFilter::Contains(EmailFragment::from_text(text)), true).map(|clause| clause.to_string())
    }

    #[test]
    fn every_stored_form_is_searched() {
        let forms = |text| {
            forms(&EmailKey::from_text(text))
                .unwrap()
                .iter()
                .map(|v| v.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(forms("Ann@Example.com"), ["ann@example.com"]);
        assert_eq!(
            forms("ann@m\u{fc}nchen.example"),
            [
                "ann@xn--mnchen-3ya.example",
                "ann@m\u{fc}nchen.example",
                "ann@mu\u{308}nchen.example"
            ]
        );
        assert_eq!(
            forms("jos\u{e9}@example.com"),
            ["jos\u{e9}@example.com", "jose\u{301}@example.com"]
        );
        assert!(super::forms(&EmailKey::from_text("a\0b")).is_none());
    }

    #[test]
    fn prefix_stops_at_ambiguous_characters() {
        for (text, query) in [
            ("Ann", Some("email:ann*")),
            ("ann+n", Some(r"email:ann\+n*")),
            ("ann@exa", Some("email:ann@*")),
            ("jos\u{e9}.g", Some("email:jos*")),
            ("\u{e9}a", None),
            ("i\u{307}x", None),
            ("", None),
        ] {
            assert_eq!(prefix(text).as_deref(), query, "{text:?}");
        }
        assert_eq!(prefix(&"x".repeat(65_536)).unwrap().len(), "email:*".len() + LONGEST);
    }

    #[test]
    fn substring_needs_three_plain_characters() {
        for (text, query) in [
            ("smith", Some("email:*smith*")),
            ("@example.com", Some("email:*@example.com*")),
            ("ab", None),
            ("a*", None),
            ("jos\u{e9}garcia", Some("email:*garcia*")),
            ("m\u{fc}nchen.example", Some("email:*example*")),
            ("m\u{fc}nchen.de", Some("email:*nchen*")),
            ("n@x", None),
            ("ann@xn--mnc", Some("email:*ann@*")),
            ("xn--mnchen", None),
            ("o'neil", Some("email:*o'neil*")),
            ("a b cde", Some("email:*cde*")),
        ] {
            assert_eq!(contains(text).as_deref(), query, "{text:?}");
        }
        assert_eq!(
            pushed(&EmailFilter::Contains(EmailFragment::from_text("smith")), false),
            None
        );
    }

    proptest! {
        /// Auth0 keeps the address as typed, or with its domain in either form, and compares without regard to case.
        #[test]
        fn pushed_condition_loses_no_user(
            local in "[a-zA-Z\u{e9}\u{fc}'+*.]{1,8}",
            domain in prop::sample::select(vec!["Example.com", "m\u{fc}nchen.example", "xn--mnchen-3ya.example"]),
            decomposed in any::<bool>(),
            from in 0_usize..12,
            length in 1_usize..10,
        ) {
            let typed = format!("{local}@{domain}");
            let kept: String = if decomposed { typed.nfd().collect() } else { typed.clone() };
            let kept = kept.to_lowercase();
            let key = Email::from_source(&typed).unwrap().key().as_str().to_owned();
            let needle: String = key.chars().skip(from).take(length).collect();
            let inside_of_a_two_form_label = key.contains("xn--") && !typed.contains("xn--") && {
                let at = key.find("xn--").unwrap();
                from + length > key[..at].chars().count() && !needle.contains('@')
            };
            prop_assume!(!needle.is_empty() && !inside_of_a_two_form_label);
            match pushed(&EmailFilter::Contains(EmailFragment::from_text(&needle)), true) {
                None => {}
                Some(Clause::Holds(_, value)) => prop_assert!(kept.contains(value.as_str())),
                Some(other) => prop_assert!(false, "{:?}", other),
            }
            let head: String = key.chars().take(length).collect();
            match pushed(&EmailFilter::Prefix(EmailFragment::from_text(&head)), true) {
                None => {}
                Some(Clause::StartsWith(_, value)) => prop_assert!(kept.starts_with(value.as_str())),
                Some(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
