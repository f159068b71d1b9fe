//! Checks the raw settings of `[passwords]`.

use masthead_credentials::Argon2Cost;

use crate::settings::{checker::Checker, model::PasswordSettings, raw::RawPasswords};

pub(in crate::settings) fn passwords(raw: &RawPasswords, c: &mut Checker<'_>) -> Option<PasswordSettings> {
    let threads = c.size("passwords.threads", &raw.threads, 0..=256);
    let memory_mib = c.small("passwords.memory_mib", &raw.memory_mib, 256..=1_048_576);
    let niceness = c.small("passwords.niceness", &raw.niceness, 0..=19);
    let queue = c.size("passwords.queue", &raw.queue, 1..=100_000);
    // From the weakest cost of the OWASP Password Storage Cheat Sheet to the bounds of imported hashes.
    let argon2_memory = c.small("passwords.argon2_memory_kib", &raw.argon2_memory_kib, 7_168..=262_144);
    let iterations = c.small("passwords.argon2_iterations", &raw.argon2_iterations, 1..=10);
    let parallelism = c.small("passwords.argon2_parallelism", &raw.argon2_parallelism, 1..=16);
    Some(PasswordSettings {
        threads: threads?,
        memory_mib: memory_mib?,
        queue: queue?,
        niceness: u8::try_from(niceness?).ok()?,
        cost: Argon2Cost {
            memory_kib: argon2_memory?,
            iterations: iterations?,
            parallelism: parallelism?,
        },
    })
}
