//! Erases persons: at the provider, where its API allows that, and in our store (ADR 0139).

use std::{sync::Arc, time::Duration};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    tenant::{PoolId, Tenant},
    user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, MissingSetting},
    erasure::{ErasureId, ErasureOutcome, NewErasure, Person, Receipt, ReceiptLine},
    intents::{IntentId, IntentKind},
    keyed_hash::{HashPurpose, KeyedHash, KeyedHasher},
    person::sources,
    source::{CallContext, SUBSCRIBE, SourceError},
    trace::SPANS,
    users::{UserWriteError, WriteCommit},
};

use super::{
    error::{WriteUserError, store_error},
    intent_content::IntentContent,
    services::{Services, WriteCall, Written},
    settle,
    sides::{Sides, TwoSides},
    two_sided::Intended,
};

/// How long an erasure is kept from other servers: longer than a sweep may take.
const LEASE: Duration = Duration::from_mins(15);

/// How many erasures go on at a time, one after another.
const BATCH: usize = 1000;

/// How long the events may be gone through: a request waits for a small log alone, a task also for that of years.
const EVENTS_WITHIN: Duration = Duration::from_mins(10);
const EVENTS_WITHIN_REQUEST: Duration = Duration::from_secs(1);

/// A person to erase.
#[derive(Debug, Clone)]
pub struct EraseRequest {
    /// The person.
    pub key: UserKey,
    /// The provider is not called.
    pub ignore_provider: bool,
}

/// What would be erased.
#[derive(Debug, Clone)]
pub struct ErasurePreview {
    /// The person, as our store knows it.
    pub person: Person,
    /// How many accounts the provider has; `None` where it is not called.
    pub provider_accounts: Option<usize>,
}

/// Erases persons.
#[derive(Clone)]
pub struct ErasePerson {
    pub(crate) services: Arc<Services>,
}

impl ErasePerson {
    /// Erases a person on every side, and returns the receipt. A person who was erased before has the receipt of then. It does not
    /// end with the caller.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "erase person", skip_all)]
    pub async fn erase(&self, call: WriteCall, request: EraseRequest) -> Result<Written<Receipt>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.erase(&call, &request).await })
            .await
    }

    /// The person that would be erased, and where it is known. Changes nothing.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    pub async fn preview(&self, call: &WriteCall, request: &EraseRequest) -> Result<ErasurePreview, WriteUserError> {
        let services = &self.services;
        let cx = Services::context(call);
        refuse_remote_store(&cx.tenant)?;
        let mut person = services.identify(&cx, &request.key).await?;
        let provider_accounts = match services.eraser(&cx, request.ignore_provider) {
            Eraser::Writer(both) => Some(
                services
                    .accounts(&cx, &*both.writer, &request.key, &mut person)
                    .await?
                    .own
                    .len(),
            ),
            Eraser::None(_) => None,
        };
        Ok(ErasurePreview {
            person,
            provider_accounts,
        })
    }

    /// The receipt with this number, of this tenant's pool.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn receipt(&self, call: &WriteCall, id: ErasureId) -> Result<Option<Receipt>, WriteUserError> {
        let cx = Services::context(call);
        let receipt = self.services.ports.erasures.receipt(&cx, id).await;
        receipt.map_err(|error| store_error(&error))
    }

    /// Goes on with the erasures whose rest is due, one at a time, and returns their receipts. Several servers share the work.
    ///
    /// # Errors
    /// The store did not answer, or the first reason why one could not go on; the others are done all the same.
    pub async fn run_once(&self) -> Result<Vec<Receipt>, SourceError> {
        let services = &self.services;
        let (mut swept, mut failed) = (Vec::new(), None);
        for _ in 0..BATCH {
            let due = services.ports.erasures.claim_due(services.now(), LEASE, 1).await?;
            let Some(id) = due.first() else { break };
            match services.sweep(*id, EVENTS_WITHIN).await {
                Ok(receipt) => swept.extend(receipt),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(swept), Err)
    }
}

/// What erases at the provider.
enum Eraser {
    Writer(TwoSides),
    /// Nothing, for this reason; `None` for a tenant without a provider.
    None(Option<(ErasureOutcome, String)>),
}

impl Services {
    async fn erase(&self, call: &WriteCall, request: &EraseRequest) -> Result<Written<Receipt>, WriteUserError> {
        let cx = Self::context(call);
        refuse_remote_store(&cx.tenant)?;
        let mut person = self.identify(&cx, &request.key).await?;
        let mut lines = Vec::new();
        let mut intent = None;
        let mut events = Vec::new();
        let mut has_account = false;
        match self.eraser(&cx, request.ignore_provider) {
            Eraser::Writer(both) => {
                let found = self.accounts(&cx, &*both.writer, &request.key, &mut person).await?;
                let accounts = &found.own;
                for id in accounts {
                    intent = Some((self.erase_account(call, &cx, &both, id).await?, id.clone()));
                }
                has_account = !accounts.is_empty();
                lines.extend(found.lines(self.now()));
                if has_account {
                    events.push(EventKind::AuthSystemUserDelete);
                }
            }
            Eraser::None(reason) => lines
                .extend(reason.map(|(outcome, note)| ReceiptLine::new(sources::PROVIDER, outcome, note, self.now()))),
        }
        if !person.is_stored && !has_account {
            let earlier = self.ports.erasures.receipts_of(&cx, &person).await;
            let earlier = earlier.map_err(|error| store_error(&error))?;
            let earlier = earlier.into_iter().next().ok_or(WriteUserError::NoSuchUser)?;
            if earlier.finished_at.is_some() {
                return Ok(Written {
                    value: earlier,
                    pending: None,
                });
            }
            return Ok(self.swept(&cx, earlier).await);
        }
        events.extend([EventKind::SubscribeUserDelete, EventKind::SubscribeUserErase]);
        let mut commit = self.commit(call, &events);
        let Some((intent, id)) = intent else {
            let receipt = self.erase_in_store(&cx, &person, lines, &commit).await?;
            return Ok(self.swept(&cx, receipt).await);
        };
        commit.intent = Some(intent);
        let following = Self::following(&cx);
        let erased = self.erase_in_store(&following, &person, lines.clone(), &commit).await;
        let written = self.after_store(&cx, (intent, &id), erased).await;
        match written.value {
            Some(receipt) => Ok(self.swept(&following, receipt).await),
            // The reconciler repeats the step of our store, and makes the receipt.
            None => Err(WriteUserError::Unavailable {
                retry_after: None,
                pending: Some(SUBSCRIBE),
            }),
        }
    }

