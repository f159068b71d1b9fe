//! Logs: to standard output, through a buffer that never blocks.

pub mod access;
mod writer;

use std::{io, panic, sync::Arc};

use masthead_ports::clock::Clock;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use access::AccessLog;
pub use writer::{LogGuard, LogWriter};

use crate::settings::{LogFormat, LogSettings};

/// Starts logging for the process. The guard writes the last lines when dropped.
///
/// # Errors
/// The writing thread cannot be started.
pub fn start(
    settings: &LogSettings,
    output: impl io::Write + Send + 'static,
    clock: Arc<dyn Clock>,
) -> io::Result<(LogWriter, AccessLog, LogGuard)> {
    let (writer, guard) = LogWriter::start(output)?;
    // Known to parse; the fallback logs everything important.
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(writer.clone()).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    // Fails if a subscriber is set already, as in tests: that one is used then.
    let _ = match settings.format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false))
            .try_init(),
        LogFormat::Pretty => registry.with(lines).try_init(),
    };
    log_panics();
    let wanted = tracing::enabled!(target: access::TARGET, tracing::Level::INFO);
    let access = AccessLog::new(wanted.then(|| writer.clone()), settings.format, clock);
    Ok((writer, access, guard))
}

/// Panics are logged by location only: their text may contain request data.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        tracing::error!(place = place.as_deref().unwrap_or("unknown"), "panic");
        metrics::counter!("masthead_panics_total").increment(1);
    }));
}
