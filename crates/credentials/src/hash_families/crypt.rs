//! crypt(3) of Unix: `$5$` and `$6$` (SHA-crypt) and `$1$` (MD5).

use masthead_ports::passwords::PasswordHashError;
use sha_crypt::Params;

use super::{
    encoding::{cost, is_crypt_text, is_equal, number, push_crypt},
    md5_crypt::md5_crypt,
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::secrets::MissingSecretError;

const MAX_ROUNDS: u32 = 1_000_000;
const DEFAULT_ROUNDS: u32 = Params::RECOMMENDED_ROUNDS;

#[derive(Debug, Clone, Copy)]
enum Method {
    Md5,
    Sha256(Params),
    Sha512(Params),
}

struct CryptHash {
    method: Method,
    salt: Box<str>,
    hash: Box<str>,
    canonical: String,
}

/// The prefixes of crypt(3), and those of Ory Kratos.
const PREFIXES: [(&str, &str); 6] = [
    ("$1$", "$1$"),
    ("$5$", "$5$"),
    ("$6$", "$6$"),
    ("$md5-crypt$", "$1$"),
    ("$sha256-crypt$", "$5$"),
    ("$sha512-crypt$", "$6$"),
];

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    let found = PREFIXES
        .iter()
        .find_map(|(prefix, own)| Some((*own, text.strip_prefix(prefix)?)));
    found.map(|(prefix, rest)| boxed(read(prefix, rest)))
}

fn read(prefix: &str, rest: &str) -> Result<CryptHash, PasswordHashError> {
    let (rounds, salt, hash) = match rest.split('$').collect::<Vec<_>>()[..] {
        [salt, hash] => (None, salt, hash),
        [rounds, salt, hash] if prefix != "$1$" => (rounds.strip_prefix("rounds="), salt, hash),
        _ => return Err(PasswordHashError::Malformed),
    };
    let has_rounds = rest.split('$').count() == 3;
    let rounds = match rounds {
        Some(rounds) => cost(number(rounds), MAX_ROUNDS)?,
        None if has_rounds => return Err(PasswordHashError::Malformed),
        None => DEFAULT_ROUNDS,
    };
    let params = Params::new(rounds).map_err(|_| PasswordHashError::Malformed)?;
    let (method, salt_chars, hash_chars) = match prefix {
        "$1$" => (Method::Md5, 8, 22),
        "$5$" => (Method::Sha256(params), 16, 43),
        _ => (Method::Sha512(params), 16, 86),
    };
    if salt.len() > salt_chars || hash.len() != hash_chars || !is_crypt_text(hash) {
        return Err(PasswordHashError::Malformed);
    }
    Ok(CryptHash {
        method,
        salt: salt.into(),
        hash: hash.into(),
        canonical: format!("{prefix}{rest}"),
    })
}

/// The order in which the bytes of SHA-crypt are written: three a third apart, rotated at each step.
fn sha256_text(hash: &[u8; 32]) -> String {
    let (mut a, mut b, mut c) = (0, 10, 20);
    let mut text = String::with_capacity(43);
    for _ in 0..10 {
        push_crypt(&mut text, u32::from_be_bytes([0, hash[a], hash[b], hash[c]]), 4);
        (a, b, c) = (c + 1, a + 1, b + 1);
    }
    push_crypt(&mut text, u32::from_be_bytes([0, 0, hash[31], hash[30]]), 3);
    text
}

fn sha512_text(hash: &[u8; 64]) -> String {
    let (mut a, mut b, mut c) = (0, 21, 42);
    let mut text = String::with_capacity(86);
    for _ in 0..21 {
        push_crypt(&mut text, u32::from_be_bytes([0, hash[a], hash[b], hash[c]]), 4);
        (a, b, c) = (b + 1, c + 1, a + 1);
    }
    push_crypt(&mut text, hash[63].into(), 2);
    text
}

impl ParsedHash for CryptHash {
    fn family(&self) -> &'static str {
        match self.method {
            Method::Md5 => "md5-crypt",
            Method::Sha256(_) => "sha256-crypt",
            Method::Sha512(_) => "sha512-crypt",
        }
    }

    fn canonical(&self) -> String {
        self.canonical.clone()
    }

    fn matches(&self, password: &[u8], _: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let salt = self.salt.as_bytes();
        let computed = match self.method {
            Method::Md5 => md5_crypt(password, salt),
            Method::Sha256(params) => sha256_text(&sha_crypt::sha256_crypt(password, salt, params)),
            Method::Sha512(params) => sha512_text(&sha_crypt::sha512_crypt(password, salt, params)),
        };
        Ok(is_equal(computed.as_bytes(), self.hash.as_bytes()))
    }
}
