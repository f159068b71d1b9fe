//! The client: sends one request within its deadline and bounds.

use std::{fmt, sync::Arc, time::Duration, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::RootCertStore;
use tokio::time::timeout_at;

use crate::{
    address::AllowedAddresses,
    body::{self, BodyLimits},
    dial::{Dialer, NameLookup, system_lookup},
    error::{HttpError, TransportError},
    options::{ClientIdentity, ClientOptionsError, HttpOptions},
    reply::HttpReply,
    tls,
};

/// The largest accepted response head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The outbound client. Clones share their connections. It uses HTTP/1.1, follows no redirects, stores no cookies and uses
/// no proxy. It repeats a request only when a pooled connection closed before the request was written.
#[derive(Clone)]
pub struct HttpClient(Arc<HttpClientInner>);

struct HttpClientInner {
    client: Client<Dialer, Full<Bytes>>,
    options: HttpOptions,
    platform_roots: RootCertStore,
    lookup: NameLookup,
}

impl HttpClient {
    /// Creates a client and reads the platform's root certificates.
    ///
    /// # Errors
    /// The extra roots are invalid.
    pub fn new(options: HttpOptions) -> Result<Self, ClientOptionsError> {
        Self::with_lookup(options, system_lookup())
    }

    pub(crate) fn with_lookup(options: HttpOptions, lookup: NameLookup) -> Result<Self, ClientOptionsError> {
        Self::with_roots(options, lookup, tls::platform_roots())
    }

    /// A client with the same options and bounds, its own connections, another identity and other extra roots.
    ///
    /// # Errors
    /// The extra roots, the certificate or its key are invalid.
    pub fn with_tls(
        &self,
        identity: Option<ClientIdentity>,
        extra_roots_pem: Option<Vec<u8>>,
    ) -> Result<Self, ClientOptionsError> {
        let HttpClientInner {
            options,
            platform_roots,
            lookup,
            ..
        } = &*self.0;
        let options = HttpOptions {
            extra_roots_pem,
            identity,
            ..options.clone()
        };
        Self::with_roots(options, Arc::clone(lookup), platform_roots.clone())
    }

    fn with_roots(
        options: HttpOptions,
        lookup: NameLookup,
        platform_roots: RootCertStore,
    ) -> Result<Self, ClientOptionsError> {
        let tls = tls::config(&platform_roots, &options)?;
        let addresses = AllowedAddresses::new(options.allow_private, &options.networks);
        let dialer = Dialer::new(tls, &lookup, &addresses, options.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(32)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(dialer);
        Ok(Self(Arc::new(HttpClientInner {
            client,
            options,
            platform_roots,
            lookup,
        })))
    }

    /// Sends a request and reads the whole reply. Every status is a reply; redirects are not followed.
    ///
    /// Dropping the future cancels the call and closes its connection.
    ///
    /// # Errors
    /// No complete reply within `deadline`, the time-outs and the size limits. The error states whether the request may
    /// have been sent.
    pub async fn send(&self, mut request: Request<Bytes>, deadline: Instant) -> Result<HttpReply, HttpError> {
        self.check(request.uri()).map_err(HttpError::unsent)?;
        add_defaults(&mut request);
        let options = &self.0.options;
        if let Some(add_trace_headers) = options.add_trace_headers {
            add_trace_headers(request.headers_mut());
        }
        let now = tokio::time::Instant::now();
        let until = tokio::time::Instant::from_std(deadline).min(now + options.total_timeout);
        if until <= now {
            return Err(HttpError::unsent(TransportError::Timeout));
        }
        let mut request = request.map(Full::new);
        let connection = capture_connection(&mut request);
        let sent = |cause| HttpError {
            cause,
            sent: connection.connection_metadata().is_some(),
        };
        let answer = match timeout_at(until, self.0.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => return Err(HttpError::unsent(connect_error(&error))),
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

    /// Rejects what is forbidden for any address. To which addresses plain http may go is checked once the name is resolved.
    fn check(&self, uri: &Uri) -> Result<(), TransportError> {
        let authority = uri.authority().ok_or(TransportError::BadAddress)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(TransportError::BadAddress);
        }
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(()),
            Some(scheme) if *scheme == Scheme::HTTP => {
                if self.0.options.allow_private || !self.0.options.networks.is_empty() {
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

fn connect_error(error: &(dyn std::error::Error + 'static)) -> TransportError {
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
