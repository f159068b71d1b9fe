//! The cost of new hashes.

/// The parameters of Argon2id (RFC 9106); the default is the second choice of the OWASP Password Storage Cheat Sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// The memory, in KiB (`m`); at least eight times the parallelism.
    pub memory_kib: u32,
    /// The number of passes (`t`).
    pub iterations: u32,
    /// The number of lanes (`p`); they are computed one after another.
    pub parallelism: u32,
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
        }
    }
}
