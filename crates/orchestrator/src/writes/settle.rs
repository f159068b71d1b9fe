//! Whether an account of the provider shows a write whose answer was lost (contract `writes.md` §2: "found as requested").

use std::time::Duration;

use masthead_domain::{
    account::Account,
    email::Email,
    user_change::{UserChange, is_blocked},
};
use time::OffsetDateTime;

use super::{intent_content::RequestedAccount, two_sided::Settled};

/// How much the clocks of a provider and of this server may differ.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(2);

/// Whether one of the accounts with the address was created by the write that began at `begun`. Where the source reports no
/// times, `was_absent` states that no account had the address just before.
pub(crate) fn created(
    accounts: Vec<Account>,
    requested: &RequestedAccount,
    begun: OffsetDateTime,
    was_absent: bool,
) -> Settled<Account> {
    let mut with_address = accounts
        .into_iter()
        .filter(|account| account.email.as_ref().map(Email::key) == Some(requested.email.key()));
    match (with_address.next(), with_address.next()) {
        (None, _) => Settled::NotDone,
        (Some(account), None) => match account.registered_at {
            Some(at) if at < begun - CLOCK_DIFFERENCE => Settled::AlreadyExists,
            at if (at.is_some() || was_absent)
                && account.first_name == requested.first_name
                && account.last_name == requested.last_name =>
            {
                Settled::Done(account)
            }
            // Created at the same time by another client, or at a time that the provider does not report.
            Some(_) | None => Settled::Unknown,
        },
        (Some(_), Some(_)) => Settled::Unknown,
    }
}

/// Whether the account shows the change. Fields that the provider does not keep are not compared; a remote Users API, written
/// alone, keeps all.
pub(crate) fn updated(account: Option<Account>, change: &UserChange, is_remote_alone: bool) -> Settled<Account> {
    let Some(account) = account else {
        return Settled::NotDone;
    };
    // A last logout cannot be read back: the same change can be made again.
    let is_other = change.blocked.is_some_and(|blocked| blocked != is_blocked(&account));
    if is_remote_alone && (is_other || change.last_logout_at.is_some()) {
        return Settled::NotDone;
    }
    let changed = change.applied_to(&account);
    let names = changed.first_name == account.first_name && changed.last_name == account.last_name;
    let verified = change
        .verified
        .is_none_or(|verified| account.verified.is_none_or(|is| is == verified));
    let metadata = change
        .metadata
        .iter()
        .all(|(key, value)| match account.metadata.get(key) {
            Some(kept) => Some(kept) == value.as_deref(),
            None => true,
        });
    if names && verified && metadata {
        Settled::Done(account)
    } else {
        Settled::NotDone
    }
}

/// Whether the account has the new address.
pub(crate) fn moved(account: Option<Account>, email: &Email) -> Settled<Account> {
    match account {
        Some(account) if account.email.as_ref().map(Email::key) == Some(email.key()) => Settled::Done(account),
        Some(_) | None => Settled::NotDone,
    }
}

/// Whether the account is gone.
pub(crate) fn deleted(account: Option<&Account>) -> Settled<()> {
    match account {
        None => Settled::Done(()),
        Some(_) => Settled::NotDone,
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{customer_registration_id::CustomerRegistrationId, metadata::Metadata};
    use time::macros::datetime;

    use super::*;

    const BEGUN: OffsetDateTime = datetime!(2026-11-29 12:00 UTC);

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn account(registered_at: Option<OffsetDateTime>) -> Account {
        Account {
            email: Some(email("ann@example.com")),
            first_name: "Ann".into(),
            registered_at,
            ..Account::new(CustomerRegistrationId::parse("auth0|1").unwrap())
        }
    }

    fn requested() -> RequestedAccount {
        RequestedAccount {
            email: email("Ann@Example.com"),
            first_name: "Ann".into(),
            last_name: "".into(),
            verified: false,
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn only_a_young_equal_account_was_created() {
        let new = account(Some(BEGUN));
        let other_name = Account {
            first_name: "Bob".into(),
            ..new.clone()
        };
        let other_address = Account {
            email: Some(email("bob@example.com")),
            ..new.clone()
        };
        for (accounts, expected) in [
            (vec![], Settled::NotDone),
            (vec![other_address], Settled::NotDone),
            (vec![new.clone()], Settled::Done(new.clone())),
            (
                vec![account(Some(BEGUN - Duration::from_secs(121)))],
                Settled::AlreadyExists,
            ),
            (vec![account(None)], Settled::Unknown),
            (vec![other_name], Settled::Unknown),
            (vec![new.clone(), new], Settled::Unknown),
        ] {
            assert_eq!(
                created(accounts.clone(), &requested(), BEGUN, false),
                expected,
                "{}",
                accounts.len()
            );
        }
    }

    #[test]
    fn account_without_time_is_new_where_none_was() {
        let dateless = account(None);
        let other_name = Account {
            first_name: "Bob".into(),
            ..dateless.clone()
        };
        let created = |account| created(vec![account], &requested(), BEGUN, true);
        assert_eq!(created(dateless.clone()), Settled::Done(dateless));
        assert_eq!(created(other_name), Settled::Unknown);
    }

    #[test]
    fn remote_store_shows_a_block_and_no_logout() {
        let free = account(None);
        let block = UserChange {
            blocked: Some(true),
            ..UserChange::default()
        };
        let blocked = block.applied_to(&free);
        let logout = UserChange {
            last_logout_at: Some(None),
            ..UserChange::default()
        };
        assert_eq!(updated(Some(free.clone()), &block, true), Settled::NotDone);
        assert_eq!(updated(Some(blocked.clone()), &block, true), Settled::Done(blocked));
        assert_eq!(updated(Some(free.clone()), &logout, true), Settled::NotDone);
        assert_eq!(updated(Some(free.clone()), &logout, false), Settled::Done(free));
    }

    #[test]
    fn change_is_done_where_every_kept_field_shows_it() {
        let change = UserChange {
            first_name: Some("Anna".into()),
            metadata: vec![("city".into(), Some("Oslo".into()))],
            ..UserChange::default()
        };
        let before = account(None);
        let after = Account {
            first_name: "Anna".into(),
            ..before.clone()
        };
        let elsewhere = Account {
            metadata: Metadata::from_valid([("city", "Bergen")].map(|(key, value)| (key.to_owned(), value.to_owned()))),
            ..after.clone()
        };
        assert_eq!(updated(None, &change, false), Settled::NotDone);
        assert_eq!(updated(Some(before), &change, false), Settled::NotDone);
        assert_eq!(updated(Some(elsewhere), &change, false), Settled::NotDone);
        assert_eq!(updated(Some(after.clone()), &change, false), Settled::Done(after));
    }

    #[test]
    fn address_and_deletion_are_read_off_the_account() {
        let with = account(None);
        assert_eq!(
            moved(Some(with.clone()), &email("ann@example.com")),
            Settled::Done(with.clone())
        );
        assert_eq!(moved(Some(with.clone()), &email("new@example.com")), Settled::NotDone);
        assert_eq!(moved(None, &email("ann@example.com")), Settled::NotDone);
        assert_eq!(deleted(None), Settled::Done(()));
        assert_eq!(deleted(Some(&with)), Settled::NotDone);
    }
}
