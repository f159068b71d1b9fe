//! What is held about one person, source by source, for the report that the person may request (ADR 0139).

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{account::Account, email::Email, metadata::Metadata};
use time::OffsetDateTime;

use crate::{
    erasure::{Person, StoredTexts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError, SourceErrorKind},
};

/// The most records that a source shows; more are counted.
pub const MAX_RECORDS: u16 = 1000;

/// The names of the sources, in reports and receipts.
pub mod sources {
    /// Registrations of our store, also deleted ones that are not purged yet.
    pub const REGISTRATIONS: &str = "registrations";
    /// The copy of the provider's account.
    pub const MIRROR: &str = "mirror";
    /// Registrations that wait for the verification of an address.
    pub const PENDING: &str = "pendingRegistrations";
    /// Codes that were sent to an address.
    pub const CODES: &str = "verificationCodes";
    /// Links to set a password.
    pub const LINKS: &str = "resetLinks";
    /// The last day of a sign-in.
    pub const SIGN_IN_DAYS: &str = "lastSignIns";
    /// Client addresses from which it has signed in.
    pub const KNOWN_ADDRESSES: &str = "knownAddresses";
    /// Counters of failed sign-ins.
    pub const COUNTERS: &str = "signInCounters";
    /// Two-sided writes that are not finished.
    pub const INTENTS: &str = "openWrites";
    /// Answers that are kept for idempotency keys.
    pub const KEYS: &str = "idempotencyKeys";
    /// Mails that wait.
    pub const MAILS: &str = "mails";
    /// The audit log.
    pub const EVENTS: &str = "events";
    /// Keyed hashes of deleted ids and addresses.
    pub const TOMBSTONES: &str = "tombstones";
    /// Receipts of erasures.
    pub const ERASURES: &str = "erasures";
    /// What servers remember of the provider's answers.
    pub const SERVER_MEMORY: &str = "serverMemory";
    /// The identity provider.
    pub const PROVIDER: &str = "provider";
    /// A remote Users API in place of registrations.
    pub const REMOTE_STORE: &str = "remoteUsersApi";
}

/// One value of a record.
#[derive(Clone, PartialEq, Eq)]
pub enum RecordValue {
    /// A text.
    Text(Box<str>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A time.
    Time(OffsetDateTime),
    /// Named texts.
    Pairs(Vec<(Box<str>, Box<str>)>),
}

/// One thing that a source holds: its fields by name, without those that have no value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Record(pub Vec<(&'static str, RecordValue)>);

impl Record {
    /// The record with this field too; none for `None`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl Into<RecordValue>>) -> Self {
        self.0.extend(value.map(|value| (name, value.into())));
        self
    }
}

impl Record {
    /// The fields of an account, wherever it is held.
    #[must_use]
    pub fn of_account(account: &Account) -> Self {
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self::default()
            .with("customerRegistrationId", Some(account.crid.as_str()))
            .with("email", account.email.as_ref().map(Email::as_str))
            .with("firstName", named(&account.first_name))
            .with("lastName", named(&account.last_name))
            .with("verified", account.verified)
            .with_metadata(&account.metadata)
            .with("dateRegistered", account.registered_at)
            .with("changeDate", account.changed_at)
            .with("lastLogoutDate", account.last_logout_at)
    }

    /// The record with this metadata, if there is any.
    #[must_use]
    pub fn with_metadata(self, metadata: &Metadata) -> Self {
        let pairs = metadata.iter().map(|(key, value)| (key.into(), value.into()));
        let pairs: Vec<(Box<str>, Box<str>)> = pairs.collect();
        self.with("metadata", (!pairs.is_empty()).then_some(pairs))
    }
}

macro_rules! from {
    ($($type:ty => $variant:expr),* $(,)?) => {$(
        impl From<$type> for RecordValue {
            fn from(value: $type) -> Self {
                $variant(value)
            }
        }
    )*};
}
from! {
    i64 => RecordValue::Number,
    bool => RecordValue::Flag,
    OffsetDateTime => RecordValue::Time,
    Box<str> => RecordValue::Text,
    Vec<(Box<str>, Box<str>)> => RecordValue::Pairs,
    String => |text: String| RecordValue::Text(text.into()),
    &str => |text: &str| RecordValue::Text(text.into()),
}

/// What a source answers.
#[derive(Clone, PartialEq, Eq)]
pub enum SourceAnswer {
    /// What it holds, perhaps nothing; `total` counts also what is not shown.
    Held {
        /// The records, at most [`MAX_RECORDS`].
        records: Vec<Record>,
        /// How many there are.
        total: u64,
    },
    /// It did not answer: what it holds is not known.
    Unavailable(SourceErrorKind),
}

impl SourceAnswer {
    /// Records of which none is left out.
    #[must_use]
    pub fn all(records: Vec<Record>) -> Self {
        let total = records.len() as u64;
        Self::Held { records, total }
    }
}

/// One source of a report.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// Its name in the answer.
    pub name: &'static str,
    /// What it keeps, and for how long, in words.
    pub meaning: &'static str,
    /// The time of its answer.
    pub as_of: OffsetDateTime,
    /// Its answer.
    pub answer: SourceAnswer,
}

macro_rules! redacted {
    ($($type:ident),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(<redacted>)"))
            }
        }
    )*};
}
redacted!(RecordValue, Record, SourceAnswer, SourceReport);

/// Reads what our store holds about a person. No secret is read: codes and links are keyed hashes, of a password the family is
/// named.
#[async_trait]
pub trait PersonRecords: Send + Sync {
    /// Each source of the store, in the order of the report. One that fails is reported as unavailable. `attempt_keys` are the
    /// counters of failed sign-ins of the person.
    ///
    /// # Errors
    /// The store does not answer at all.
    async fn read(
        &self,
        cx: &CallContext,
        person: &Person,
        attempt_keys: &[KeyedHash],
        texts: &dyn StoredTexts,
        at: OffsetDateTime,
    ) -> Result<Vec<SourceReport>, SourceError>;
}
