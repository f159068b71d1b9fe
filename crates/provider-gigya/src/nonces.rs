//! Where chance comes from: nonces that are never used twice.

use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

/// Gives 16 bytes that nobody can guess and that never come twice: the nonce of a request, or a password that nobody is
/// to know.
pub trait NonceSource: Send + Sync {
    /// The next ones.
    ///
    /// # Errors
    /// There is no chance to be had; the call is not made.
    fn next(&self) -> Result<[u8; 16], RandomnessError>;
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the system gives no random bytes")]
pub struct RandomnessError;

/// The operating system's own.
#[derive(Debug, Clone)]
pub struct SystemNonceSource(SystemRandom);

impl Default for SystemNonceSource {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl NonceSource for SystemNonceSource {
    fn next(&self) -> Result<[u8; 16], RandomnessError> {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes).map_err(|_| RandomnessError)?;
        Ok(bytes)
    }
}
