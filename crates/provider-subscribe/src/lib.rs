//! A remote Users API, v4 or legacy, as the Subscribe source in place of our own registrations: another Masthead, or the
//! deployment that a publisher migrates from.
//!
//! The far side is always asked to leave its own provider out (`ignoreProvider=true`), so that its store answers. It is only
//! read: there is no write side.

mod far;
mod flaw;
mod legacy;
mod limits;
mod object;
mod question;
mod reads;
mod remote;
mod rows;
mod settings;
mod v4;
mod walk;

pub use flaw::RemoteAnswerError;
pub use remote::RemoteSubscribe;
pub use rows::RemoteRow;
pub use settings::{SETTINGS, SubscribeSettings};
pub use walk::RemoteScanPage;
