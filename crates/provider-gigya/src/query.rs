//! The used part of the query language of `accounts.search` (`providers.md` §2.5 and §2.6).
//!
//! It has no documented escape: a query contains a text only if all its characters are safe between double quotes.
//! Field names and operators are constants.

use std::fmt;

use unicode_normalization::char::is_combining_mark;

/// The requested fields of each account; the same as those of the direct look-up.
const SELECTED: &str =
    "UID, profile, data, emails, loginIDs, isRegistered, isVerified, created, lastUpdated, registered";

/// Where an account's addresses are: it is known by one of the others where its profile has none.
const ADDRESSES: [&str; 4] = [
    "profile.email",
    "loginIDs.emails",
    "emails.verified",
    "emails.unverified",
];

/// A text that may stand between double quotes in a query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Quotable(Box<str>);

/// The longest text that is put into a query, in bytes.
const LONGEST: usize = 1_000;

impl Quotable {
    /// The text, when all of it is letters, digits, their marks, and signs of ASCII, but for `"`, which would end the text,
    /// and `\`, which may hide what follows; `None` for anything else: blanks, control characters, other quotes.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let sign = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\');
        let plain = |char: char| char.is_alphanumeric() || is_combining_mark(char) || sign(char);
        // A mark at the beginning would belong to the quote before it.
        let begins_well = text.chars().next().is_some_and(|first| !is_combining_mark(first));
        let good = begins_well && text.len() <= LONGEST && text.chars().all(plain);
        good.then(|| Self(text.into()))
    }
}

/// A search for the accounts with any of these addresses, or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountQuery {
    pub(crate) emails: Vec<Quotable>,
    pub(crate) limit: u64,
}

impl fmt::Display for AccountQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {SELECTED} FROM accounts")?;
        let mut joint = " WHERE";
        for Quotable(email) in &self.emails {
            for field in ADDRESSES {
                // On an encrypted field, CONTAINS is the whole text without regard to case; `=` would be with regard to it.
                write!(f, r#"{joint} {field} CONTAINS "{email}""#)?;
                joint = " OR";
            }
        }
        write!(f, " LIMIT {}", self.limit)
    }
}

/// A moment of an account that a search can go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountMoment {
    Created,
    LastUpdated,
}

/// A search for all accounts from a moment on, in the order of their moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScanQuery {
    pub(crate) by: AccountMoment,
    /// In UNIX milliseconds; `None` means every account, also one without the moment.
    pub(crate) from: Option<i64>,
    pub(crate) limit: u64,
}

impl fmt::Display for ScanQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.by {
            AccountMoment::Created => "createdTimestamp",
            AccountMoment::LastUpdated => "lastUpdatedTimestamp",
        };
        write!(f, "SELECT {SELECTED} FROM accounts")?;
        if let Some(from) = self.from {
            write!(f, " WHERE {field} >= {from}")?;
        }
        write!(f, " ORDER BY {field} LIMIT {}", self.limit)
    }
}

impl fmt::Debug for Quotable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quotable(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(texts: &[&str]) -> String {
        let emails = texts.iter().map(|text| Quotable::new(text).unwrap()).collect();
        AccountQuery { emails, limit: 21 }.to_string()
    }

    #[test]
    fn address_query_ignores_case() {
        let requests = query(&["o'neil+a@x.example", "jos\u{e9}@x.example"]);
        assert!(
            requests.ends_with(
                " FROM accounts WHERE profile.email CONTAINS \"o'neil+a@x.example\" \
                 OR loginIDs.emails CONTAINS \"o'neil+a@x.example\" OR emails.verified CONTAINS \"o'neil+a@x.example\" \
                 OR emails.unverified CONTAINS \"o'neil+a@x.example\" \
                 OR profile.email CONTAINS \"jos\u{e9}@x.example\" OR loginIDs.emails CONTAINS \"jos\u{e9}@x.example\" \
                 OR emails.verified CONTAINS \"jos\u{e9}@x.example\" OR emails.unverified CONTAINS \"jos\u{e9}@x.example\" \
                 LIMIT 21"
            ),
            "{requests}"
        );
        assert!(query(&[]).ends_with(" FROM accounts LIMIT 21"));
    }

    #[test]
    fn quotes_are_never_part_of_a_query() {
        let quotes = "\"\u{201c}\u{201d}\u{ff02}\u{2033}\u{ab}\\\u{ff3c}";
        let blanks = "\0\n\r\t\u{7f}\u{85}\u{a0}\u{200b}\u{202e}\u{2028}\u{feff} ";
        for bad in quotes.chars().chain(blanks.chars()) {
            assert!(Quotable::new(&format!("a{bad}b@x.example")).is_none(), "{bad:?}");
        }
        assert!(Quotable::new("").is_none() && Quotable::new("\u{301}a").is_none());
        assert!(Quotable::new(&"a".repeat(LONGEST + 1)).is_none());
    }

    /// The words and signs of a query, with every text as one: what the other side makes of it. A text ends at the next
    /// quote of its own kind, a backslash hides the next character.
    fn structure(query: &str) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        let mut chars = query.chars().peekable();
        while let Some(char) = chars.next() {
            if char == '"' || char == '\'' {
                loop {
                    match chars.next()? {
                        '\\' => drop(chars.next()?),
                        end if end == char => break,
                        _ => {}
                    }
                }
                parts.push("text".to_owned());
            } else if char.is_alphanumeric() {
                let mut word = String::from(char);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '.') {
                    word.push(next);
                }
                parts.push(word);
            } else if !char.is_whitespace() {
                parts.push(char.to_string());
            }
        }
        Some(parts)
    }

    /// Texts that are out to break a query, beside any at all.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-z\"'\\\\ =()*;,%_\u{0}\u{e9}\u{301}@.-]{0,30}",
            "\"? ?(OR|AND|LIMIT|FROM|CONTAINS|UNION) ?[\"'1=(); -]{0,8}(x@y\\.z)?",
            "[a-z.+'%&*!#$/=?^`{|}~-]{1,20}@[a-z]{1,8}\\.example",
        ]
    }

    proptest! {
        #[test]
        fn quoted_values_keep_query_structure(texts in prop::collection::vec(hostile(), 1..4)) {
            let emails: Vec<Quotable> = texts.iter().filter_map(|text| Quotable::new(text)).collect();
            prop_assume!(!emails.is_empty());
            let plain = vec![Quotable::new("a").unwrap(); emails.len()];
            let requests = structure(&AccountQuery { emails, limit: 21 }.to_string());
            prop_assert_eq!(requests, structure(&AccountQuery { emails: plain, limit: 21 }.to_string()));
        }
    }
}
