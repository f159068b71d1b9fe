//! A user directory over HTTP whose whole contract is settings (`providers.md` §3.4).
//!
//! The contract is Masthead's own: what SSOR and Firefly really speak between servers is private to their owners. Their
//! presets are lists of the same settings that describe any other directory, and any of them can be set otherwise.

mod answer_error;
mod authentication;
mod check;
mod described;
mod directory;
mod envelope;
mod mapping;
mod operation;
mod paging;
mod pointer;
mod preset;
mod reads;
mod settings;
mod template;
mod walk;

pub use directory::GenericAdapter;
pub use preset::Preset;
pub use settings::{GenericSettingError, GenericSettings, ProviderSettingSpec, SETTINGS};
