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
    budget::{Budget, BudgetOptions},
    call::{Call, Refusal, note, rate_hint},
    client::HttpClient,
    client_credentials::{AccessToken, ClientCredentials},
    failure::Effect,
    instruments::Instruments,
    reply::Reply,
};

/// How long a provider is left alone that says 429 without saying for how long.
const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// The least time that must be left when a caller's turn comes: with less no provider answers, and the call is wasted.
const LEAST_TIME: Duration = Duration::from_millis(20);

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
    budget: Budget,
    breaker: Breaker,
    instruments: Instruments,
    misconfigured: AtomicBool,
    chance: AtomicU64,
}

/// How an upstream is, for readiness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// What the breaker does.
    pub breaker: BreakerState,
    /// How many calls could be made now.
    pub budget_remaining: f64,
    /// The provider rejected our credentials or settings at its last answer: an operator must act.
    pub misconfigured: bool,
}

/// A try that failed, and what may follow.
struct Failed {
    error: SourceError,
    then: Then,
}

enum Then {
    /// The same call may be tried again after a pause.
    TryLater,
    /// The same call may be tried again when the budget lets it.
    TryInTurn,
    /// The token was refused, and a new one may be fetched.
    TryWithNewToken,
    /// The adapter has mended what was wrong with the request.
    TryMended,
    GiveUp,
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
            budget: Budget::new(options.budget),
            breaker: Breaker::new(options.breaker),
            instruments: Instruments::new(options.provider, tenant),
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
        call: Call,
        request: &Request<Bytes>,
        read: impl Fn(&Reply) -> Result<T, Refusal>,
    ) -> Result<T, SourceError> {
        self.call_written(call, || Ok(request.clone()), read).await
    }

    /// The same for a request that is written anew for each try, such as one that is signed with its moment.
    ///
    /// # Errors
    /// As [`Self::call`], and those of `write`.
    pub async fn call_written<T>(
        &self,
        call: Call,
        write: impl Fn() -> Result<Request<Bytes>, SourceError>,
        read: impl Fn(&Reply) -> Result<T, Refusal>,
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
                Then::TryWithNewToken => !std::mem::replace(&mut new_token_tried, true),
                Then::TryMended => !std::mem::replace(&mut mended_tried, true),
                Then::TryLater | Then::TryInTurn if call.effect == Effect::Write => false,
                Then::TryLater | Then::TryInTurn => {
                    tried += 1;
                    tried < self.options.attempts
                }
                Then::GiveUp => false,
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
    pub fn health(&self) -> Health {
        Health {
            breaker: self.breaker.state(),
            budget_remaining: self.budget.remaining(),
            misconfigured: self.misconfigured.load(Ordering::Relaxed),
        }
    }

    async fn attempt<T>(
        &self,
        call: &Call,
        write: &impl Fn() -> Result<Request<Bytes>, SourceError>,
        read: &impl Fn(&Reply) -> Result<T, Refusal>,
    ) -> Result<T, Failed> {
        let Ok(admission) = self.breaker.admit() else {
            self.instruments.refused(call.operation, "breaker_open");
            return Err(give_up(SourceError::new(call.operation, SourceErrorKind::Unavailable)));
        };
        let token = match self.token(call).await {
            Ok(token) => token,
            Err(error) => {
                if error.kind == SourceErrorKind::Unavailable {
                    admission.failed();
                }
                self.instruments.refused(call.operation, "no_token");
                return Err(give_up(error));
            }
        };
        let latest = call.deadline.checked_sub(LEAST_TIME).unwrap_or(call.deadline);
        let permit = match self.budget.acquire(call.priority, latest).await {
            Ok(permit) => permit,
            Err(over) => {
                self.instruments.refused(call.operation, "over_budget");
                let retry_after = Some(over.retry_after);
                return Err(give_up(SourceError::new(
                    call.operation,
                    SourceErrorKind::RateLimited { retry_after },
                )));
            }
        };
        // Last of all: a signature counts from the moment that it is made.
        let mut request = write().map_err(give_up)?;
        if let Some(token) = &token {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, token.header().clone());
        }
        let started = Instant::now();
        call.calls.add();
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
                    Then::GiveUp
                } else {
                    note(admission, failure.is_of_an_answer());
                    Then::TryLater
                };
                Err(Failed { error, then })
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

    async fn token(&self, call: &Call) -> Result<Option<Arc<AccessToken>>, SourceError> {
        match &self.credentials {
            None => Ok(None),
            Some(credentials) => credentials.token(call.deadline).await.map(Some),
        }
    }

    fn judge(
        &self,
        call: &Call,
        reply: &Reply,
        refusal: Refusal,
        token: Option<&Arc<AccessToken>>,
        admission: Admission<'_>,
    ) -> Failed {
        let now = self.clock.now();
        let kind = match refusal {
            Refusal::Unreadable(failure) => {
                note(admission, reply.status.is_success());
                return Failed {
                    error: failure.into_error(call.operation, call.effect),
                    then: Then::TryLater,
                };
            }
            Refusal::For(kind) => kind,
            Refusal::Mended(kind) => {
                admission.answered();
                return Failed {
                    error: SourceError::new(call.operation, kind),
                    then: Then::TryMended,
                };
            }
            Refusal::ByStatus => reply.refusal(call.effect, now).unwrap_or(SourceErrorKind::Unavailable),
        };
        let provider_failed = matches!(kind, SourceErrorKind::Unavailable | SourceErrorKind::OutcomeUnknown);
        if provider_failed {
            admission.failed();
        } else {
            admission.answered();
        }
        let mut error = SourceError::new(call.operation, kind);
        let then = match kind {
            SourceErrorKind::RateLimited { retry_after } => {
                let reset = rate_hint(reply, now.unix_timestamp()).reset;
                let pause = retry_after.or(reset).unwrap_or(UNNAMED_PAUSE);
                self.budget.pause(pause);
                error.kind = SourceErrorKind::RateLimited {
                    retry_after: Some(pause),
                };
                Then::TryInTurn
            }
            SourceErrorKind::Unavailable => {
                // 503 + Retry-After: nobody of this tenant calls before.
                if let Some(pause) = reply.retry_after(now) {
                    self.budget.pause(pause);
                }
                Then::TryLater
            }
            SourceErrorKind::Misconfigured if matches!(refusal, Refusal::ByStatus) => {
                let renewed = self
                    .credentials
                    .as_ref()
                    .zip(token)
                    .is_some_and(|(credentials, token)| credentials.reject(token));
                if renewed { Then::TryWithNewToken } else { Then::GiveUp }
            }
            SourceErrorKind::TooBroad
            | SourceErrorKind::OutcomeUnknown
            | SourceErrorKind::Refused
            | SourceErrorKind::Misconfigured
            | SourceErrorKind::Corrupt => Then::GiveUp,
        };
        Failed { error, then }
    }

    fn pause_after(&self, then: &Then, tried: u32) -> Duration {
        match then {
            Then::TryInTurn | Then::TryWithNewToken | Then::TryMended | Then::GiveUp => Duration::ZERO,
            Then::TryLater => {
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

const fn give_up(error: SourceError) -> Failed {
    Failed {
        error,
        then: Then::GiveUp,
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

#[cfg(test)]
mod tests;
