//! A preset: a provider described in the very settings that describe any other.

use masthead_ports::source::SourceName;

/// The settings that a provider starts from. A tenant's own come before them, name by name.
///
/// A preset of a vendor's API is Masthead's proposal: the vendors publish no protocol between servers.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The provider's name: in `Flow.UserProvider`, before the dot of each setting, in answers and metrics.
    pub name: SourceName,
    /// The settings, without the name and its dot.
    pub settings: &'static [(&'static str, &'static str)],
    /// Settings that each tenant of this preset must give, even if empty.
    pub must: &'static [&'static str],
}
