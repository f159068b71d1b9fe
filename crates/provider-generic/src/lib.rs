//! A generic identity provider over HTTP: settings describe its whole contract (`providers.md` §3.4).
//!
//! The presets of SSOR and Firefly are Masthead's own proposals: the vendors do not publish their server-to-server
//! protocols. A preset is a list of the same settings that describe any other provider, and each can be overridden.

mod adapter;
mod answer_error;
mod api;
mod authentication;
mod changes;
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
mod sign_in;
mod template;
mod writes;

pub use adapter::GenericAdapter;
pub use preset::Preset;
pub use settings::{GenericSettings, SETTINGS};
