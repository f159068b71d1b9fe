//! Calling one provider for one tenant: breaker, token, budget, the call itself, and a retry where it does no harm.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use masthead_domain::tenant::TenantId;
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind, SourceName},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    breaker::{Admission, Breaker, BreakerOptions, BreakerState},
    budget::{BudgetOptions, CallBudget, Permit},
    call::{ProviderCall, ReplyError, note, rate_hint},
    client::HttpClient,
    client_credentials::{AccessToken, ClientCredentials},
    failure::{Effect, HttpError, TransportError},
    instruments::ProviderMetrics,
    reply::HttpReply,
};

/// The least time that must be left when a caller's turn comes: with less no provider answers, and the call is wasted.
const LEAST_TIME: Duration = Duration::from_millis(20);

/// A call that its caller's deadline ends sooner says nothing of the provider: it was late before it left, such as one that
/// had waited for its turn.
const FAIR_TIME: Duration = Duration::from_millis(250);

mod judge;

use judge::{FailedAttempt, NextStep, give_up};

/// How an upstream is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamOptions {
    /// The provider's name in errors, logs and metrics.
    pub provider: SourceName,
    /// How often it may be called.
    pub budget: BudgetOptions,
    /// When it is left alone.
    pub breaker: BreakerOptions,
    /// How often one call that only reads is tried in all; at least once.
    pub attempts: u32,
    /// The pause before the second try; it doubles with each, and each is cut by chance to between half and all of it.
    pub backoff: Duration,
}

/// One provider as one tenant calls it.
pub struct Upstream {
    options: UpstreamOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    credentials: Option<ClientCredentials>,
    budget: CallBudget,
    breaker: Breaker,
    instruments: ProviderMetrics,
    misconfigured: AtomicBool,
    chance: AtomicU64,
}

/// How an upstream is, for readiness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamHealth {
    /// What the breaker does.
    pub breaker: BreakerState,
    /// How many calls could be made now.
    pub budget_remaining: f64,
    /// The provider rejected our credentials or settings at its last answer: an operator must act.
    pub misconfigured: bool,
}

impl Upstream {
    /// An upstream with a full budget and a closed breaker. Without `credentials`, requests carry what the adapter puts on
    /// them.
    #[must_use]
    pub fn new(
        options: UpstreamOptions,
        tenant: &TenantId,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        credentials: Option<ClientCredentials>,
    ) -> Self {
        Self {
            options,
            client,
            clock,
            credentials,
            budget: CallBudget::new(options.budget),
            breaker: Breaker::new(options.breaker),
            instruments: ProviderMetrics::new(options.provider, tenant),
            misconfigured: AtomicBool::new(false),
            chance: AtomicU64::new(RandomState::new().hash_one(options.provider)),
        }
    }

    /// Makes the call and lets `read` make an answer of the reply.
    ///
    /// A call that reads is tried again when the provider failed or was too busy, within its deadline, its budget and
    /// `attempts`. `read` sees every reply, also those with an error's status, and may see several.
    ///
    /// # Errors
    /// As [`SourceErrorKind`] says. A caller whose turn in the budget comes after its deadline is told so at once.
    pub async fn call<T>(
        &self,
        call: ProviderCall,
        request: &Request<Bytes>,
        read: impl Fn(&HttpReply) -> Result<T, ReplyError>,
    ) -> Result<T, SourceError> {
        self.call_signed(call, || Ok(request.clone()), read).await
    }

