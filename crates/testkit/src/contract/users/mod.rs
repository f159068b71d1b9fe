//! The contract of the write ports of our store, as cases for the fake and for Postgres.
//!
//! A [`UsersFactory`] creates the ports; [`for_each_users_case`](crate::for_each_users_case) names the cases.

mod accounts;
mod attempts;
mod codes;
mod intents;
mod keys;
mod links;
mod passwords;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind,
    metadata::Metadata, tenant::Tenant,
};
use masthead_ports::{
    attempts::SignInAttempts,
    idempotency::{IdempotencyKeys, IdempotencyTicket, KeyState},
    intents::WriteIntents,
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    registrations::WriteOrigin,
    source::{CallContext, Priority, UserSource},
    users::{NewRegistration, QueuedMail, UserWriter, WriteCommit},
};
use time::OffsetDateTime;

pub use accounts::*;
pub use attempts::*;
pub use codes::*;
pub use intents::*;
pub use keys::*;
pub use links::*;
pub use passwords::*;

pub use super::mirror::{NOON, minute};
use crate::source_client::FindByKey as _;

/// Creates the ports for one case.
#[async_trait]
pub trait UsersFactory: Send + Sync {
    /// The ports of an empty store with two tenants, each with a separate pool: the second has a provider.
    async fn users(&self) -> UsersSubject;
}

/// What was committed beside the users.
#[async_trait]
pub trait CommittedLog: Send + Sync {
    /// The numbers of the events, with their registrations, in order.
    async fn events(&self) -> Vec<(i32, Option<i64>)>;

    /// The content of the mails that wait, in order.
    async fn mails(&self) -> Vec<String>;
}

/// The ports, and the tenants.
pub struct UsersSubject {
    /// Writes users.
    pub writer: Arc<dyn UserWriter>,
    /// Keeps intents.
    pub intents: Arc<dyn WriteIntents>,
    /// Keeps idempotency keys.
    pub keys: Arc<dyn IdempotencyKeys>,
    /// Counts failed sign-ins.
    pub attempts: Arc<dyn SignInAttempts>,
    /// Reads the users.
    pub source: Arc<dyn UserSource>,
    /// Reads what else was committed.
    pub log: Arc<dyn CommittedLog>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// Resources that must outlive the ports.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

impl UsersSubject {
    /// The context of a call for the tenant with this number.
    #[must_use]
    pub fn context(&self, tenant: usize) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenants[tenant]), deadline, Priority::Interactive)
    }

    /// Creates a user of the first tenant.
    ///
    /// # Panics
    /// It is refused.
    pub async fn create(&self, new: &NewRegistration) -> Account {
        let created = self.writer.create(&self.context(0), new, false, &commit(0)).await;
        created.expect("created")
    }

    /// The user of the first tenant with this id.
    ///
    /// # Panics
    /// The store does not answer.
    pub async fn find(&self, id: &CustomerRegistrationId) -> Option<Account> {
        self.source.by_id(&self.context(0), id).await.expect("an answer")
    }

    /// Claims the key of this number for a request of this content at this minute; it runs for two minutes.
    ///
    /// # Panics
    /// The store does not answer.
    pub async fn claim(&self, key: u8, content: u8, at: i64) -> KeyState {
        let (now, until) = (minute(at), minute(at + 2));
        let state = self
            .keys
            .claim(&self.context(0), hash(key), hash(content), now, until)
            .await;
        state.expect("an answer")
    }

    /// A claim of a key that is free.
    ///
    /// # Panics
    /// It is not.
    pub async fn claimed(&self, key: u8, content: u8, at: i64) -> IdempotencyTicket {
        match self.claim(key, content, at).await {
            KeyState::Claimed(ticket) => ticket,
            other => panic!("the key is not free: {other:?}"),
        }
    }

    /// Whether nothing was committed.
    pub(super) async fn has_committed_nothing(&self) -> bool {
        self.log.events().await.is_empty() && self.log.mails().await.is_empty()
    }
}

/// A hash that differs by number.
#[must_use]
pub const fn hash(number: u8) -> KeyedHash {
    KeyedHash([number; 32])
}

/// A password's hash that differs by text.
#[must_use]
pub fn password(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text)
}

/// An address.
///
/// # Panics
/// It is none.
#[must_use]
pub fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

/// An id.
///
/// # Panics
/// It is none.
#[must_use]
pub fn id(text: &str) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(text).expect("an id")
}

/// A verified user with this id, address and a password.
#[must_use]
pub fn new_user(crid: &str, address: &str) -> NewRegistration {
    NewRegistration {
        crid: Some(id(crid)),
        email: Some(email(address)),
        first_name: "Ann".into(),
        last_name: "Lee".into(),
        verified: true,
        metadata: Metadata::default(),
        password: Some(password("hash-1")),
        of_provider: false,
    }
}

/// A commit at this minute with the event of a creation and a mail.
#[must_use]
pub fn commit(at: i64) -> WriteCommit {
    let origin = WriteOrigin::new("r-1".into(), "CRM".into(), minute(at));
    WriteCommit {
        mails: vec![QueuedMail {
            kind: "verification",
            sealed: format!("mail at {at}").into(),
        }],
        ..WriteCommit::new(origin, &[EventKind::SubscribeUserCreate])
    }
}

/// This number of hours after the first minute.
fn hour(hours: i64) -> OffsetDateTime {
    NOON + time::Duration::hours(hours)
}

/// Calls a macro with the name of every case, for making a test of each.
#[macro_export]
macro_rules! for_each_users_case {
    ($callback:ident) => {
        $callback! {
            created_user_is_found_with_events_and_mail,
            id_is_the_number_unless_given,
            taken_id_or_address_is_refused,
            users_of_a_provider_may_share_an_address,
            account_of_the_provider_overwrites_registration,
            change_keeps_other_fields,
            change_of_another_state_is_refused,
            password_decides_state_and_credentials,
            first_password_is_set_once,
            rehash_replaces_unchanged_password_only,
            address_is_changed_unless_taken,
            deleted_user_is_absent_and_may_return,
            absent_user_is_not_written,
            tenants_are_kept_apart,
            pending_registration_reserves_its_address,
            pending_registration_becomes_a_user_once,
            five_wrong_tries_end_a_code,
            codes_are_limited_by_minute_and_day,
            unverified_user_is_verified_by_code,
            link_sets_one_password,
            link_of_the_mail_alone_verifies,
            new_password_or_address_ends_all_links,
            claimed_key_is_running_then_answered,
            released_or_abandoned_claim_can_be_taken,
            written_key_is_never_claimed_again,
            write_fails_whose_key_has_passed_on,
            key_with_open_intent_stays_running,
            intent_is_due_after_its_deadline,
            postponed_intent_keeps_its_reason,
            intent_ends_with_one_write,
            full_counter_blocks_until_its_window_ends,
            unfinished_attempts_fill_a_counter_for_a_moment,
            counted_without_an_end_blocks,
            full_counter_leaves_the_others,
            success_takes_its_attempt_back,
            end_of_attempt_commits_its_events,
            known_address_is_remembered_for_90_days,
        }
    };
}
