//! Logs: to standard output, through a buffer that never blocks.

pub mod access;
mod writer;

use std::{io, panic, sync::Arc};

use masthead_ports::clock::Clock;
use masthead_telemetry::SpanLayer;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use access::AccessLog;
pub use writer::{LogGuard, LogWriter};

use crate::settings::{LogFormat, LogSettings};

/// Starts logging for the process, and the recording of spans if there is a layer for it. The guard writes the last lines
/// when dropped.
///
/// # Errors
/// The writing thread cannot be started.
pub fn start(
    settings: &LogSettings,
    output: impl io::Write + Send + 'static,
    clock: Arc<dyn Clock>,
    spans: Option<SpanLayer>,
) -> io::Result<(LogWriter, AccessLog, LogGuard)> {
    let (writer, guard) = LogWriter::start(output)?;
    // Known to parse; the fallback logs everything important.
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry();
    // Fails if a subscriber is set already, as in tests: that one is used then.
    let _ = match spans {
        None => registry
            .with(filter)
            .with(lines(settings.format, writer.clone()))
            .try_init(),
        // The filter is that of the lines alone: spans have a level that is never logged.
        Some(spans) => {
            let events = filter.and(filter_fn(|metadata| metadata.is_event()));
            registry
                .with(spans)
                .with(lines(settings.format, writer.clone()).with_filter(events))
                .try_init()
        }
    };
    log_panics();
    let wanted = tracing::enabled!(target: access::TARGET, tracing::Level::INFO);
    let access = AccessLog::new(wanted.then(|| writer.clone()), settings.format, clock);
    Ok((writer, access, guard))
}

/// The layer that writes lines: of events, without the spans around them.
fn lines<S>(format: LogFormat, writer: LogWriter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
        LogFormat::Pretty => lines.boxed(),
    }
}

/// Panics are logged by location only: their text may contain request data.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        tracing::error!(place = place.as_deref().unwrap_or("unknown"), "panic");
        metrics::counter!("masthead_panics_total").increment(1);
    }));
}
