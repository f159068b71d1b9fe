//! The name of the provider.

use masthead_ports::source::SourceName;

/// The name of Gigya in answers, settings and metrics.
pub const GIGYA: SourceName = "Gigya";
