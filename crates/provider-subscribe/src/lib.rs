//! A remote Users API, v4 or legacy, as the Subscribe source in place of Masthead's own registrations: another
//! Masthead, or the deployment that a publisher migrates from.
//!
//! Each request leaves out the provider of the remote API (`ignoreProvider=true`), so that its store answers.
//! A v4 API is written too: its own store, and the passwords in it.

mod adapter;
mod conditions;
mod error;
mod legacy;
mod object;
mod page;
mod page_start;
mod query;
mod reads;
mod remote_api;
mod scan;
mod settings;
mod sign_in;
mod v4;
mod writes;
mod written;

pub use adapter::RemoteSubscribe;
pub use error::RemoteAnswerError;
pub use page::RemoteRow;
pub use scan::RemoteScanPage;
pub use settings::{SETTINGS, SubscribeSettings};
