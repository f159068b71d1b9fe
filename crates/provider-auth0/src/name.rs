//! The name of the provider.

use masthead_ports::source::SourceName;

/// The name of Auth0 in answers, settings and metrics.
pub const AUTH0: SourceName = "Auth0";
