//! JWT verification, key sets fetched and rotated, and the sealing codec.

mod claims;
mod fetch;
mod jwk;
mod jwt;
mod key;
mod key_set;
mod keys;
pub mod mint;
mod remarks;
pub mod seal;
#[cfg(test)]
mod testing;
mod verified;
pub mod verifier;

pub use masthead_provider_http::Secret;
pub use mint::{MintError, MintRequest, mint};
pub use seal::{Sealer, SealingKeysError};
pub use verifier::{Verifier, VerifierKeySource, VerifierOptions, VerifierOptionsError};
