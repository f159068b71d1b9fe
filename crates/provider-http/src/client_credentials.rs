//! Access tokens by the client-credentials grant (RFC 6749 §4.4): fetched once for all, renewed before they run out.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::{
    client::HttpClient,
    failure::{Effect, HttpError, TransportError},
    secret::Secret,
    single_flight::SingleFlight,
};

/// What a form leaves as it is (WHATWG URL §5.2, the urlencoded serialiser); a blank becomes `%20`, which every parser of
/// forms takes as well as `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The longest that fetching a token may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a refusal of our credentials is believed: asking again sooner only costs quota.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// How long after a failure the next try waits.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// The life of a token whose answer names none (RFC 6749 §5.1 lets it).
const UNNAMED_LIFETIME: Duration = Duration::from_mins(5);

/// The longest life that is believed.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 7);

/// The name of this work in errors.
const OPERATION: &str = "token";

/// Where tokens come from, and for whom.
#[derive(Debug, Clone)]
pub struct ClientCredentialsOptions {
    /// The token endpoint.
    pub token_url: Uri,
    /// `client_id`
    pub client_id: Box<str>,
    /// `client_secret`, UTF-8.
    pub client_secret: Secret,
    /// `audience`, for Auth0 and its like.
    pub audience: Option<Box<str>>,
}

/// The tokens of one client. All callers share one fetch; a caller that hangs up stops it for nobody.
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
    /// Why there is none, and until when that is believed.
    refusal: Option<(SourceErrorKind, Instant)>,
    /// A provider refused the last token: the next one is the second chance.
    rejected: bool,
}

/// There is no token.
#[derive(Debug)]
pub struct TokenFetchError {
    /// Why.
    pub error: SourceError,
    /// The token endpoint was asked for it just now. Otherwise an earlier failure is still believed, and no call was made.
    pub called: bool,
}

/// A token that was valid when it was handed out.
pub struct AccessToken {
    header: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
    /// It took the place of a token that was refused, and this is how long it counts as such.
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
    Good(Arc<AccessToken>),
    Ageing(Arc<AccessToken>),
    Refused(SourceErrorKind),
    Nothing,
}

impl ClientCredentials {
    /// No token yet; the first caller brings one.
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

    /// A valid token. From nine tenths of its life on, a new one is fetched beside the callers.
    ///
    /// # Errors
    /// None came by `deadline`; or the last fetch failed moments ago, which is then not tried again at once: refused
    /// credentials ([`SourceErrorKind::Misconfigured`]) for ten seconds, a quota as long as it asks, anything else for one.
    pub async fn token(&self, deadline: Instant) -> Result<Arc<AccessToken>, TokenFetchError> {
        let mut called = false;
        let none = |error, called| TokenFetchError { error, called };
        loop {
            match self.peek() {
                TokenStatus::Good(token) => return Ok(token),
                TokenStatus::Ageing(token) => {
                    self.0.flights.start_if((), || self.fetch_if_needed());
                    return Ok(token);
                }
                TokenStatus::Refused(kind) => return Err(none(SourceError::new(OPERATION, kind), called)),
                TokenStatus::Nothing => {
                    let landing = self.0.flights.run_if((), || self.fetch_if_needed());
                    match timeout_at(deadline, landing).await {
                        Ok(landed) => match landed {
                            None => {}
                            Some(Ok(())) => called = true,
                            Some(Err(_)) => return Err(none(failed(TransportError::AbandonedError), false)),
                        },
                        Err(_) => return Err(none(failed(TransportError::Timeout), true)),
                    }
                }
            }
        }
    }

    /// The provider refused this token. Says whether to try once more: the next token is a new one. It is not when the
    /// refused token was itself the second chance, moments ago; then our credentials are at fault.
    #[must_use]
    pub fn reject(&self, refused: &Arc<AccessToken>) -> bool {
        let mut state = self.lock();
        if refused.second_chance_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        // Of many callers with the same token only the first makes it forgotten.
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

    fn peek(&self) -> TokenStatus {
        let state = self.lock();
        let now = Instant::now();
        let refusal = state.refusal.filter(|(_, until)| now < *until);
        match (&state.token, refusal) {
            (Some(token), _) if now < token.renew_at => TokenStatus::Good(Arc::clone(token)),
            (Some(token), Some(_)) if now < token.expires_at => TokenStatus::Good(Arc::clone(token)),
            (Some(token), None) if now < token.expires_at => TokenStatus::Ageing(Arc::clone(token)),
            (_, Some((SourceErrorKind::RateLimited { .. }, until))) => {
                TokenStatus::Refused(SourceErrorKind::RateLimited {
                    retry_after: Some(until - now),
                })
            }
            (_, Some((kind, _))) => TokenStatus::Refused(kind),
            (_, None) => TokenStatus::Nothing,
        }
    }

    /// The fetch, unless one landed between the caller's look and its turn.
    fn fetch_if_needed(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        match self.peek() {
            TokenStatus::Good(_) | TokenStatus::Refused(_) => None,
            TokenStatus::Ageing(_) | TokenStatus::Nothing => {
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
        let called = Instant::now();
        let reply = client
            .send(request, (called + FETCH_TIMEOUT).into_std())
            .await
            .map_err(|failure| failure.kind(Effect::Read))?;
        match reply.status.as_u16() {
            200 => {}
            // RFC 6749 §5.2: the client or its grant is refused.
            400 | 401 | 403 => return Err(SourceErrorKind::Misconfigured),
            _ => {
                let kind = reply.refusal(Effect::Read, self.0.clock.now());
                return Err(kind.unwrap_or(SourceErrorKind::Unavailable));
            }
        }
        let answer: TokenAnswer = reply.json().map_err(|failure| failure.kind(Effect::Read))?;
        answer.into_token(called).ok_or(SourceErrorKind::Unavailable)
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
    fn into_token(self, called: Instant) -> Option<AccessToken> {
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
            renew_at: called + lifetime.mul_f64(0.9),
            expires_at: called + lifetime,
            second_chance_until: None,
        })
    }
}

fn failed(class: TransportError) -> SourceError {
    HttpError::unsent(class).into_error(OPERATION, Effect::Read)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
