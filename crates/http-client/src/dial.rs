//! Opens connections: resolves a name once, checks every address, and connects only to a checked one, so that a
//! configured URL cannot reach a private network (server-side request forgery, DNS rebinding).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use crate::{address::AllowedAddresses, error::TransportError};

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Resolves a name to addresses: by the system's resolver, or by one of a test.
pub(crate) type NameLookup = Arc<dyn Fn(String) -> Boxed<Vec<IpAddr>, io::Error> + Send + Sync>;

pub(crate) fn system_lookup() -> NameLookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Resolves through a [`NameLookup`] and returns only allowed addresses.
#[derive(Clone)]
pub(crate) struct GuardedResolver {
    lookup: NameLookup,
    addresses: AllowedAddresses,
    /// The addresses are for plain http.
    is_plain: bool,
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = TransportError;
    type Future = Boxed<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (addresses, is_plain) = (self.addresses.clone(), self.is_plain);
        let found = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await.map_err(|_| TransportError::Resolve)?;
            if found.is_empty() {
                return Err(TransportError::Resolve);
            }
            // A forbidden address among allowed ones indicates DNS rebinding: none of them is used.
            found
                .iter()
                .try_for_each(|address| addresses.check(*address, is_plain))?;
            let addresses: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}

/// The connector of the HTTP client: resolves, checks, connects and completes the TLS handshake within the connect
/// timeout.
#[derive(Clone)]
pub(crate) struct Dialer {
    https: Connector,
    http: Connector,
    addresses: AllowedAddresses,
    connect_timeout: Duration,
}

type Connector = HttpsConnector<HttpConnector<GuardedResolver>>;

impl Dialer {
    pub(crate) fn new(
        tls: ClientConfig,
        lookup: &NameLookup,
        addresses: &AllowedAddresses,
        connect_timeout: Duration,
    ) -> Self {
        let tls = Arc::new(tls);
        let connector = |is_plain| {
            let mut tcp = HttpConnector::new_with_resolver(GuardedResolver {
                lookup: Arc::clone(lookup),
                addresses: addresses.clone(),
                is_plain,
            });
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_keepalive(Some(Duration::from_mins(1)));
            // The connector divides this time among the addresses, so that an unresponsive one leaves time for the next.
            tcp.set_connect_timeout(Some(connect_timeout));
            HttpsConnector::from((tcp, Arc::clone(&tls)))
        };
        Self {
            https: connector(false),
            http: connector(true),
            addresses: addresses.clone(),
            connect_timeout,
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = TransportError;
    type Future = Boxed<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let is_plain = uri.scheme() == Some(&Scheme::HTTP);
        // A literal address bypasses the resolver, so it is checked here.
        let literal = uri.host().and_then(parse_literal_address);
        if let Some(Err(refused)) = literal.map(|address| self.addresses.check(address, is_plain)) {
            return Box::pin(std::future::ready(Err(refused)));
        }
        let connector = if is_plain { &mut self.http } else { &mut self.https };
        let connecting = connector.call(uri);
        let connect_timeout = self.connect_timeout;
        Box::pin(async move {
            match timeout(connect_timeout, connecting).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(classify(&*error)),
                Err(_) => Err(TransportError::ConnectTimeout),
            }
        })
    }
}

/// The IP address in the host part of a URL, where it is a literal.
pub(crate) fn parse_literal_address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
}

/// Classifies a connection error by the first known cause in its chain.
fn classify(error: &(dyn std::error::Error + 'static)) -> TransportError {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(class) = cause.downcast_ref::<TransportError>() {
            return *class;
        }
        if cause.is::<rustls::Error>() {
            return TransportError::Tls;
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::TimedOut {
                return TransportError::ConnectTimeout;
            }
            // An io::Error exposes its inner error through `get_ref`, not through `source`.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = cause.source();
    }
    TransportError::Connect
}
