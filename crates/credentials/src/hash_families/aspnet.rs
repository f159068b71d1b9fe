//! ASP.NET Core Identity: the base64 of a blob, versions 2 and 3; it becomes PBKDF2.

use masthead_ports::passwords::PasswordHashError;

use super::{
    digest::Digest,
    encoding::from_base64,
    parsed::{ParseResult, boxed},
    pbkdf2::Pbkdf2Hash,
};

/// The number of iterations in version 2.
const VERSION_2_ITERATIONS: u64 = 1000;

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let blob = from_base64(text)?;
    let (version, rest) = blob.split_first()?;
    match version {
        0 if blob.len() == 49 => {
            let (salt, hash) = rest.split_at(16);
            let (salt, hash) = (Some(salt.to_owned()), Some(hash.to_owned()));
            Some(boxed(Pbkdf2Hash::new(
                Digest::Sha1,
                Some(VERSION_2_ITERATIONS),
                salt,
                hash,
            )))
        }
        1 if blob.len() > 13 => Some(boxed(version_3(rest))),
        _ => None,
    }
}

/// The pseudo-random function, the iterations and the length of the salt, 32 bits each; then salt and hash.
fn version_3(rest: &[u8]) -> Result<Pbkdf2Hash, PasswordHashError> {
    let (numbers, rest) = rest
        .as_chunks::<4>()
        .0
        .split_at_checked(3)
        .map_or((&[][..], &[][..]), |(n, _)| (n, &rest[12..]));
    let &[function, iterations, salt_length] = numbers else {
        return Err(PasswordHashError::Malformed);
    };
    let digest = match u32::from_be_bytes(function) {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return Err(PasswordHashError::Unknown),
    };
    let salt_length = u32::from_be_bytes(salt_length) as usize;
    let (salt, hash) = rest.split_at_checked(salt_length).ok_or(PasswordHashError::Malformed)?;
    let iterations = u32::from_be_bytes(iterations).into();
    Pbkdf2Hash::new(digest, Some(iterations), Some(salt.into()), Some(hash.into()))
}