    /// The same for a request that is written anew for each try, such as one that is signed with its moment.
    ///
    /// # Errors
    /// As [`Self::call`], and those of `write`.
    pub async fn call_signed<T>(
        &self,
        call: ProviderCall,
        write: impl Fn() -> Result<Request<Bytes>, SourceError>,
        read: impl Fn(&HttpReply) -> Result<T, ReplyError>,
    ) -> Result<T, SourceError> {
        let mut tried = 0;
        let (mut new_token_tried, mut mended_tried) = (false, false);
        loop {
            let failed = match self.attempt(&call, &write, &read).await {
                Ok(answer) => {
                    self.note_configured();
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            let again = match failed.then {
                NextStep::TryWithNewToken => !std::mem::replace(&mut new_token_tried, true),
                NextStep::TryMended => !std::mem::replace(&mut mended_tried, true),
                NextStep::TryLater | NextStep::TryInTurn if call.effect == Effect::Write => false,
                // The provider itself has no call to give: a read in haste does not queue for one.
                NextStep::TryInTurn if call.leave_by.is_some() => false,
                NextStep::TryLater | NextStep::TryInTurn => {
                    tried += 1;
                    tried < self.options.attempts
                }
                NextStep::GiveUp => false,
            };
            let resume = Instant::now() + self.pause_after(&failed.then, tried);
            if !again || resume >= call.deadline {
                self.note_misconfigured(&failed.error);
                return Err(failed.error);
            }
            sleep_until(resume).await;
        }
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> UpstreamHealth {
        UpstreamHealth {
            breaker: self.breaker.state(),
            budget_remaining: self.budget.remaining(),
            misconfigured: self.misconfigured.load(Ordering::Relaxed),
        }
    }

    async fn attempt<T>(
        &self,
        call: &ProviderCall,
        write: &impl Fn() -> Result<Request<Bytes>, SourceError>,
        read: &impl Fn(&HttpReply) -> Result<T, ReplyError>,
    ) -> Result<T, FailedAttempt> {
        let token = self.token(call).await?;
        let permit = self.turn(call).await?;
        // Only now: a trial that waited for its turn would keep everybody else out for as long.
        let admission = match self.admit(call) {
            Ok(admission) => admission,
            Err(refused) => {
                permit.give_back();
                return Err(refused);
            }
        };
        // Last of all: a signature counts from the moment that it is made.
        let mut request = match write() {
            Ok(request) => request,
            Err(error) => {
                permit.give_back();
                return Err(give_up(error));
            }
        };
        if let Some(token) = &token {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, token.header().clone());
        }
        let started = Instant::now();
        call.calls.add();
        call.read.begin();
        let sent = self.client.send(request, call.deadline.into_std()).await;
        let outcome = match sent {
            Ok(reply) => {
                self.budget
                    .correct(rate_hint(&reply, self.clock.now().unix_timestamp()));
                match read(&reply) {
                    Ok(answer) => {
                        admission.answered();
                        Ok(answer)
                    }
                    Err(refusal) => Err(self.judge(call, &reply, refusal, token.as_ref(), admission)),
                }
            }
            Err(failure) => {
                let error = failure.into_error(call.operation, call.effect);
                // What we refuse to dial says nothing of the provider.
                let then = if error.kind == SourceErrorKind::Misconfigured {
                    NextStep::GiveUp
                } else {
                    if !was_cut_short(call, started) {
                        note(admission, failure.is_of_an_answer());
                    }
                    NextStep::TryLater
                };
                Err(FailedAttempt { error, then })
            }
        };
        drop(permit);
        let word = outcome
            .as_ref()
            .map_or_else(|failed| failed.error.kind.name(), |_| "ok");
        self.instruments.called(call.operation, word, started.elapsed());
        self.instruments.state(self.budget.remaining(), self.breaker.state());
        outcome
    }

    /// Whether the breaker lets the call pass.
    fn admit(&self, call: &ProviderCall) -> Result<Admission<'_>, FailedAttempt> {
        self.breaker.admit(&call.read).map_err(|_| {
            self.instruments.refused(call.operation, "breaker_open");
            give_up(SourceError::new(call.operation, SourceErrorKind::Unavailable))
        })
    }

    /// Waits for the call's turn in the budget.
    async fn turn(&self, call: &ProviderCall) -> Result<Permit<'_>, FailedAttempt> {
        let latest = call.deadline.checked_sub(LEAST_TIME).unwrap_or(call.deadline);
        if latest <= Instant::now() {
            self.instruments.refused(call.operation, "no_time");
            let gone = HttpError::unsent(TransportError::Timeout);
            return Err(give_up(gone.into_error(call.operation, call.effect)));
        }
        // A read that has begun is brought to its end: else its calls would have been made for nothing.
        let leave_by = call.leave_by.filter(|_| !call.read.has_begun());
        let latest = leave_by.map_or(latest, |by| by.min(latest));
        let _waits = call.read.waits();
        self.budget.acquire(call.priority, latest).await.map_err(|over| {
            self.instruments.refused(call.operation, "over_budget");
            let retry_after = Some(over.retry_after);
            give_up(SourceError::new(
                call.operation,
                SourceErrorKind::RateLimited { retry_after },
            ))
        })
    }

    /// The token that the call needs, if any. Fetching one is a call too: only where the breaker lets one pass.
    async fn token(&self, call: &ProviderCall) -> Result<Option<Arc<AccessToken>>, FailedAttempt> {
        let admission = self.admit(call)?;
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        let started = Instant::now();
        // With a token in hand the admission is given up untold: the call itself decides.
        credentials.token(call.deadline).await.map(Some).map_err(|none| {
            if none.called && !was_cut_short(call, started) {
                match none.error.kind {
                    SourceErrorKind::Unavailable => admission.failed(),
                    _ => admission.answered(),
                }
            }
            self.instruments.refused(call.operation, "no_token");
            give_up(none.error)
        })
    }

    fn pause_after(&self, then: &NextStep, tried: u32) -> Duration {
        match then {
            NextStep::TryInTurn | NextStep::TryWithNewToken | NextStep::TryMended | NextStep::GiveUp => Duration::ZERO,
            NextStep::TryLater => {
                let whole = self
                    .options
                    .backoff
                    .saturating_mul(1 << tried.saturating_sub(1).min(10));
                whole.mul_f64(self.some_part())
            }
        }
    }

    /// A number between a half and one, different for each caller (splitmix64).
    fn some_part(&self) -> f64 {
        let mut z = self.chance.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let [high, low, ..] = (z ^ (z >> 31)).to_be_bytes();
        0.5 + f64::from(u16::from_be_bytes([high, low])) / 131_072.0
    }

    /// The alarm: once when it begins, once when it is over.
    fn note_misconfigured(&self, error: &SourceError) {
        if error.kind == SourceErrorKind::Misconfigured && !self.misconfigured.swap(true, Ordering::Relaxed) {
            self.instruments.misconfigured(true);
            tracing::error!(
                source.name = self.options.provider,
                operation = error.operation,
                tenant = self.instruments.tenant(),
                "the provider rejects our credentials or settings"
            );
        }
    }

    fn note_configured(&self) {
        if self.misconfigured.load(Ordering::Relaxed) && self.misconfigured.swap(false, Ordering::Relaxed) {
            self.instruments.misconfigured(false);
            tracing::info!(
                source.name = self.options.provider,
                tenant = self.instruments.tenant(),
                "the provider accepts our credentials again"
            );
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("options", &self.options)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// Whether the caller's own deadline ended the wait that began then, before the provider had a fair time to answer.
fn was_cut_short(call: &ProviderCall, started: Instant) -> bool {
    Instant::now() >= call.deadline && started.elapsed() < FAIR_TIME
}

#[cfg(test)]
mod tests;
