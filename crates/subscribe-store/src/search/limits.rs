//! Detects filters that no stored key can match, so that they need no query: PostgreSQL rejects NUL in text, and stored
//! keys have a maximum length.

use masthead_domain::query::{EmailFilter, UserFilter};

/// The maximum length of a stored key, in bytes: a longer search text matches no row.
pub(super) const MAX_KEY_BYTES: usize = 1000;

/// Whether the filter contains a text that no key or metadata can contain.
pub(crate) fn matches_no_key(filter: &UserFilter) -> bool {
    let impossible = |text: &str| text.len() > MAX_KEY_BYTES || text.contains('\0');
    filter.emails.iter().any(|email| match email {
        EmailFilter::Exact(key) => key.as_str().is_empty() || impossible(key.as_str()),
        EmailFilter::Prefix(needle) | EmailFilter::Contains(needle) => impossible(needle.as_str()),
    }) || [&filter.first_name, &filter.last_name]
        .into_iter()
        .flatten()
        .any(|prefix| impossible(prefix.as_str()))
        || filter
            .metadata
            .iter()
            .any(|pair| pair.key().contains('\0') || pair.value().contains('\0'))
}
