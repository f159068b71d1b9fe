//! scrypt (RFC 7914): `$scrypt$ln=…,r=…,p=…$salt$hash`, and the form of Werkzeug.

use masthead_ports::passwords::PasswordHashError;
use scrypt::Params;

use super::{
    encoding::{Parameters, cost, from_base64, from_hex, is_equal, number, to_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::secrets::MissingSecretError;

const MAX_LOG_N: u32 = 17;
const MAX_R: u32 = 8;
const MAX_P: u32 = 10;

/// The cost parameters, within the bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScryptCost {
    /// The binary logarithm of N.
    pub(super) log_n: u8,
    pub(super) r: u32,
    pub(super) p: u32,
}

impl ScryptCost {
    /// # Errors
    /// A parameter is missing or out of bounds.
    pub(super) fn new(log_n: Option<u64>, r: Option<u64>, p: Option<u64>) -> Result<Self, PasswordHashError> {
        let log_n = cost(log_n, MAX_LOG_N)?;
        Ok(Self {
            log_n: u8::try_from(log_n).map_err(|_| PasswordHashError::TooCostly)?,
            r: cost(r, MAX_R)?,
            p: cost(p, MAX_P)?,
        })
    }

    /// Parses `ln=…,r=…,p=…`.
    pub(super) fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let parameters = Parameters::parse(text, &["ln", "r", "p"])?;
        // Ory Kratos writes N itself.
        let log_n = parameters
            .number("ln")
            .map(|n| if n >= 64 { log_of(n) } else { Some(n) });
        Self::new(log_n.flatten(), parameters.number("r"), parameters.number("p"))
    }

    pub(super) fn memory_kib(self) -> u32 {
        (self.r << self.log_n) / 8
    }

    /// Fills `key`; `false` when the algorithm refuses the parameters, which the bounds exclude.
    pub(super) fn derive(self, password: &[u8], salt: &[u8], key: &mut [u8]) -> bool {
        let parameters = Params::new(self.log_n, self.r, self.p);
        parameters.is_ok_and(|parameters| scrypt::scrypt(password, salt, &parameters, key).is_ok())
    }
}

impl std::fmt::Display for ScryptCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ln={},r={},p={}", self.log_n, self.r, self.p)
    }
}

/// The binary logarithm of a power of two.
pub(super) fn log_of(n: u64) -> Option<u64> {
    n.is_power_of_two().then(|| n.trailing_zeros().into())
}

struct ScryptHash {
    cost: ScryptCost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let read = if let Some(rest) = text.strip_prefix("$scrypt$") {
        phc(rest)
    } else {
        werkzeug(text.strip_prefix("scrypt:")?)
    };
    Some(boxed(read))
}

fn phc(rest: &str) -> Result<ScryptHash, PasswordHashError> {
    let [parameters, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    hash_of(ScryptCost::parse(parameters)?, from_base64(salt), from_base64(hash))
}

/// `N:r:p$salt$hash`; the salt is text and the hash hexadecimal.
fn werkzeug(rest: &str) -> Result<ScryptHash, PasswordHashError> {
    let [parameters, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    let [n, r, p] = parameters.split(':').collect::<Vec<_>>()[..] else {
        return Err(PasswordHashError::Malformed);
    };
    let cost = ScryptCost::new(number(n).and_then(log_of), number(r), number(p))?;
    hash_of(cost, Some(salt.into()), from_hex(hash))
}

fn hash_of(cost: ScryptCost, salt: Option<Vec<u8>>, hash: Option<Vec<u8>>) -> Result<ScryptHash, PasswordHashError> {
    let hash = hash.filter(|hash| (16..=64).contains(&hash.len()));
    match (salt, hash) {
        (Some(salt), Some(hash)) => Ok(ScryptHash { cost, salt, hash }),
        _ => Err(PasswordHashError::Malformed),
    }
}

impl ParsedHash for ScryptHash {
    fn family(&self) -> &'static str {
        "scrypt"
    }

    fn canonical(&self) -> String {
        format!(
            "$scrypt${}${}${}",
            self.cost,
            to_base64(&self.salt),
            to_base64(&self.hash)
        )
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let mut computed = vec![0; self.hash.len()];
        Ok(self.cost.derive(password, &self.salt, &mut computed) && is_equal(&computed, &self.hash))
    }

    fn memory_kib(&self) -> u32 {
        self.cost.memory_kib()
    }
}
