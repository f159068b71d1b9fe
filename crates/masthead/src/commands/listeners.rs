//! The sockets on which a server listens.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use crate::{command_error::CommandError, settings::MetricsSettings};

/// The socket of the API, and its address.
pub(super) async fn bind_api(address: SocketAddr) -> Result<(TcpListener, SocketAddr), CommandError> {
    let listener = bind(address).await.map_err(refused(address, "http.listen"))?;
    let address = listener
        .local_addr()
        .map_err(CommandError::context("the listening socket has no address"))?;
    Ok((listener, address))
}

/// The operations port; `None` where there is none. Where the default address is taken, the server goes on without it: the
/// second server on a machine, or one beside a Prometheus, must not fail for an address that no operator chose.
pub(super) async fn bind_operations(settings: &MetricsSettings) -> Result<Option<TcpListener>, CommandError> {
    let Some(address) = settings.listen else {
        if !settings.on_api_port {
            tracing::info!("metrics.listen is off and metrics.on_api_port is false: /metrics is not served");
        }
        return Ok(None);
    };
    match bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && settings.has_default_address() => {
            if !settings.on_api_port {
                tracing::warn!(
                    %address,
                    "the default of metrics.listen is in use: /metrics is not served; give each server on a machine an \
                     address of its own, or set metrics.on_api_port"
                );
            }
            Ok(None)
        }
        Err(error) => Err(refused(address, "metrics.listen")(error)),
    }
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

fn refused(address: SocketAddr, setting: &'static str) -> impl FnOnce(io::Error) -> CommandError {
    move |error| CommandError::new(format!("cannot listen on {address} ({setting}): {}", error.kind()))
}
