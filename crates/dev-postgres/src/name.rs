//! The names of databases that this crate may touch, and hashes and random text for other names.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::Error;

/// The prefix of every database that this crate creates, uses or drops.
pub const PREFIX: &str = "masthead_";

/// Postgres truncates longer identifiers.
const LONGEST: usize = 63;

/// Accepts a name with the prefix; it needs no quoting in SQL, in a URL, or on a command line.
pub(crate) fn check(name: &str) -> Result<&str, Error> {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let is_plain = rest
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if rest.is_empty() || !is_plain || name.len() > LONGEST {
        return Err(Error::NameRefused(name.to_owned()));
    }
    Ok(name)
}

/// FNV-1a, 64 bits: the hashers of std differ between processes and versions, which a name must not.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sixteen random hexadecimal digits: std seeds its hashers from the system's randomness.
pub(crate) fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A random password.
pub(crate) fn password() -> String {
    random() + &random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_with_the_prefix_are_accepted() {
        for name in ["masthead_dev", "masthead_test_00ff"] {
            assert_eq!(check(name).unwrap(), name);
        }
        let long = format!("masthead_{}", "x".repeat(60));
        for name in [
            "",
            "postgres",
            "masthead",
            "masthead_",
            "Masthead_dev",
            "xmasthead_dev",
            "masthead_a;drop database x",
            "masthead_a\"b",
            "masthead_ä",
            &long,
        ] {
            assert!(matches!(check(name), Err(Error::NameRefused(_))), "{name}");
        }
    }

    #[test]
    fn hash_is_stable() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
