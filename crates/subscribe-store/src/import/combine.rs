//! One user made of a registration and a row that has its id or address.

use masthead_domain::{
    email::Email,
    metadata::{Metadata, fold_case},
};
use time::OffsetDateTime;

use super::policy::OnDuplicate;
use crate::record::NewRegistration;

/// The registration after the row; `None` if the row changes nothing. Its id stays. It takes the row's address only if no other
/// user has that.
pub(super) fn combine(
    policy: OnDuplicate,
    stored: &NewRegistration,
    row: &NewRegistration,
    can_take_address: bool,
) -> Option<NewRegistration> {
    let row_wins = match policy {
        OnDuplicate::Newest if last_change(row) > last_change(stored) => true,
        OnDuplicate::Verified if row.verified && !stored.verified => true,
        OnDuplicate::Merge => false,
        OnDuplicate::Reject | OnDuplicate::Skip | OnDuplicate::Newest | OnDuplicate::Verified => return None,
    };
    let (winner, loser) = if row_wins { (row, stored) } else { (stored, row) };
    let email = winner.email.as_ref().or(loser.email.as_ref());
    let email = email.filter(|email| can_take_address || has_address(stored, email));
    let email = email.or(stored.email.as_ref()).cloned();
    // Whether an address is verified is known of that address only.
    let verified = [stored, row]
        .iter()
        .any(|side| side.verified && side.email.as_ref().map(Email::key) == email.as_ref().map(Email::key));
    let combined = NewRegistration {
        crid: stored.crid.clone(),
        email,
        first_name: first_set(&winner.first_name, &loser.first_name),
        last_name: first_set(&winner.last_name, &loser.last_name),
        verified,
        password_hash: [winner, loser]
            .iter()
            .find_map(|side| set_password(side))
            .map(Into::into),
        metadata: combine_metadata(&stored.metadata, &row.metadata, row_wins),
        registered_at: winner.registered_at.or(loser.registered_at),
        changed_at: if row_wins {
            row.changed_at.max(stored.changed_at)
        } else {
            stored.changed_at.or(row.changed_at)
        },
        last_logout_at: stored.last_logout_at.max(row.last_logout_at),
    };
    (!is_same(&combined, stored)).then_some(combined)
}

fn has_address(user: &NewRegistration, email: &Email) -> bool {
    user.email.as_ref().is_some_and(|own| own.key() == email.key())
}

fn first_set(first: &str, second: &str) -> Box<str> {
    if first.is_empty() { second } else { first }.into()
}

/// An empty hash matches no password.
fn set_password(user: &NewRegistration) -> Option<&str> {
    user.password_hash.as_deref().filter(|hash| !hash.is_empty())
}

/// In microseconds, as times are stored: a second run must not find the row newer than what it has stored.
fn last_change(user: &NewRegistration) -> Option<i128> {
    user.changed_at.or(user.registered_at).map(to_micros)
}

fn to_micros(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos().div_euclid(1000)
}

/// A key keeps its stored spelling, and an empty value hides no other.
fn combine_metadata(stored: &Metadata, row: &Metadata, row_wins: bool) -> Metadata {
    let of = |side: &Metadata, key: &str| {
        let folded = fold_case(key);
        let mut pairs = side.iter();
        pairs
            .find(|(other, _)| fold_case(other) == folded)
            .map(|(_, value)| value.to_owned())
    };
    let kept = stored.iter().map(|(key, value)| {
        let other = of(row, key).filter(|other| !other.is_empty() && (row_wins || value.is_empty()));
        (key.to_owned(), other.unwrap_or_else(|| value.to_owned()))
    });
    let added = row.iter().filter(|(key, _)| of(stored, key).is_none());
    Metadata::from_valid(kept.chain(added.map(|(key, value)| (key.to_owned(), value.to_owned()))))
}

fn is_same(a: &NewRegistration, b: &NewRegistration) -> bool {
    let micros = |at: Option<OffsetDateTime>| at.map(to_micros);
    a.email == b.email
        && a.first_name == b.first_name
        && a.last_name == b.last_name
        && a.verified == b.verified
        && set_password(a) == set_password(b)
        && a.metadata == b.metadata
        && micros(a.registered_at) == micros(b.registered_at)
        && micros(a.changed_at) == micros(b.changed_at)
        && micros(a.last_logout_at) == micros(b.last_logout_at)
}

