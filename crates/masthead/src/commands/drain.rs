//! The end of a server: balancers learn of it, open requests are answered, and pending writes finish.

use std::time::Duration;

use masthead_http_server::{DrainOutcome, Lifecycle};
use tokio::time::sleep;

use super::{background::Background, signals::ServerSignals};
use crate::command_error::CommandError;

/// Serves until a signal, goes on for `delay` while balancers learn that it leaves, then drains and lets pending writes finish;
/// a second signal ends all that at once.
pub(super) async fn serve_until_signal(
    serving: impl Future<Output = DrainOutcome>,
    signals: &mut ServerSignals,
    lifecycle: &Lifecycle,
    delay: Duration,
    background: Background<'_>,
) -> Result<(), CommandError> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // It only ends when it is drained.
        _ = serving.as_mut() => return Ok(()),
        name = signals.next() => tracing::info!(signal = name, "draining"),
    }
    lifecycle.leave();
    let draining = async {
        let drain = async {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            lifecycle.drain();
            background.cancel();
        };
        // The server accepts connections until the drain.
        let (drained, ()) = tokio::join!(serving, drain);
        if drained.cut > 0 {
            tracing::warn!(cut = drained.cut, "connections were cut: http.drain_timeout is over");
        }
        background.stop().await;
    };
    tokio::select! {
        () = draining => {
            tracing::info!("drained");
            Ok(())
        }
        name = signals.next() => Err(CommandError::new(format!("a second {name} stopped the server before all requests had ended"))),
    }
}
