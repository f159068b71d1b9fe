//! Argon2 in PHC strings: `$argon2id$v=19$m=…,t=…,p=…[,keyid=…]$salt$hash` (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use masthead_ports::passwords::PasswordHashError;

use super::{
    encoding::{Parameters, cost, from_base64, is_equal, to_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::{
    cost::Argon2Cost,
    forms::Origin,
    memory::Argon2Memory,
    secrets::{MissingSecretError, PEPPER},
};

const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ITERATIONS: u32 = 10;
const MAX_PARALLELISM: u32 = 16;
/// The length of new hashes, in bytes.
const HASH_BYTES: usize = 32;

struct Argon2Hash {
    variant: Variant,
    /// A name of the key with which the hash was made; it marks that there is one.
    key_id: Option<Box<str>>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    text.strip_prefix("$argon2").map(|rest| boxed(read(rest)))
}

fn read(rest: &str) -> Result<Argon2Hash, PasswordHashError> {
    let parts: Vec<&str> = rest.split('$').collect();
    // Version 16 of Argon2 wrote no version.
    let (kind, version, parameters, salt, hash) = match parts[..] {
        [kind, version, parameters, salt, hash] => (kind, version, parameters, salt, hash),
        [kind, parameters, salt, hash] => (kind, "v=16", parameters, salt, hash),
        _ => return Err(PasswordHashError::Malformed),
    };
    let algorithm = match kind {
        "id" => Algorithm::Argon2id,
        "i" => Algorithm::Argon2i,
        "d" => Algorithm::Argon2d,
        _ => return Err(PasswordHashError::Unknown),
    };
    let version = match version {
        "v=19" => Version::V0x13,
        "v=16" => Version::V0x10,
        _ => return Err(PasswordHashError::Malformed),
    };
    let parameters = Parameters::parse(parameters, &["m", "t", "p", "keyid"])?;
    let cost = Argon2Cost {
        memory_kib: cost(parameters.number("m"), MAX_MEMORY_KIB)?,
        iterations: cost(parameters.number("t"), MAX_ITERATIONS)?,
        parallelism: cost(parameters.number("p"), MAX_PARALLELISM)?,
    };
    let salt = from_base64(salt).filter(|salt| (argon2::MIN_SALT_LEN..=64).contains(&salt.len()));
    let hash = from_base64(hash).filter(|hash| (16..=64).contains(&hash.len()));
    match (salt, hash) {
        (Some(salt), Some(hash)) if cost.memory_kib >= 8 * cost.parallelism => Ok(Argon2Hash {
            variant: Variant {
                algorithm,
                version,
                cost,
            },
            key_id: parameters.text("keyid").map(Into::into),
            salt,
            hash,
        }),
        _ => Err(PasswordHashError::Malformed),
    }
}

impl ParsedHash for Argon2Hash {
    fn family(&self) -> &'static str {
        "argon2"
    }

    fn canonical(&self) -> String {
        let Argon2Cost {
            memory_kib,
            iterations,
            parallelism,
        } = self.variant.cost;
        let key_id = self
            .key_id
            .as_ref()
            .map_or_else(String::new, |id| format!(",keyid={id}"));
        format!(
            "${}$v={}$m={memory_kib},t={iterations},p={parallelism}{key_id}${}${}",
            self.variant.algorithm.as_str(),
            u32::from(self.variant.version),
            to_base64(&self.salt),
            to_base64(&self.hash),
        )
    }

    fn matches(&self, password: &[u8], cx: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let pepper = match &self.key_id {
            None => &[],
            Some(_) => cx.secrets.pepper.as_ref().ok_or(MissingSecretError(PEPPER))?.as_slice(),
        };
        let mut computed = vec![0; self.hash.len()];
        let made = self
            .variant
            .hash_into(pepper, password, &self.salt, cx.memory, &mut computed);
        Ok(made.is_some() && is_equal(&computed, &self.hash))
    }

    fn needs_secrets(&self) -> bool {
        self.key_id.is_some()
    }

    fn memory_kib(&self) -> u32 {
        self.variant.cost.memory_kib
    }

    fn origin(&self) -> Origin {
        if self.is_current(self.variant.cost) {
            Origin::Own
        } else {
            Origin::Other
        }
    }

    fn is_current(&self, cost: Argon2Cost) -> bool {
        matches!(
            (self.variant.algorithm, self.variant.version),
            (Algorithm::Argon2id, Version::V0x13)
        ) && self.key_id.is_none()
            && self.hash.len() == HASH_BYTES
            && self.variant.cost == cost
    }
}

/// Computes Argon2id; `None` when the parameters or the salt are out of the algorithm's range.
pub(crate) fn compute(
    password: &[u8],
    salt: &[u8],
    cost: Argon2Cost,
    memory: &mut Argon2Memory,
) -> Option<[u8; HASH_BYTES]> {
    let mut hash = [0; HASH_BYTES];
    Variant::current(cost).hash_into(&[], password, salt, memory, &mut hash)?;
    Some(hash)
}

/// Makes a new hash; `None` as in [`compute`].
pub(crate) fn create(password: &[u8], salt: &[u8], cost: Argon2Cost, memory: &mut Argon2Memory) -> Option<String> {
    let made = Argon2Hash {
        variant: Variant::current(cost),
        key_id: None,
        salt: salt.to_owned(),
        hash: compute(password, salt, cost, memory)?.to_vec(),
    };
    Some(made.canonical())
}

/// An algorithm with its cost.
#[derive(Debug, Clone, Copy)]
struct Variant {
    algorithm: Algorithm,
    version: Version,
    cost: Argon2Cost,
}

impl Variant {
    /// That of new hashes.
    const fn current(cost: Argon2Cost) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            cost,
        }
    }

    fn hash_into(
        self,
        pepper: &[u8],
        password: &[u8],
        salt: &[u8],
        memory: &mut Argon2Memory,
        hash: &mut [u8],
    ) -> Option<()> {
        let Argon2Cost {
            memory_kib,
            iterations,
            parallelism,
        } = self.cost;
        let parameters = Params::new(memory_kib, iterations, parallelism, Some(hash.len())).ok()?;
        let blocks = memory.blocks(parameters.block_count());
        // An empty secret is the same as none (RFC 9106 section 3.1).
        let argon2 = Argon2::new_with_secret(pepper, self.algorithm, self.version, parameters).ok()?;
        argon2.hash_password_into_with_memory(password, salt, hash, blocks).ok()
    }
}
