//! The spans of a trace: which they are, and what they may contain.

/// The target of every span that is exported to a trace collector, at the level `TRACE`. Spans of another target, and all
/// events, stay in the process.
///
/// A span's attributes follow the semantic conventions of OpenTelemetry. They never hold personal data: no id, name or
/// address of a user or of a caller, no path, no query, no text of a statement and no body.
pub const SPANS: &str = "masthead::spans";