#[cfg(test)]
mod tests {
    use masthead_domain::customer_registration_id::CustomerRegistrationId;
    use time::{Duration, macros::datetime};

    use super::*;

    fn user(id: &str, email: &str) -> NewRegistration {
        NewRegistration {
            crid: CustomerRegistrationId::parse(id).unwrap(),
            email: Email::from_source(email).ok(),
            first_name: "".into(),
            last_name: "".into(),
            verified: false,
            password_hash: None,
            metadata: Metadata::default(),
            registered_at: None,
            changed_at: Some(datetime!(2024-01-02 03:04:05 UTC)),
            last_logout_at: None,
        }
    }

    fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Metadata::new(pairs).unwrap()
    }

    #[test]
    fn merge_fills_unset_fields_only() {
        let stored = NewRegistration {
            first_name: "Ann".into(),
            metadata: metadata(&[("City", "Oslo"), ("title", "")]),
            ..user("1", "ann@example.com")
        };
        let row = NewRegistration {
            first_name: "Anna".into(),
            last_name: "Berg".into(),
            verified: true,
            password_hash: Some("h".into()),
            metadata: metadata(&[("city", "Bergen"), ("title", "Dr"), ("tier", "1")]),
            registered_at: Some(datetime!(2020-01-02 03:04:05 UTC)),
            changed_at: Some(datetime!(2025-01-02 03:04:05 UTC)),
            ..user("2", "Ann@Example.com")
        };
        let merged = combine(OnDuplicate::Merge, &stored, &row, true).unwrap();
        assert_eq!(
            (merged.crid.as_str(), &*merged.first_name, &*merged.last_name),
            ("1", "Ann", "Berg")
        );
        assert_eq!(merged.email.as_ref().unwrap().as_str(), "ann@example.com");
        assert!(merged.verified, "the same address");
        assert!(merged.metadata == metadata(&[("City", "Oslo"), ("title", "Dr"), ("tier", "1")]));
        assert_eq!(
            (merged.registered_at, merged.changed_at),
            (row.registered_at, stored.changed_at)
        );
        assert!(
            combine(OnDuplicate::Merge, &merged, &row, true).is_none(),
            "a second time"
        );
    }

    #[test]
    fn later_change_wins_and_keeps_what_it_lacks() {
        let stored = NewRegistration {
            first_name: "Ann".into(),
            last_name: "Lee".into(),
            verified: true,
            password_hash: Some("old".into()),
            ..user("1", "ann@example.com")
        };
        let later = NewRegistration {
            last_name: "Berg".into(),
            changed_at: stored.changed_at.map(|at| at + Duration::nanoseconds(1_500)),
            ..user("1", "ann@new.example")
        };
        let newest = combine(OnDuplicate::Newest, &stored, &later, true).unwrap();
        assert_eq!((&*newest.first_name, &*newest.last_name), ("Ann", "Berg"));
        assert_eq!(newest.email.as_ref().unwrap().as_str(), "ann@new.example");
        assert!(!newest.verified, "another address");
        assert_eq!(newest.password_hash.as_deref(), Some("old"));
        let taken = combine(OnDuplicate::Newest, &stored, &later, false).unwrap();
        assert_eq!((taken.email == stored.email, taken.verified), (true, true));
        assert!(combine(OnDuplicate::Newest, &later, &stored, true).is_none());
        // Stored times have microseconds.
        let reread = NewRegistration {
            changed_at: stored.changed_at.map(|at| at + Duration::microseconds(1)),
            ..newest
        };
        assert!(combine(OnDuplicate::Newest, &reread, &later, true).is_none());
    }

    #[test]
    fn verified_row_wins_over_unverified_user() {
        let stored = NewRegistration {
            first_name: "Ann".into(),
            ..user("1", "ann@example.com")
        };
        let row = NewRegistration {
            first_name: "Anna".into(),
            verified: true,
            ..stored.clone()
        };
        let won = combine(OnDuplicate::Verified, &stored, &row, true).unwrap();
        assert_eq!((&*won.first_name, won.verified), ("Anna", true));
        assert!(combine(OnDuplicate::Verified, &won, &row, true).is_none());
        assert!(combine(OnDuplicate::Verified, &row, &stored, true).is_none());
    }
}
