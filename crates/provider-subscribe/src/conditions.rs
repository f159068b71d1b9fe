//! The conditions of a filter in the terms of a Users API: which it has parameters for, how they are sent, and which no user
//! can match, so that no request is needed (contract §3.1, §3.3).

use masthead_domain::{
    email::{EmailKey, MAX_EMAIL_BYTES},
    metadata::{MAX_KEY_BYTES, MetadataPair},
    order::SortColumn,
    query::{EmailFilter, NamePrefix, UserFilter, UserQuery},
};

use crate::settings::RemoteApiKind;

/// The longest key of any address or folded name, in bytes.
const LONGEST_KEY: usize = 1_000;
/// The longest name that is taken as a parameter, in bytes.
const LONGEST_NAME: usize = 255;
/// The longest value of a `metadata.{key}`, in bytes.
const LONGEST_VALUE: usize = 4_096;
/// How many of them one request may have.
const MOST_PAIRS: usize = 32;

/// The text that an address is looked for by.
fn text_of(email: &EmailFilter) -> &str {
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

/// The part of a filter that this API has parameters for: the whole filter, if it has one for each condition.
pub(crate) fn expressible(api: RemoteApiKind, filter: &UserFilter) -> UserFilter {
    // Names every condition, so that a new one does not compile before it is decided on.
    let UserFilter {
        emails,
        crids,
        first_name,
        last_name,
        metadata,
        only_active,
    } = filter.clone();
    // An exact address has a path of its own in the legacy API, where every version takes it for a complete address.
    let has_own_path = first_name.is_none() && last_name.is_none() && metadata.is_empty() && emails.len() == 1;
    let mut emails = emails.into_iter().filter(takes_email);
    match api {
        RemoteApiKind::V4Body | RemoteApiKind::V4Query => UserFilter {
            emails: emails.next().into_iter().collect(),
            crids,
            first_name: first_name.filter(takes_name),
            last_name: last_name.filter(takes_name),
            metadata: metadata.into_iter().filter(takes_pair).take(MOST_PAIRS).collect(),
            only_active: false,
        },
        // An id stands alone there.
        RemoteApiKind::Legacy if !crids.is_empty() => UserFilter {
            crids,
            ..UserFilter::default()
        },
        RemoteApiKind::Legacy => {
            let is_taken = |email: &EmailFilter| match email {
                EmailFilter::Contains(_) => true,
                EmailFilter::Exact(key) => has_own_path && key.is_ordinary(),
                EmailFilter::Prefix(_) => false,
            };
            UserFilter {
                emails: emails.find(is_taken).into_iter().collect(),
                only_active,
                ..UserFilter::default()
            }
        }
    }
}

/// Whether order or conditions need a field that this API's users do not have: v4 returns no dates.
pub(crate) fn needs_absent_field(api: RemoteApiKind, query: &UserQuery) -> bool {
    let by_date = matches!(query.order.column, SortColumn::DateRegistered | SortColumn::ChangeDate);
    by_date && api != RemoteApiKind::Legacy
}

/// The v4 parameters of an expressible filter.
///
/// With `published`, uses only the published rules where they mean the same as Masthead's own.
pub(crate) fn v4_parameters(filter: &UserFilter, published: bool) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut put = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    if let Some(email) = filter.emails.first() {
        let text = text_of(email);
        let word = match email {
            EmailFilter::Exact(_) => "exact",
            EmailFilter::Prefix(_) => "prefix",
            EmailFilter::Contains(_) => "contains",
        };
        put("email", text);
        // The published rule: a complete address matches exactly, anything else by *contains*. Versions may differ in what
        // is complete: only where none does is the parameter left out.
        let by_form = if EmailKey::from_text(text).is_ordinary() {
            Some("exact")
        } else if EmailKey::parse(text).is_err() {
            Some("contains")
        } else {
            None
        };
        if !published || by_form != Some(word) {
            put("emailMatch", word);
        }
    }
    if let Some(id) = filter.crids.first() {
        put("customerRegistrationId", id.as_str());
    }
    for (name, prefix) in [("firstName", &filter.first_name), ("lastName", &filter.last_name)] {
        if let Some(prefix) = prefix {
            put(name, prefix.as_str());
        }
    }
    for pair in &filter.metadata {
        put(&format!("metadata.{}", pair.key()), pair.value());
    }
    all
}

/// The legacy path of an expressible filter without an id, and its parameters, in the published spelling.
pub(crate) fn legacy_parameters(filter: &UserFilter) -> (&'static str, Vec<(&'static str, &str)>) {
    let email = filter.emails.first();
    let mut all = Vec::new();
    let path = if let Some(EmailFilter::Exact(_)) = email {
        "/User/2"
    } else {
        all.push(("lookupInUserProvider", "false"));
        "/User"
    };
    all.extend(email.map(|email| ("email", text_of(email))));
    all.extend(filter.only_active.then_some(("onlyActive", "true")));
    (path, all)
}

/// Whether a condition on an address can be sent. Every user matches an empty one, and the API rejects it.
fn takes_email(email: &EmailFilter) -> bool {
    (1..=MAX_EMAIL_BYTES).contains(&text_of(email).len())
}

/// Whether the beginning of a name can be sent.
fn takes_name(prefix: &NamePrefix) -> bool {
    (1..=LONGEST_NAME).contains(&prefix.as_str().len())
}

/// Whether a pair can be sent.
fn takes_pair(pair: &MetadataPair) -> bool {
    let key = pair.key();
    (1..=MAX_KEY_BYTES).contains(&key.len())
        && !key.chars().any(char::is_control)
        && (1..=LONGEST_VALUE).contains(&pair.value().len())
}
