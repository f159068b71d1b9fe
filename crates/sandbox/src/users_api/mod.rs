//! A simulated Users API, v4 and legacy: a remote deployment whose users replace a tenant's own registrations.
//!
//! Written from the contract alone; it shares no code with Masthead's own API.

mod error;
mod legacy;
mod list;
mod query;
mod sample;
mod settings;
mod stub;
mod v4;
mod writes;

pub use sample::{sample_registration, sample_registrations};
pub use settings::{UsersApiConfig, UsersApiSettings};
pub use stub::UsersApiStub;
