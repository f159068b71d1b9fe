//! Access tokens by the client-credentials grant (RFC 6749 §4.4): shared by all callers and renewed before they expire.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use masthead_http_client::{HttpClient, HttpError, TransportError};
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind},
};
use masthead_single_flight::SingleFlight;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::{
    error_kind::{Effect, kind_of_error, kind_of_status, source_error},
    secrets::Secret,
};

/// The characters that a form leaves unencoded (WHATWG URL §5.2). A space becomes `%20`, which form parsers accept like `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The time limit of a token fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long refused credentials are not tried again: earlier attempts only use up quota.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// The pause after a failed fetch.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// The lifetime of a token without `expires_in`, which is optional (RFC 6749 §5.1).
const UNNAMED_LIFETIME: Duration = Duration::from_mins(5);

/// The longest accepted lifetime.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 7);

const OPERATION: &str = "token";

/// The token endpoint and the client.
#[derive(Debug, Clone)]
pub struct ClientCredentialsOptions {
    /// The token endpoint.
    pub token_url: Uri,
    /// `client_id`
    pub client_id: Box<str>,
    /// `client_secret`, UTF-8.
    pub client_secret: Secret,
    /// `audience`, which Auth0 and others require.
    pub audience: Option<Box<str>>,
}

/// The tokens of one client. Concurrent callers share one fetch, which continues when its caller is cancelled.
#[derive(Clone)]
pub struct ClientCredentials(Arc<CredentialsInner>);

struct CredentialsInner {
    options: ClientCredentialsOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    state: Mutex<TokenState>,
    flights: SingleFlight<(), ()>,
}

#[derive(Default)]
struct TokenState {
    token: Option<Arc<AccessToken>>,
    /// The last failure, and until when it prevents a fetch.
    refusal: Option<(SourceErrorKind, Instant)>,
    /// The provider refused the last token; the next one replaces it.
    rejected: bool,
}

/// No token is available.
#[derive(Debug)]
pub struct TokenFetchError {
    /// Why.
    pub error: SourceError,
    /// Whether the token endpoint was called just now. Otherwise an earlier failure still applies.
    pub called: bool,
}

/// A token that was valid when it was returned.
pub struct AccessToken {
    header: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
    /// Until when it counts as the replacement of a refused token.
    second_chance_until: Option<Instant>,
}

impl AccessToken {
    /// The value of the `Authorization` header; marked as sensitive.
    #[must_use]
    pub const fn header(&self) -> &HeaderValue {
        &self.header
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Zeroizing<String>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<f64>,
}

enum TokenStatus {
    Valid(Arc<AccessToken>),
    Renewable(Arc<AccessToken>),
    Refused(SourceErrorKind),
    Missing,
}

impl ClientCredentials {
    /// Without a token; the first caller fetches one.
    #[must_use]
    pub fn new(options: ClientCredentialsOptions, client: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(CredentialsInner {
            options,
            client,
            clock,
            state: Mutex::default(),
            flights: SingleFlight::new(),
        }))
    }

    /// Returns a valid token. After nine tenths of its lifetime a new one is fetched in the background.
    ///
    /// # Errors
    /// No token by `deadline`, or the last fetch failed recently. A failed fetch is not repeated for ten seconds after refused
    /// credentials ([`SourceErrorKind::Misconfigured`]), for the stated time after a rate limit, else for one second.
    pub async fn token(&self, deadline: Instant) -> Result<Arc<AccessToken>, TokenFetchError> {
        let mut called = false;
        let none = |error, called| TokenFetchError { error, called };
        loop {
            match self.status() {
                TokenStatus::Valid(token) => return Ok(token),
                TokenStatus::Renewable(token) => {
                    self.0.flights.start_if((), || self.fetch_if_needed());
                    return Ok(token);
                }
                TokenStatus::Refused(kind) => return Err(none(SourceError::new(OPERATION, kind), called)),
                TokenStatus::Missing => {
                    let fetch = self.0.flights.run_if((), || self.fetch_if_needed());
                    match timeout_at(deadline, fetch).await {
                        Ok(outcome) => match outcome {
                            None => {}
                            Some(Ok(())) => called = true,
                            Some(Err(_)) => return Err(none(failed(TransportError::Abandoned), false)),
                        },
                        Err(_) => return Err(none(failed(TransportError::Timeout), true)),
                    }
                }
            }
        }
    }

