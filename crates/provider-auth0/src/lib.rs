//! Auth0's Management API v2 as a source and a writer of accounts, as it really is (`providers.md` §1 and §4).

mod adapter;
mod address;
mod changes;
mod lucene;
mod management;
mod mapping;
mod metadata_map;
mod name;
mod reads;
mod refusal;
mod requests;
mod scan;
mod settings;
mod sign_in;
mod windows;
mod wire;
mod writes;

pub use adapter::{Auth0Adapter, PROVIDER};
pub use name::AUTH0;
pub use settings::{Auth0Settings, SETTINGS};
