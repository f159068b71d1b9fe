//! A user directory over HTTP whose whole contract is settings (`providers.md` §3.4).
//!
//! The contract is Masthead's own: what SSOR and Firefly really speak between servers is private to their owners. Their
//! presets are lists of the same settings that describe any other directory, and any of them can be set otherwise.

mod adapter;
mod answer_error;
mod api;
mod authentication;
mod check;
mod envelope;
mod mapping;
mod operation;
mod paging;
mod pointer;
mod preset;
mod reads;
mod registration;
mod scan;
mod settings;
mod template;

pub use adapter::GenericAdapter;
pub use preset::Preset;
pub use settings::{GenericSettings, SETTINGS};
