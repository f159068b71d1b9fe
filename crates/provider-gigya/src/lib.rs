//! Gigya (SAP Customer Data Cloud) as a source and a writer of accounts, as it really is (`providers.md` §2 and §4).

mod adapter;
mod address;
mod calls;
mod changes;
mod credentials;
mod envelope;
mod mapping;
mod metadata_map;
mod name;
mod query;
mod reads;
mod scan;
mod settings;
mod sign_in;
mod signature;
mod site;
mod wire;
mod writes;

pub use adapter::{GigyaAdapter, PROVIDER};
pub use name::GIGYA;
pub use settings::{GigyaSettings, SETTINGS};
