//! The steps of a two-sided write: the intent, the provider, and then our store (contract `writes.md` §2).

use std::time::Duration;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    write_answer::{ProviderOutcome, StoreOutcome, WriteAnswer},
};
use masthead_ports::{
    accounts::{UserFacingMessage, WriteError},
    intents::{IntentId, IntentKind, NewIntent},
    source::{CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName},
    users::UserWriteError,
};

use super::{
    error::{WriteUserError, store_error},
    intent_content::IntentContent,
    services::{Services, WriteCall, Written},
    sides::TwoSides,
    write_key::key_of_intent,
};

/// How long after its deadline a request still settles its own intent.
const SETTLING: Duration = Duration::from_secs(30);

/// What a look-up shows of a write whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled<T> {
    /// It is done, as requested.
    Done(T),
    /// It is not done.
    NotDone,
    /// Another account had the address before.
    AlreadyExists,
    /// The look-up does not show it.
    Unknown,
}

impl<T> Settled<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Settled<U> {
        match self {
            Self::Done(done) => Settled::Done(map(done)),
            Self::NotDone => Settled::NotDone,
            Self::AlreadyExists => Settled::AlreadyExists,
            Self::Unknown => Settled::Unknown,
        }
    }
}

/// The intent of a write that begins.
pub(crate) struct Intended<'a> {
    pub(crate) kind: IntentKind,
    /// Whose account is written; `None` for a new one.
    pub(crate) crid: Option<&'a CustomerRegistrationId>,
    pub(crate) content: &'a IntentContent,
}

impl Services {
    /// Records the intent and writes at the first side. An answer that is lost is looked up, by a call that starts then.
    ///
    /// # Errors
    /// The answer where the provider ends the write.
    pub(crate) async fn write_at_provider<T>(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        intended: Intended<'_>,
        write: impl AsyncFnOnce(&CallContext) -> Result<T, WriteError>,
        look_up: impl AsyncFnOnce(&CallContext) -> Result<Settled<T>, SourceError>,
    ) -> Result<(IntentId, T), WriteUserError> {
        let now = self.now();
        let left = cx.deadline.saturating_duration_since(std::time::Instant::now());
        let new = NewIntent {
            kind: intended.kind,
            crid: intended.crid.cloned(),
            sealed: intended.content.seal(
                &*self.ports.sealing,
                &cx.tenant.id,
                both.is_remote_alone,
                cx.write_key.as_deref(),
            ),
            deadline: now + left + SETTLING,
            request_id: (&*call.caller.request_id).into(),
            source_system: (&*call.caller.source_system).into(),
            idempotency: call.ticket(),
        };
        let begun = self.ports.intents.begin(cx, &new, now).await;
        let intent = begun.map_err(|error| store_error(&error))?;
        let name = both.writer.name();
        let of_intent = || key_of_intent(&*self.ports.hasher, cx.tenant.pool, intent);
        let keyed = CallContext {
            write_key: Some(cx.write_key.clone().unwrap_or_else(of_intent)),
            ..cx.clone()
        };
        let (outcome, message, retry_after) = match write(&keyed).await {
            Ok(done) => return Ok((intent, done)),
            Err(error) if error.may_have_happened() => {
                log_provider_error(&error, name, "the answer to a write is lost");
                match look_up(&Self::following(cx)).await {
                    Ok(Settled::Done(done)) => return Ok((intent, done)),
                    Ok(Settled::NotDone) => (ProviderOutcome::NotDone, None, None),
                    Ok(Settled::AlreadyExists) => (ProviderOutcome::AlreadyExists, None, None),
                    Ok(Settled::Unknown) => (ProviderOutcome::Unknown, None, None),
                    Err(error) => {
                        log_provider_error(&error, name, "a lost answer cannot be looked up");
                        (ProviderOutcome::Unknown, None, None)
                    }
                }
            }
            Err(error) => refusal(error, name),
        };
        if outcome != ProviderOutcome::Unknown {
            self.abandon(cx, intent).await;
        }
        match (answer_for(outcome, message, retry_after, name), intended.crid) {
            (WriteUserError::NoSuchUser, Some(crid)) => Err(self.without_account(cx, both, crid).await?),
            (error, _) => Err(error),
        }
    }

    /// Why a user cannot be written that has no account at the first side: our store may have the user alone.
    pub(crate) async fn without_account(
        &self,
        cx: &CallContext,
        both: &TwoSides,
        crid: &CustomerRegistrationId,
    ) -> Result<WriteUserError, WriteUserError> {
        let is_stored = !both.is_remote_alone && self.stored(cx, crid).await?.is_some();
        Ok(if is_stored {
            WriteUserError::NoProviderAccount
        } else {
            WriteUserError::NoSuchUser
        })
    }

