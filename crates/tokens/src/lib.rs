//! JWT verification, key sets fetched and rotated, the sealing codec, and keyed hashes.

mod claims;
mod fetch;
mod jwk;
mod jwt;
mod key;
mod key_set;
mod key_set_cache;
mod key_set_remark;
mod keyed_hash;
pub mod mint;
pub mod seal;
mod secret_generator;
#[cfg(test)]
mod testing;
mod token_cache;
mod user_tokens;
pub mod verifier;

pub use keyed_hash::DerivedKeyHasher;
pub use masthead_http_client::Secret;
pub use mint::{MintError, MintRequest, mint};
pub use seal::{Sealer, SealingKeysError};
pub use secret_generator::SystemSecrets;
pub use user_tokens::UserTokens;
pub use verifier::{Verifier, VerifierKeySource, VerifierOptions, VerifierOptionsError};
