//! Names of databases that may be ours, and the hash that other names are made of.

use crate::Error;

/// What the name of every database begins with that is created, used or dropped here.
pub const PREFIX: &str = "masthead_";

/// Postgres cuts longer identifiers.
const LONGEST: usize = 63;

/// Passes a database name that is ours; it then needs no quoting in SQL, in a URL, or on a command line.
///
/// # Errors
/// [`Error::NameRefused`] for every other name.
pub(crate) fn ours(name: &str) -> Result<&str, Error> {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let plain = rest
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if rest.is_empty() || !plain || name.len() > LONGEST {
        return Err(Error::NameRefused(name.to_owned()));
    }
    Ok(name)
}

/// FNV-1a, 64 bits: unlike std's hashers it gives the same answer in every process and version, which names need.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sixteen hexadecimal digits that nobody else has: std seeds its hashers from the system's randomness.
pub(crate) fn random() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_the_prefix_are_ours() {
        assert_eq!(ours("masthead_dev").unwrap(), "masthead_dev");
        assert_eq!(ours("masthead_test_00ff").unwrap(), "masthead_test_00ff");
    }

    #[test]
    fn every_other_name_is_refused() {
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
            assert!(matches!(ours(name), Err(Error::NameRefused(_))), "{name}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn random_names_differ() {
        assert_ne!(random(), random());
    }
}