    /// Removes the person from our store.
    pub(crate) async fn erase_in_store(
        &self,
        cx: &CallContext,
        person: &Person,
        lines: Vec<ReceiptLine>,
        commit: &WriteCommit,
    ) -> Result<Receipt, UserWriteError> {
        let new = NewErasure {
            lines,
            attempt_keys: attempt_keys(&*self.ports.hasher, cx.tenant.pool, person),
        };
        self.ports.erasures.erase(cx, person, &new, commit).await
    }

    /// Removes the person whose account the reconciler found to be deleted.
    pub(crate) async fn erase_found(
        &self,
        cx: &CallContext,
        crid: &CustomerRegistrationId,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        let person = self.ports.erasures.identify(cx, &UserKey::Id(crid.clone())).await?;
        let line = ReceiptLine::of_count(sources::PROVIDER, 1, self.now());
        self.erase_in_store(cx, &person, vec![line], commit).await.map(|_| ())
    }

    /// The receipt after the rest is removed too, as far as the caller's time allows: otherwise servers go on.
    async fn swept(&self, cx: &CallContext, receipt: Receipt) -> Written<Receipt> {
        let until = Self::following(cx).deadline;
        let swept = tokio::time::timeout_at(until.into(), self.sweep(receipt.id, EVENTS_WITHIN_REQUEST)).await;
        let receipt = match swept {
            Ok(Ok(Some(swept))) => swept,
            Ok(Ok(None)) | Err(_) => receipt,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an erasure goes on later");
                receipt
            }
        };
        Written {
            pending: receipt.finished_at.is_none().then_some(SUBSCRIBE),
            value: receipt,
        }
    }

    async fn sweep(&self, id: ErasureId, events_within: Duration) -> Result<Option<Receipt>, SourceError> {
        let texts = self.opened_texts();
        let erasures = &self.ports.erasures;
        erasures.sweep(id, &texts, self.now(), events_within).await
    }

    async fn identify(&self, cx: &CallContext, key: &UserKey) -> Result<Person, WriteUserError> {
        let person = self.ports.erasures.identify(cx, key).await;
        person.map_err(|error| store_error(&error))
    }

    fn eraser(&self, cx: &CallContext, ignore_provider: bool) -> Eraser {
        if !cx.tenant.settings.is_federated() {
            return Eraser::None(None);
        }
        if ignore_provider {
            let note = "the request said ignoreProvider".to_owned();
            return Eraser::None(Some((ErasureOutcome::LeftOut, note)));
        }
        match self.sides(&cx.tenant, false, Ability::Delete) {
            Ok(Sides::Both(both)) => Eraser::Writer(both),
            Ok(Sides::Store) => Eraser::None(None),
            Err(WriteUserError::MissingSetting(setting)) => {
                let note = format!(
                    "the tenant's setting {} does not allow it: erase the account there",
                    setting.0
                );
                Eraser::None(Some((ErasureOutcome::NotPossible, note)))
            }
            Err(error) => Eraser::None(Some((ErasureOutcome::NotPossible, error.to_string()))),
        }
    }

    /// Deletes one account of the provider. Its intent stays open: the step of our store ends the intents of all accounts.
    async fn erase_account(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        id: &CustomerRegistrationId,
    ) -> Result<IntentId, WriteUserError> {
        let content = IntentContent::Delete { purge: true };
        let intended = Intended {
            kind: IntentKind::Delete,
            crid: Some(id),
            content: &content,
        };
        let delete = async |cx: &CallContext| both.writer.delete(cx, id).await;
        let look_up = async |cx: &CallContext| {
            let found = both.writer.find_written(cx, &UserKey::Id(id.clone())).await?;
            Ok(settle::deleted(found.first()))
        };
        let written = self.write_at_provider(call, cx, both, intended, delete, look_up).await;
        written.map(|(intent, ())| intent)
    }
}

/// Refuses a tenant whose registrations are a remote Users API: persons are erased there.
fn refuse_remote_store(tenant: &Tenant) -> Result<(), WriteUserError> {
    if tenant.settings.has_remote_store() {
        return Err(MissingSetting::new("Subscribe.Url").into());
    }
    Ok(())
}

/// The keys of the counters of a person's addresses, of failed sign-ins and of links, under every known key.
pub(crate) fn attempt_keys(hasher: &dyn KeyedHasher, pool: PoolId, person: &Person) -> Vec<KeyedHash> {
    let addresses = person.emails.iter().map(|email| email.key().as_str());
    let texts = addresses.flat_map(|address| [account_text(address), links_text(address)]);
    texts
        .flat_map(|text| hasher.hashes(pool, HashPurpose::Attempts, &text))
        .collect()
}

/// What the key of the counter of an account's failed sign-ins is made of.
pub(crate) fn account_text(login: &str) -> String {
    format!("account\n{login}")
}

/// What the key of the counter of an address's links is made of.
pub(crate) fn links_text(address: &str) -> String {
    format!("link\n{address}")
}
