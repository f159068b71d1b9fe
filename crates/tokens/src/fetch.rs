//! Where key sets come from: an address or a file.

use std::{io::Read, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Uri};
use masthead_http_client::HttpClient;

/// The longest that one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest key set that is read of a file; the client bounds what comes over the network.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why no key set was fetched; logged as one word.
pub(crate) type FetchError = &'static str;

/// Brings the text of a key set.
pub(crate) trait FetchKeys: Send + Sync {
    /// Brings it, in bounded time.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>>;
}

/// A key set at an address.
pub(crate) struct KeySetUrl {
    pub(crate) client: HttpClient,
    pub(crate) uri: Uri,
}

impl FetchKeys for KeySetUrl {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>> {
        Box::pin(async {
            let mut request = Request::new(bytes::Bytes::new());
            *request.uri_mut() = self.uri.clone();
            let deadline = (tokio::time::Instant::now() + FETCH_TIMEOUT).into_std();
            let reply = self
                .client
                .send(request, deadline)
                .await
                .map_err(|error| error.cause.name())?;
            if reply.status != 200 {
                return Err("status");
            }
            // Not only its label: the reply must be JSON, which rules out a portal's page with 200.
            reply
                .json::<serde::de::IgnoredAny>()
                .map(|_| reply.body.to_vec())
                .map_err(|error| error.cause.name())
        })
    }
}

/// A key set in a file.
pub(crate) struct KeySetFile(pub(crate) PathBuf);

impl KeySetFile {
    pub(crate) fn read(&self) -> Result<Vec<u8>, FetchError> {
        let file = std::fs::File::open(&self.0).map_err(|_| "unreadable file")?;
        let mut text = Vec::new();
        file.take(MAX_FILE_BYTES)
            .read_to_end(&mut text)
            .map_err(|_| "unreadable file")?;
        Ok(text)
    }
}

impl FetchKeys for KeySetFile {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>> {
        let file = Self(self.0.clone());
        Box::pin(async move {
            tokio::task::spawn_blocking(move || file.read())
                .await
                .unwrap_or(Err("abandoned"))
        })
    }
}

#[cfg(test)]
mod tests;
