//! A preset: a directory described in the very settings that describe any other.

use masthead_ports::source::SourceName;

/// The settings that a directory starts from. A tenant's own come before them, name by name.
///
/// What a preset says of a vendor's directory is our proposal: the vendors publish no protocol between servers.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The provider's name: in `Flow.UserProvider`, before the dot of each setting, in answers and metrics.
    pub name: SourceName,
    /// The settings, without the name and its dot.
    pub settings: &'static [(&'static str, &'static str)],
    /// Settings that each tenant must give, if only to leave them empty; not asked of a tenant that starts from nothing.
    pub must: &'static [&'static str],
}
