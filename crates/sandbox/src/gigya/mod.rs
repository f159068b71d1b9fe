//! A simulated Gigya (SAP Customer Data Cloud): the accounts API, with credentials checked as strictly as the real one.

mod account;
mod admission;
mod bearer;
mod cursor;
mod error;
mod params;
mod query;
mod read;
mod register;
mod sample;
mod settings;
mod signature;
mod site;
mod stub;
mod write;

pub use sample::{sample_account, sample_accounts};
pub use settings::{GigyaApplication, GigyaConfig, GigyaStubSettings};
pub use stub::GigyaStub;
