//! Calls one provider for one tenant: token, budget, breaker, the call, and retries where they are harmless.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use masthead_domain::tenant::TenantId;
use masthead_http_client::{HttpClient, HttpError, HttpReply, TransportError};
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind, SourceName},
};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

use crate::{
    breaker::{Admission, Breaker, BreakerOptions, BreakerState},
    budget::{BudgetOptions, CallBudget, Permit},
    call::{ProviderCall, ReplyError, note, rate_hint},
    call_span::{call_span, record_outcome},
    client_credentials::{AccessToken, ClientCredentials},
    error_kind::{Effect, source_error},
    provider_metrics::ProviderMetrics,
};

/// The least remaining time for a call: with less, no provider answers and the call is wasted.
const LEAST_TIME: Duration = Duration::from_millis(20);

/// A call that its deadline ends sooner is no failure of the provider: it started too late.
const FAIR_TIME: Duration = Duration::from_millis(250);

mod judge;

use judge::{FailedAttempt, Judgement, NextStep, give_up, judge};

/// The options of an upstream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamOptions {
    /// The provider's name in errors, logs and metrics.
    pub provider: SourceName,
    /// The call budget.
    pub budget: BudgetOptions,
    /// The circuit breaker.
    pub breaker: BreakerOptions,
    /// The number of attempts of a reading call; at least one.
    pub attempts: u32,
    /// The pause before the second attempt. It doubles with each attempt, and jitter reduces it to no less than half.
    pub backoff: Duration,
}

/// One provider for one tenant.
pub struct Upstream {
    options: UpstreamOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    credentials: Option<ClientCredentials>,
    budget: CallBudget,
    breaker: Breaker,
    metrics: ProviderMetrics,
    misconfigured: AtomicBool,
}

/// The state of an upstream, for readiness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamHealth {
    /// The state of the breaker.
    pub breaker: BreakerState,
    /// The number of calls that are possible now.
    pub budget_remaining: f64,
    /// The provider rejected the credentials or settings in its last reply: an operator must act.
    pub misconfigured: bool,
}

