//! The end of a server: balancers learn of it, open requests are answered, and pending writes finish.

use std::time::Duration;

use masthead_http_server::{DrainOutcome, Lifecycle};
use tokio::time::sleep;

use super::{background::Background, signals::ServerSignals};
use crate::command_error::CommandError;

/// What makes a server end.
pub(super) struct ServerEnds<'a, F> {
    pub(super) signals: &'a mut ServerSignals,
    /// Ends with the reason why the server may not go on.
    pub(super) refusal: F,
}

/// Serves until a signal or a refusal, goes on for `delay` while balancers learn that it leaves, then drains and lets pending writes
/// finish; a second signal ends all that at once.
///
/// # Errors
/// The refusal, or a second signal.
pub(super) async fn serve_until_end(
    serving: impl Future<Output = DrainOutcome>,
    ServerEnds { signals, refusal }: ServerEnds<'_, impl Future<Output = CommandError>>,
    lifecycle: &Lifecycle,
    delay: Duration,
    background: Background<'_>,
) -> Result<(), CommandError> {
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        // It only ends when it is drained.
        _ = serving.as_mut() => return Ok(()),
        name = signals.next() => {
            tracing::info!(signal = name, "draining");
            Ok(())
        }
        refusal = refusal => {
            tracing::error!(reason = %refusal, "draining: the server may not go on");
            Err(refusal)
        }
    };
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
            ended
        }
        name = signals.next() => Err(CommandError::new(format!("a second {name} stopped the server before all requests had ended"))),
    }
}
