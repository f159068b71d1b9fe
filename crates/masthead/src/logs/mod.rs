//! Logs: to standard output or a file, through a buffer that never blocks.

pub mod access;
mod control;
mod file;
mod writer;

use std::{io, panic, sync::Arc};

use masthead_ports::clock::Clock;
use masthead_telemetry::SpanLayer;
use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use access::AccessLog;
pub use control::LogControl;
pub use file::LogFile;
pub use writer::{LogGuard, LogWriter};

use crate::settings::{LogFormat, LogSettings};

/// The log of the process.
pub struct Logs {
    /// Takes lines.
    pub writer: LogWriter,
    /// Takes access lines.
    pub access: AccessLog,
    /// Changes the level while the process runs.
    pub control: Arc<LogControl>,
    /// Writes the last lines when dropped.
    pub guard: LogGuard,
}

/// Starts logging for a command, to this output.
///
/// # Errors
/// The writing thread cannot be started.
pub fn start(
    settings: &LogSettings,
    output: impl io::Write + Send + 'static,
    clock: Arc<dyn Clock>,
) -> io::Result<Logs> {
    start_on(settings, output, None, clock, None)
}

/// Starts logging for a server, to its file or to standard output, and the recording of spans if there is a layer for it.
///
/// # Errors
/// The file cannot be opened, or the writing thread cannot be started.
pub fn start_for_server(settings: &LogSettings, clock: Arc<dyn Clock>, spans: Option<SpanLayer>) -> io::Result<Logs> {
    match &settings.file {
        Some(path) => {
            let file = LogFile::open(path)?;
            start_on(settings, file.clone(), Some(file), clock, spans)
        }
        None => start_on(settings, io::stdout(), None, clock, spans),
    }
}

fn start_on(
    settings: &LogSettings,
    output: impl io::Write + Send + 'static,
    file: Option<LogFile>,
    clock: Arc<dyn Clock>,
    spans: Option<SpanLayer>,
) -> io::Result<Logs> {
    let (writer, guard) = LogWriter::start(output)?;
    let (filter, level) = reload::Layer::new(control::filter(&settings.level));
    let registry = tracing_subscriber::registry();
    // Fails if a subscriber is set already, as in tests: that one is used then.
    let _ = match spans {
        None => registry
            .with(filter)
            .with(lines(settings.format, writer.clone()))
            .try_init(),
        // The filter is that of the lines alone: spans have a level that is never logged.
        Some(spans) => {
            let events = filter.and(filter_fn(is_event));
            let lines = lines(settings.format, writer.clone()).with_filter(events).boxed();
            registry.with(vec![spans, lines]).try_init()
        }
    };
    log_panics();
    let access = AccessLog::new(writer.clone(), settings.format, clock);
    let control = Arc::new(LogControl::new(level, access.clone(), file));
    Ok(Logs {
        writer,
        access,
        control,
        guard,
    })
}

fn is_event(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_event()
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
