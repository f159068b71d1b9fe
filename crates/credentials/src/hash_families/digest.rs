//! The digests that several families are made of.

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    /// The digest of the parts, one after another.
    pub(super) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Md5 => of::<Md5>(parts),
            Self::Sha1 => of::<Sha1>(parts),
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// The length of its result, in bytes.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

fn of<D: sha2::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().to_vec()
}
