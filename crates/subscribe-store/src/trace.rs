//! Spans of reads and writes of the database, by name: neither statements nor values.

use futures_util::TryFutureExt as _;
use masthead_ports::{source::SourceError, trace::SPANS, users::UserWriteError};
use tracing::{Instrument as _, Span, field::Empty};

/// A failure that a span reports.
pub(crate) trait StatementFailure {
    /// The kind of the failure; `None` for an answer that the caller must handle, such as an address that is taken.
    fn kind_name(&self) -> Option<&'static str>;
}

impl StatementFailure for SourceError {
    fn kind_name(&self) -> Option<&'static str> {
        Some(self.kind.name())
    }
}

impl StatementFailure for UserWriteError {
    fn kind_name(&self) -> Option<&'static str> {
        match self {
            Self::Source(error) => error.kind_name(),
            Self::NoSuchUser | Self::EmailTaken { .. } | Self::IdTaken | Self::Changed | Self::Unstorable { .. } => {
                None
            }
        }
    }
}

/// Does the work in a span with the name of the query. Not `async`, which would hold the work's future twice.
pub(crate) fn traced<T, E: StatementFailure>(
    query: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let span = tracing::trace_span!(
        target: SPANS,
        "query",
        otel.name = query,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "postgresql",
        db.query.summary = query,
        error.type = Empty,
    );
    let failed = span.clone();
    work.inspect_err(move |error| record_failure(&failed, error))
        .instrument(span)
}

fn record_failure(span: &Span, error: &impl StatementFailure) {
    if let Some(kind) = error.kind_name() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", kind);
    }
}