impl Upstream {
    /// Creates an upstream with a full budget and a closed breaker. Without `credentials`, the adapter authenticates its
    /// requests.
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
            metrics: ProviderMetrics::new(options.provider, tenant),
            misconfigured: AtomicBool::new(false),
        }
    }

    /// Makes the call; `read` parses the reply.
    ///
    /// A reading call is repeated when the provider failed or limited the rate, within its deadline, its budget and
    /// `attempts`. `read` gets every reply, also those with an error status.
    ///
    /// # Errors
    /// See [`SourceErrorKind`]. A caller whose turn in the budget is after its deadline fails at once.
    pub async fn call<T>(
        &self,
        call: ProviderCall,
        request: &Request<Bytes>,
        read: impl Fn(&HttpReply) -> Result<T, ReplyError>,
    ) -> Result<T, SourceError> {
        self.call_signed(call, || Ok(request.clone()), read).await
    }

    /// Like [`Self::call`], with a new request for each attempt, such as one signed with a timestamp.
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
            let again = match failed.next {
                NextStep::TryWithNewToken => !std::mem::replace(&mut new_token_tried, true),
                NextStep::TryCorrected => !std::mem::replace(&mut mended_tried, true),
                NextStep::TryLater | NextStep::TryInTurn if call.effect == Effect::Write => false,
                // The provider itself limits the rate: a read with little time does not queue.
                NextStep::TryInTurn if call.start_by.is_some() => false,
                NextStep::TryLater | NextStep::TryInTurn => {
                    tried += 1;
                    tried < self.options.attempts
                }
                NextStep::GiveUp => false,
            };
            let resume = Instant::now() + self.pause_after(failed.next, tried);
            if !again || resume >= call.deadline {
                self.note_misconfigured(&failed.error);
                return Err(failed.error);
            }
            sleep_until(resume).await;
        }
    }

    /// Its state.
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
        // After the wait for the budget: a waiting trial would block all other calls.
        let admission = match self.admit(call) {
            Ok(admission) => admission,
            Err(refused) => {
                permit.give_back();
                return Err(refused);
            }
        };
        // Last: a signature is valid from its timestamp on.
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
        call.read.record_call();
        let span = call_span(self.options.provider, call.operation, &request);
        let sent = self.client.send(request, call.deadline.into_std());
        let sent = sent.instrument(span.clone()).await;
        let status = sent.as_ref().ok().map(|reply| reply.status.as_u16());
        let outcome = match sent {
            Ok(reply) => {
                self.budget
                    .correct(rate_hint(&reply, self.clock.now().unix_timestamp()));
                match read(&reply) {
                    Ok(answer) => {
                        admission.answered();
                        Ok(answer)
                    }
                    Err(refused) => Err(self.apply(judge(call, &reply, refused, self.clock.now()), token, admission)),
                }
            }
            Err(failure) => {
                let error = source_error(failure, call.operation, call.effect);
                // A forbidden address is no failure of the provider.
                let next = if error.kind == SourceErrorKind::Misconfigured {
                    NextStep::GiveUp
                } else {
                    if !was_cut_short(call, started) {
                        note(admission, failure.is_of_a_reply());
                    }
                    NextStep::TryLater
                };
                Err(FailedAttempt { error, next })
            }
        };
        drop(permit);
        let label = outcome
            .as_ref()
            .map_or_else(|failed| failed.error.kind.name(), |_| "ok");
        record_outcome(&span, status, label);
        self.metrics.called(call.operation, label, started.elapsed());
        self.metrics.state(self.budget.remaining(), self.breaker.state());
        outcome
    }

    /// Admits the call, unless the breaker is open.
    fn admit(&self, call: &ProviderCall) -> Result<Admission<'_>, FailedAttempt> {
        self.breaker.admit(&call.read).map_err(|_| {
            self.metrics.refused(call.operation, "breaker_open");
            give_up(SourceError::new(call.operation, SourceErrorKind::Unavailable))
        })
    }

    /// Waits for the call's turn in the budget.
    async fn turn(&self, call: &ProviderCall) -> Result<Permit<'_>, FailedAttempt> {
        let latest = call.deadline.checked_sub(LEAST_TIME).unwrap_or(call.deadline);
        if latest <= Instant::now() {
            self.metrics.refused(call.operation, "no_time");
            let timeout = HttpError::unsent(TransportError::Timeout);
            return Err(give_up(source_error(timeout, call.operation, call.effect)));
        }
        // A read that has begun continues: otherwise its calls would be wasted.
        let start_by = call.start_by.filter(|_| !call.read.has_calls());
        let latest = start_by.map_or(latest, |by| by.min(latest));
        let _waits = call.read.wait_for_turn();
        self.budget.acquire(call.priority, latest).await.map_err(|over| {
            self.metrics.refused(call.operation, "over_budget");
            let retry_after = Some(over.retry_after);
            give_up(SourceError::new(
                call.operation,
                SourceErrorKind::RateLimited { retry_after },
            ))
        })
    }

    /// The token for the call, if it needs one. Fetching a token needs an admission too.
    async fn token(&self, call: &ProviderCall) -> Result<Option<Arc<AccessToken>>, FailedAttempt> {
        let admission = self.admit(call)?;
        let Some(credentials) = self.credentials.as_ref().filter(|_| call.with_token) else {
            return Ok(None);
        };
        let started = Instant::now();
        // With a token the admission is dropped without a result: the call itself decides.
        credentials.token(call.deadline).await.map(Some).map_err(|none| {
            if none.called && !was_cut_short(call, started) {
                match none.error.kind {
                    SourceErrorKind::Unavailable => admission.failed(),
                    _ => admission.answered(),
                }
            }
            self.metrics.refused(call.operation, "no_token");
            give_up(none.error)
        })
    }

    fn pause_after(&self, next: NextStep, tried: u32) -> Duration {
        match next {
            NextStep::TryInTurn | NextStep::TryWithNewToken | NextStep::TryCorrected | NextStep::GiveUp => {
                Duration::ZERO
            }
            NextStep::TryLater => {
                let whole = self
                    .options
                    .backoff
                    .saturating_mul(1 << tried.saturating_sub(1).min(10));
                whole.mul_f64(jitter())
            }
        }
    }

    /// Applies the consequences of a refused reply to the breaker, the budget and the token.
    fn apply(&self, judgement: Judgement, token: Option<Arc<AccessToken>>, admission: Admission<'_>) -> FailedAttempt {
        let Judgement {
            mut failed,
            provider_works,
            pause,
        } = judgement;
        note(admission, provider_works);
        if let Some(pause) = pause {
            self.budget.pause(pause);
        }
        if failed.next == NextStep::TryWithNewToken {
            let credentials = self.credentials.as_ref().zip(token);
            if !credentials.is_some_and(|(credentials, token)| credentials.reject(&token)) {
                failed.next = NextStep::GiveUp;
            }
        }
        failed
    }

    /// Logs the alarm once when it begins and once when it ends.
    fn note_misconfigured(&self, error: &SourceError) {
        if error.kind == SourceErrorKind::Misconfigured && !self.misconfigured.swap(true, Ordering::Relaxed) {
            self.metrics.misconfigured(true);
            tracing::error!(
                source.name = self.options.provider,
                operation = error.operation,
                tenant = self.metrics.tenant(),
                "the provider rejects our credentials or settings"
            );
        }
    }

    fn note_configured(&self) {
        if self.misconfigured.load(Ordering::Relaxed) && self.misconfigured.swap(false, Ordering::Relaxed) {
            self.metrics.misconfigured(false);
            tracing::info!(
                source.name = self.options.provider,
                tenant = self.metrics.tenant(),
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

/// A random factor from 0.5 to 1.
fn jitter() -> f64 {
    let [high, low, ..] = RandomState::new().hash_one(()).to_be_bytes();
    0.5 + f64::from(u16::from_be_bytes([high, low])) / 131_072.0
}

/// Whether the caller's deadline ended the call before the provider had enough time to answer.
fn was_cut_short(call: &ProviderCall, started: Instant) -> bool {
    Instant::now() >= call.deadline && started.elapsed() < FAIR_TIME
}

#[cfg(test)]
mod tests;