    /// Discards a token that the provider rejected. Returns whether to try again with a new token: not when the
    /// rejected token itself had just replaced a rejected one, since then the credentials are wrong.
    #[must_use]
    pub fn reject(&self, refused: &Arc<AccessToken>) -> bool {
        let mut state = self.lock();
        if refused.second_chance_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        // Of many callers with the same token only the first discards it.
        if state
            .token
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, refused))
        {
            state.token = None;
            state.rejected = true;
        }
        true
    }

    fn status(&self) -> TokenStatus {
        let state = self.lock();
        let now = Instant::now();
        let refusal = state.refusal.filter(|(_, until)| now < *until);
        match (&state.token, refusal) {
            (Some(token), _) if now < token.renew_at => TokenStatus::Valid(Arc::clone(token)),
            (Some(token), Some(_)) if now < token.expires_at => TokenStatus::Valid(Arc::clone(token)),
            (Some(token), None) if now < token.expires_at => TokenStatus::Renewable(Arc::clone(token)),
            (_, Some((SourceErrorKind::RateLimited { .. }, until))) => {
                TokenStatus::Refused(SourceErrorKind::RateLimited {
                    retry_after: Some(until - now),
                })
            }
            (_, Some((kind, _))) => TokenStatus::Refused(kind),
            (_, None) => TokenStatus::Missing,
        }
    }

    /// The fetch, unless another one finished in the meantime.
    fn fetch_if_needed(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        match self.status() {
            TokenStatus::Valid(_) | TokenStatus::Refused(_) => None,
            TokenStatus::Renewable(_) | TokenStatus::Missing => {
                let this = self.clone();
                Some(async move { this.fetch().await })
            }
        }
    }

    async fn fetch(&self) {
        let outcome = self.request_token().await;
        let now = Instant::now();
        let mut state = self.lock();
        match outcome {
            Ok(mut token) => {
                token.second_chance_until = std::mem::take(&mut state.rejected).then(|| now + REFUSED_PAUSE);
                state.token = Some(Arc::new(token));
                state.refusal = None;
            }
            Err(kind) => {
                let pause = match kind {
                    SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap_or(FAILED_PAUSE),
                    SourceErrorKind::Misconfigured => REFUSED_PAUSE,
                    _ => FAILED_PAUSE,
                };
                state.refusal = Some((kind, now + pause));
            }
        }
    }

    async fn request_token(&self) -> Result<AccessToken, SourceErrorKind> {
        let CredentialsInner { options, client, .. } = &*self.0;
        let request = Request::post(options.token_url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(options.form().ok_or(SourceErrorKind::Misconfigured)?)
            .map_err(|_| SourceErrorKind::Misconfigured)?;
        let sent_at = Instant::now();
        let reply = client
            .send(request, (sent_at + FETCH_TIMEOUT).into_std())
            .await
            .map_err(|error| kind_of_error(error, Effect::Read))?;
        match reply.status.as_u16() {
            200 => {}
            // RFC 6749 §5.2: the client or its grant is refused.
            400 | 401 | 403 => return Err(SourceErrorKind::Misconfigured),
            _ => {
                let kind = kind_of_status(&reply, Effect::Read, self.0.clock.now());
                return Err(kind.unwrap_or(SourceErrorKind::Unavailable));
            }
        }
        let answer: TokenAnswer = reply.json().map_err(|error| kind_of_error(error, Effect::Read))?;
        answer.into_token(sent_at).ok_or(SourceErrorKind::Unavailable)
    }

    fn lock(&self) -> MutexGuard<'_, TokenState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientCredentialsOptions {
    /// The form, in the order in which Auth0's own library sends it (`providers.md` §1.1).
    fn form(&self) -> Option<Bytes> {
        let mut form = Zeroizing::new("grant_type=client_credentials".to_owned());
        let secret = self.client_secret.expose_text()?;
        let fields = [
            ("client_id", Some(&*self.client_id)),
            ("audience", self.audience.as_deref()),
            ("client_secret", Some(secret)),
        ];
        for (name, value) in fields {
            let Some(value) = value else { continue };
            form.push('&');
            form.push_str(name);
            form.push('=');
            form.extend(utf8_percent_encode(value, FORM));
        }
        Some(Bytes::copy_from_slice(form.as_bytes()))
    }
}

impl TokenAnswer {
    fn into_token(self, sent_at: Instant) -> Option<AccessToken> {
        let bearer = self
            .token_type
            .as_deref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        if !bearer || self.access_token.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {}", *self.access_token)).ok()?;
        header.set_sensitive(true);
        let lifetime = match self.expires_in {
            None => UNNAMED_LIFETIME,
            Some(seconds) => Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(LONGEST_LIFETIME),
        };
        let lifetime = lifetime.min(LONGEST_LIFETIME);
        Some(AccessToken {
            header,
            renew_at: sent_at + lifetime.mul_f64(0.9),
            expires_at: sent_at + lifetime,
            second_chance_until: None,
        })
    }
}

fn failed(cause: TransportError) -> SourceError {
    source_error(HttpError::unsent(cause), OPERATION, Effect::Read)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