    /// Ends an intent of which nothing was written. If that fails, the reconciler finds the same.
    pub(crate) async fn abandon(&self, cx: &CallContext, intent: IntentId) {
        if let Err(error) = self.ports.intents.abandon(&Self::following(cx), intent).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an intent stays open for the reconciler"
            );
        }
    }

    /// Ends a two-sided write with the answer of our store, which has ended the intent if it is done. Otherwise the intent
    /// stays open, and the reconciler repeats this step.
    pub(crate) async fn after_store<T>(
        &self,
        cx: &CallContext,
        (intent, crid): (IntentId, &CustomerRegistrationId),
        written: Result<T, UserWriteError>,
    ) -> Written<Option<T>> {
        let (store, value) = match written {
            Ok(value) => (StoreOutcome::Done, Some(value)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "our store does not follow the provider yet"
                );
                (outcome_of(&error), None)
            }
        };
        let pending = WriteAnswer::after_store(true, store) == WriteAnswer::DonePending;
        if pending {
            let recorded = self
                .ports
                .intents
                .provider_done(&Self::following(cx), intent, crid)
                .await;
            if let Err(error) = recorded {
                // The intent states that the provider may be done: the reconciler looks it up.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a step of an intent is not recorded"
                );
            }
        }
        Written {
            value,
            pending: pending.then_some(SUBSCRIBE),
        }
    }
}

/// The outcome of a write that our store did not do.
pub(crate) const fn outcome_of(error: &UserWriteError) -> StoreOutcome {
    match error {
        UserWriteError::NoSuchUser => StoreOutcome::NoSuchUser,
        UserWriteError::EmailTaken { .. } => StoreOutcome::EmailTaken,
        UserWriteError::IdTaken => StoreOutcome::IdTaken,
        UserWriteError::Changed => StoreOutcome::Changed,
        // Until an operator has changed the value.
        UserWriteError::Unstorable { .. } | UserWriteError::Source(_) => StoreOutcome::Unavailable,
    }
}

type Refusal = (ProviderOutcome, Option<UserFacingMessage>, Option<Duration>);

fn refusal(error: WriteError, provider: SourceName) -> Refusal {
    match error {
        WriteError::AlreadyExists => (ProviderOutcome::AlreadyExists, None, None),
        WriteError::AwaitsVerification => (ProviderOutcome::AwaitsVerification, None, None),
        WriteError::IdTaken => (ProviderOutcome::IdTaken, None, None),
        WriteError::Changed => (ProviderOutcome::Changed, None, None),
        WriteError::NoSuchUser => (ProviderOutcome::NoSuchUser, None, None),
        WriteError::Refused { message } => (ProviderOutcome::Refused, message, None),
        WriteError::Source(error) => {
            log_provider_error(&error, provider, "not written");
            let retry_after = match error.kind {
                SourceErrorKind::RateLimited { retry_after } => retry_after,
                _ => None,
            };
            (ProviderOutcome::NotDone, None, retry_after)
        }
    }
}

/// The answer where the provider ends the write.
fn answer_for(
    outcome: ProviderOutcome,
    message: Option<UserFacingMessage>,
    retry_after: Option<Duration>,
    provider: SourceName,
) -> WriteUserError {
    match WriteAnswer::before_store(outcome) {
        Some(WriteAnswer::Refused) => WriteUserError::Refused(message),
        Some(WriteAnswer::EmailTaken) => WriteUserError::EmailTaken,
        Some(WriteAnswer::AwaitsVerification) => WriteUserError::AwaitsVerification,
        Some(WriteAnswer::IdTaken) => WriteUserError::IdTaken,
        Some(WriteAnswer::NoSuchUser) => WriteUserError::NoSuchUser,
        Some(WriteAnswer::Changed) => WriteUserError::Changed,
        Some(WriteAnswer::Pending) => WriteUserError::Unavailable {
            retry_after,
            pending: Some(provider),
        },
        Some(WriteAnswer::NotDone | WriteAnswer::Done | WriteAnswer::DonePending) | None => {
            WriteUserError::Unavailable {
                retry_after,
                pending: None,
            }
        }
    }
}

fn log_provider_error(error: &(dyn std::error::Error + 'static), provider: SourceName, message: &'static str) {
    tracing::warn!(error, source.name = provider, "{message}");
}
