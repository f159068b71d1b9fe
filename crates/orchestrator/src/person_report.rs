//! Reports everything that is held about one person, source by source (ADR 0139).

use std::{sync::Arc, time::Duration};

use masthead_domain::{
    account::Account,
    caller_address::AuditAddress,
    customer_registration_id::CustomerRegistrationId,
    event::{EventKind, EventOutcome},
    tenant::TenantId,
    user_key::UserKey,
};
use masthead_ports::{
    clock::Clock,
    erasure::{Erasures, Person},
    keyed_hash::KeyedHasher,
    passwords::PasswordHasher,
    person::{PersonRecords, Record, SourceAnswer, SourceReport, sources},
    provider::{Freshness, IdentityProvider, Providers},
    sealing::Sealing,
    source::{CallContext, Priority, SourceErrorKind, UserSource, WaitPolicy},
    users::{UserWriter, WriteCommit},
};
use time::OffsetDateTime;

use crate::{
    Caller, ReadError,
    store_only::store_failure,
    writes::{attempt_keys, stored_texts::OpenedTexts},
};

/// The ports that reports need.
#[derive(Clone)]
pub struct PersonDependencies {
    /// What our store holds.
    pub records: Arc<dyn PersonRecords>,
    /// Finds the ids and addresses of a person.
    pub erasures: Arc<dyn Erasures>,
    /// Writes the event of a report.
    pub users: Arc<dyn UserWriter>,
    /// The registrations, or the remote Users API in their place.
    pub store: Arc<dyn UserSource>,
    /// The identity providers.
    pub providers: Arc<dyn Providers>,
    /// Opens mails and intents.
    pub sealing: Arc<dyn Sealing>,
    /// Names the families of password hashes.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Hashes the keys of counters.
    pub hasher: Arc<dyn KeyedHasher>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What the audit log keeps of the addresses of callers.
    pub audit_address: AuditAddress,
    /// For how long servers remember a provider's answers.
    pub remembered: Duration,
}

/// Everything that is held about a person.
#[derive(Debug, Clone)]
pub struct PersonReport {
    /// The newspaper whose data this is.
    pub tenant: TenantId,
    /// When it was made.
    pub made_at: OffsetDateTime,
    /// The sources, each with its answer.
    pub sources: Vec<SourceReport>,
}

impl PersonReport {
    /// Whether every source has answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_open = |source: &SourceReport| matches!(source.answer, SourceAnswer::Unavailable(_));
        !self.sources.iter().any(is_open)
    }

    /// Whether a source holds something about the person itself, beyond what describes the sources.
    fn holds_anything(&self) -> bool {
        let own = self
            .sources
            .iter()
            .filter(|source| source.name != sources::SERVER_MEMORY);
        own.into_iter()
            .any(|source| matches!(source.answer, SourceAnswer::Held { total, .. } if total > 0))
    }
}

/// Makes reports of persons. Cheap to clone.
#[derive(Clone)]
pub struct PersonReports {
    ports: Arc<PersonDependencies>,
}

impl PersonReports {
    /// Builds the use case from the ports.
    #[must_use]
    pub fn new(ports: PersonDependencies) -> Self {
        Self { ports: Arc::new(ports) }
    }

    /// Everything that is held about the person with this key. The report is in the audit log before it is answered.
    ///
    /// # Errors
    /// [`ReadError::NoSuchUser`] when every source confirms that it holds nothing; [`ReadError::Unavailable`] when our store does not
    /// answer, or nothing is found and a source does not answer.
    pub async fn make(&self, caller: &Caller, key: &UserKey) -> Result<PersonReport, ReadError> {
        let cx = CallContext {
            wait: WaitPolicy::ForLiveAnswer,
            ..caller.context(Priority::Interactive)
        };
        let at = self.ports.clock.now();
        let person = self.ports.erasures.identify(&cx, key).await;
        let mut person = person.map_err(|error| store_failure(caller, &error))?;
        let mut live = Vec::new();
        if caller.tenant.settings.has_remote_store() {
            live.push(self.remote_store(&cx, key, &mut person, at).await);
        }
        if let Some(provider) = self.ports.providers.for_tenant(&caller.tenant) {
            live.push(self.provider(&cx, &*provider, key, &mut person, at).await);
            live.push(self.server_memory(at));
        }
        let texts = OpenedTexts {
            sealing: Arc::clone(&self.ports.sealing),
            passwords: Arc::clone(&self.ports.passwords),
        };
        let attempt_keys = attempt_keys(&*self.ports.hasher, cx.tenant.pool, &person);
        let stored = self.ports.records.read(&cx, &person, &attempt_keys, &texts, at).await;
        let mut sources = stored.map_err(|error| store_failure(caller, &error))?;
        sources.extend(live);
        let report = PersonReport {
            tenant: caller.tenant.id.clone(),
            made_at: at,
            sources,
        };
        let is_held = report.holds_anything();
        let outcome = match (is_held, report.is_complete()) {
            (true, _) => EventOutcome::Found,
            (false, true) => EventOutcome::Absent,
            (false, false) => EventOutcome::Unknown,
        };
        self.record(caller, &cx, person.ids.first().filter(|_| is_held), outcome)
            .await?;
        match outcome {
            EventOutcome::Found => Ok(report),
            EventOutcome::Absent => Err(ReadError::NoSuchUser { completeness: None }),
            EventOutcome::Unknown | EventOutcome::Refused => Err(ReadError::Unavailable {
                retry_after: None,
                completeness: None,
            }),
        }
    }

