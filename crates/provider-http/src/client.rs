//! The outbound client: one call, inside its deadline, with nothing unbounded.

use std::{fmt, sync::Arc, time::Duration, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use thiserror::Error;
use tokio::time::timeout_at;

use crate::{
    body::{self, BodyLimits},
    dial::{Dialer, NameLookup, system_lookup},
    failure::{HttpError, TransportError},
    reply::HttpReply,
    tls,
};

/// The most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How an outbound client behaves.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The longest wait for a connection: name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest pause within an answer's body.
    pub idle_timeout: Duration,
    /// The longest that one call may take, whatever its deadline.
    pub total_timeout: Duration,
    /// The largest body that is taken, both on the wire and inflated.
    pub max_body_bytes: usize,
    /// Loopback, private and other addresses that are not public may be called, in plain http too.
    pub allow_private: bool,
    /// Plain http may be spoken to public addresses.
    pub allow_plain_http: bool,
    /// Certificates (PEM) that are believed beside the platform's.
    pub extra_roots_pem: Option<Vec<u8>>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            max_body_bytes: 8 * 1024 * 1024,
            allow_private: false,
            allow_plain_http: false,
            extra_roots_pem: None,
        }
    }
}

/// Options of which no client can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClientOptionsError {
    /// The extra roots are not PEM, or hold no certificate.
    #[error("the extra root certificates are not PEM, or hold no certificate")]
    ExtraRoots,
    /// The TLS library refuses its settings.
    #[error("tls cannot be set up")]
    Tls,
}

/// The outbound client. Clones share their connections. It speaks HTTP/1.1, follows no redirect, keeps no cookie,
/// uses no proxy, and sends no request twice but one that a kept connection lost before it was written.
#[derive(Clone)]
pub struct HttpClient(Arc<HttpClientInner>);

struct HttpClientInner {
    client: Client<Dialer, Full<Bytes>>,
    options: HttpOptions,
}

impl HttpClient {
    /// Makes a client; the platform's root certificates are read here.
    ///
    /// # Errors
    /// The extra roots cannot be used.
    pub fn new(options: HttpOptions) -> Result<Self, ClientOptionsError> {
        Self::with_lookup(options, system_lookup())
    }

    pub(crate) fn with_lookup(options: HttpOptions, lookup: NameLookup) -> Result<Self, ClientOptionsError> {
        let tls = tls::config(options.extra_roots_pem.as_deref())?;
        let dialer = Dialer::new(tls, lookup, options.allow_private, options.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(32)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(dialer);
        Ok(Self(Arc::new(HttpClientInner { client, options })))
    }

    /// Makes one call and reads its answer to the end. Every status is an answer; a redirect is not followed.
    ///
    /// Dropping the future abandons the call and its connection.
    ///
    /// # Errors
    /// No whole answer within `deadline`, the total and idle time-outs and the bounds; it tells whether the request may
    /// have left.
    pub async fn send(&self, mut request: Request<Bytes>, deadline: Instant) -> Result<HttpReply, HttpError> {
        self.check(request.uri()).map_err(HttpError::unsent)?;
        add_defaults(&mut request);
        let options = &self.0.options;
        let now = tokio::time::Instant::now();
        let until = tokio::time::Instant::from_std(deadline).min(now + options.total_timeout);
        if until <= now {
            return Err(HttpError::unsent(TransportError::Timeout));
        }
        let mut request = request.map(Full::new);
        let connection = capture_connection(&mut request);
        let sent = |class| HttpError {
            class,
            sent: connection.connection_metadata().is_some(),
        };
        let answer = match timeout_at(until, self.0.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => return Err(HttpError::unsent(connect_class(&error))),
            Ok(Err(_)) => return Err(sent(TransportError::Broken)),
            Err(_) => return Err(sent(TransportError::Timeout)),
        };
        let (head, body) = answer.into_parts();
        let limits = BodyLimits {
            bytes: options.max_body_bytes,
            idle: options.idle_timeout,
            until,
        };
        let body = body::read(&head.headers, body, limits).await.map_err(HttpError::sent)?;
        Ok(HttpReply {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Refuses what is never called, before any name is resolved. Plain http is spoken where it is allowed outright, or
    /// where private addresses are.
    fn check(&self, uri: &Uri) -> Result<(), TransportError> {
        let authority = uri.authority().ok_or(TransportError::BadAddress)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(TransportError::BadAddress);
        }
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(()),
            Some(scheme) if *scheme == Scheme::HTTP => {
                if self.0.options.allow_plain_http || self.0.options.allow_private {
                    Ok(())
                } else {
                    Err(TransportError::PlainHttp)
                }
            }
            _ => Err(TransportError::BadAddress),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

fn add_defaults(request: &mut Request<Bytes>) {
    const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("masthead/", env!("CARGO_PKG_VERSION")));
    let headers = request.headers_mut();
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    headers
        .entry(header::ACCEPT)
        .or_insert(HeaderValue::from_static("application/json"));
    headers
        .entry(header::ACCEPT_ENCODING)
        .or_insert(HeaderValue::from_static("gzip"));
}

fn connect_class(error: &(dyn std::error::Error + 'static)) -> TransportError {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(class) = cause.downcast_ref::<TransportError>() {
            return *class;
        }
        next = cause.source();
    }
    TransportError::Connect
}

#[cfg(test)]
mod tests;
