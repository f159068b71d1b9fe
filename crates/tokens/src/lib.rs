//! JWT verification, key sets fetched and rotated, and the sealing codec.

mod claims;
mod fetch;
mod jwk;
mod jwt;
mod key;
mod key_set;
mod key_set_cache;
mod key_set_remark;
pub mod mint;
pub mod seal;
#[cfg(test)]
mod testing;
mod token_cache;
pub mod verifier;

pub use masthead_http_client::Secret;
pub use mint::{MintError, MintRequest, mint};
pub use seal::{Sealer, SealingKeysError};
pub use verifier::{Verifier, VerifierKeySource, VerifierOptions, VerifierOptionsError};