    async fn record(
        &self,
        caller: &Caller,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        outcome: EventOutcome,
    ) -> Result<(), ReadError> {
        let origin = caller.origin(self.ports.clock.now(), self.ports.audit_address);
        let commit = WriteCommit {
            events: vec![(EventKind::SubscribeUserReport, outcome)],
            ..WriteCommit::new(origin, &[])
        };
        let recorded = self.ports.users.record(cx, id, &commit).await;
        recorded.map_err(|error| store_failure(caller, &error))
    }

    /// The accounts of the provider, looked up now.
    async fn provider(
        &self,
        cx: &CallContext,
        provider: &dyn IdentityProvider,
        key: &UserKey,
        person: &mut Person,
        at: OffsetDateTime,
    ) -> SourceReport {
        let mut accounts: Vec<Account> = Vec::new();
        let mut failed = None;
        let mut keys = person.keys();
        if !keys.contains(key) {
            keys.insert(0, key.clone());
        }
        for key in keys.into_iter().take(Person::MOST_LOOKED_UP) {
            let lookup = provider.find_live(&cx.new_read(), &key).await;
            match lookup.freshness {
                Freshness::Live => {
                    let new = lookup.accounts.into_iter();
                    accounts.extend(
                        new.filter(|new| accounts.iter().all(|known| known.crid != new.crid))
                            .collect::<Vec<_>>(),
                    );
                }
                Freshness::Remembered(kind) | Freshness::Failed(kind) => failed = Some(kind),
            }
        }
        answer_of_accounts(
            (sources::PROVIDER, "the account at the identity provider, asked now"),
            (accounts, failed),
            person,
            at,
        )
    }

    async fn remote_store(
        &self,
        cx: &CallContext,
        key: &UserKey,
        person: &mut Person,
        at: OffsetDateTime,
    ) -> SourceReport {
        let found = match self.ports.store.find(cx, key).await {
            Ok(accounts) => (accounts, None),
            Err(error) => (Vec::new(), Some(error.kind)),
        };
        answer_of_accounts(
            (
                sources::REMOTE_STORE,
                "the registration at the remote Users API that this newspaper has in place of a store, asked now",
            ),
            found,
            person,
            at,
        )
    }

    fn server_memory(&self, at: OffsetDateTime) -> SourceReport {
        let seconds = i64::try_from(self.ports.remembered.as_secs()).unwrap_or(i64::MAX);
        let record = Record::default()
            .with("content", Some("the last answer of the provider, as under `provider`"))
            .with("keptForSecondsAtMost", Some(seconds));
        SourceReport {
            name: sources::SERVER_MEMORY,
            meaning: "what each server may remember of the provider's answers, in memory alone",
            as_of: at,
            answer: SourceAnswer::all(vec![record]),
        }
    }
}

/// The answer of a source that was called now; its ids and addresses are added to the person.
fn answer_of_accounts(
    (name, meaning): (&'static str, &'static str),
    (accounts, failed): (Vec<Account>, Option<SourceErrorKind>),
    person: &mut Person,
    at: OffsetDateTime,
) -> SourceReport {
    let answer = match failed {
        Some(kind) => SourceAnswer::Unavailable(kind),
        None => SourceAnswer::all(accounts.iter().map(Record::of_account).collect()),
    };
    for account in accounts {
        person.add_id(account.crid);
        account.email.into_iter().for_each(|email| person.add_email(email));
    }
    SourceReport {
        name,
        meaning,
        as_of: at,
        answer,
    }
}
