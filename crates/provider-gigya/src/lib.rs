//! Gigya (SAP Customer Data Cloud) as a source and a writer of accounts, as it really is (`providers.md` §2 and §4).

mod address;
mod calls;
mod changes;
mod check;
mod credentials;
mod envelope;
mod gigya;
mod login;
mod mapping;
mod metadata_map;
mod nonces;
mod query;
mod reads;
mod settings;
mod signature;
mod site;
mod walk;
mod wire;
mod writes;

pub use gigya::{GIGYA, GigyaAdapter};
pub use login::Login;
pub use nonces::{NonceSource, RandomnessError, SystemNonceSource};
pub use settings::{GigyaSettings, SETTINGS};
