//! JWT verification, key sets fetched and rotated, the sealing codec, and keyed hashes.

mod claim_path;
mod claim_rules;
mod claims;
mod fetch;
mod inspect;
pub mod issuer;
mod jwk;
mod jwt;
mod key;
mod key_check;
mod key_set;
mod key_set_cache;
mod key_set_refresh;
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

pub use claim_path::ClaimPath;
pub use claim_rules::{ClaimRules, IssuerKind};
pub use inspect::{InspectedToken, Inspection};
pub use issuer::{IssuerOptions, IssuerOptionsError, TokenLimits, VerifierKeySource};
pub use key::Algorithm;
pub use key_check::key_check;
pub use keyed_hash::DerivedKeyHasher;
pub use masthead_http_client::Secret;
pub use mint::{MintError, MintRequest, mint};
pub use seal::{Sealer, SealingKeysError};
pub use secret_generator::SystemSecrets;
pub use user_tokens::UserTokens;
pub use verifier::{MAX_ISSUERS, Verifier, VerifierOptionsError};
