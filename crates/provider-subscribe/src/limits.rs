//! Which conditions a Users API accepts, and which no user can match, so that no request is needed (contract §3.1).

use masthead_domain::{
    email::MAX_EMAIL_BYTES,
    metadata::{MAX_KEY_BYTES, MetadataPair},
    query::{EmailFilter, NamePrefix, UserFilter},
};

/// The longest key of any address or folded name, in bytes.
const LONGEST_KEY: usize = 1_000;
/// The longest name that is taken as a parameter, in bytes.
const LONGEST_NAME: usize = 255;
/// The longest value of a `metadata.{key}`, in bytes.
const LONGEST_VALUE: usize = 4_096;
/// How many of them one request may have.
const MOST_PAIRS: usize = 32;

/// The text that an address is looked for by.
pub(crate) fn text_of(email: &EmailFilter) -> &str {
    match email {
        EmailFilter::Exact(key) => key.as_str(),
        EmailFilter::Prefix(needle) | EmailFilter::Contains(needle) => needle.as_str(),
    }
}

/// Whether no account can meet these conditions.
pub(crate) fn matches_no_account(filter: &UserFilter) -> bool {
    let impossible = |text: &str| text.len() > LONGEST_KEY || text.contains('\0');
    let exactly_nothing = |email: &EmailFilter| matches!(email, EmailFilter::Exact(key) if key.as_str().is_empty());
    let mut names = [&filter.first_name, &filter.last_name].into_iter().flatten();
    let mut pairs = filter.metadata.iter();
    filter.emails.iter().any(|email| impossible(text_of(email)) || exactly_nothing(email))
        || names.any(|prefix| impossible(prefix.as_str()))
        // What is empty is not looked for, and what holds a NUL is stored nowhere.
        || pairs.any(|pair| pair.value().is_empty() || [pair.key(), pair.value()].iter().any(|text| text.contains('\0')))
}

/// Whether a condition on an address can be sent. Every user matches an empty one, and the API rejects it.
pub(crate) fn takes_email(email: &EmailFilter) -> bool {
    (1..=MAX_EMAIL_BYTES).contains(&text_of(email).len())
}

/// Whether the beginning of a name can be sent.
pub(crate) fn takes_name(prefix: &NamePrefix) -> bool {
    (1..=LONGEST_NAME).contains(&prefix.as_str().len())
}

/// Whether these pairs can be sent.
pub(crate) fn takes_pairs(pairs: &[MetadataPair]) -> bool {
    pairs.len() <= MOST_PAIRS && pairs.iter().all(takes_pair)
}

/// Whether a pair can be sent.
pub(crate) fn takes_pair(pair: &MetadataPair) -> bool {
    let key = pair.key();
    (1..=MAX_KEY_BYTES).contains(&key.len())
        && !key.chars().any(char::is_control)
        && (1..=LONGEST_VALUE).contains(&pair.value().len())
}
