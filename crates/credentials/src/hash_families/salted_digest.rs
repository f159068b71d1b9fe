//! Digests over a template: `$sha256$[i=…,]pf=<template in base64>$salt$hash`, `$md5$hash` without a salt (both as in Ory
//! Kratos), and the bare MD5 of old WordPress.

use masthead_ports::passwords::PasswordHashError;

use super::{
    digest::Digest,
    encoding::{Parameters, cost, from_base64, from_hex, is_equal, to_padded_base64},
    parsed::{MatchContext, ParseResult, ParsedHash, boxed},
};
use crate::{
    forms::Origin,
    secrets::{MissingSecretError, PEPPER},
};

const MAX_ITERATIONS: u32 = 1_000_000;

/// A digest's name, as in the text.
const DIGESTS: [(&str, Digest); 4] = [
    ("$md5$", Digest::Md5),
    ("$sha1$", Digest::Sha1),
    ("$sha256$", Digest::Sha256),
    ("$sha512$", Digest::Sha512),
];

/// A part of the text that is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Salt,
    Password,
    Pepper,
}

const PLACES: [(&str, Part); 3] = [
    ("{SALT}", Part::Salt),
    ("{PASSWORD}", Part::Password),
    ("{PEPPER}", Part::Pepper),
];

struct DigestHash {
    name: &'static str,
    digest: Digest,
    iterations: u32,
    template: Box<str>,
    parts: Vec<Part>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<ParseResult> {
    if let Some(hash) = from_hex(text).filter(|hash| hash.len() == Digest::Md5.len()) {
        return Some(boxed(hash_of(
            DIGESTS[0],
            1,
            "{PASSWORD}",
            Some(Vec::new()),
            Some(hash),
        )));
    }
    let named = DIGESTS
        .iter()
        .find_map(|digest| Some((*digest, text.strip_prefix(digest.0)?)));
    named.map(|(digest, rest)| boxed(read(digest, rest)))
}

fn read(digest: (&'static str, Digest), rest: &str) -> Result<DigestHash, PasswordHashError> {
    match rest.split('$').collect::<Vec<_>>()[..] {
        [hash] => hash_of(digest, 1, "{PASSWORD}", Some(Vec::new()), from_base64(hash)),
        [parameters, salt, hash] => {
            let parameters = Parameters::parse(parameters, &["i", "pf"])?;
            let iterations = match parameters.text("i") {
                None => 1,
                Some(_) => cost(parameters.number("i"), MAX_ITERATIONS)?,
            };
            let template = parameters.text("pf").and_then(from_base64);
            let template = template.and_then(|template| String::from_utf8(template).ok());
            let template = template.ok_or(PasswordHashError::Malformed)?;
            hash_of(digest, iterations, &template, from_base64(salt), from_base64(hash))
        }
        _ => Err(PasswordHashError::Malformed),
    }
}

fn hash_of(
    (name, digest): (&'static str, Digest),
    iterations: u32,
    template: &str,
    salt: Option<Vec<u8>>,
    hash: Option<Vec<u8>>,
) -> Result<DigestHash, PasswordHashError> {
    let parts = split_template(template);
    let hash = hash.filter(|hash| hash.len() == digest.len() && parts.contains(&Part::Password));
    match (salt, hash) {
        (Some(salt), Some(hash)) => Ok(DigestHash {
            name,
            digest,
            iterations,
            template: template.into(),
            parts,
            salt,
            hash,
        }),
        _ => Err(PasswordHashError::Malformed),
    }
}

/// Splits at the places once, so that a password that contains `{SALT}` is not replaced again.
fn split_template(mut template: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    loop {
        let places = PLACES
            .iter()
            .filter_map(|(name, part)| Some((template.find(name)?, *name, part)));
        let Some((at, name, part)) = places.min_by_key(|(at, ..)| *at) else {
            parts.push(Part::Literal(template.into()));
            return parts;
        };
        parts.extend([Part::Literal(template[..at].into()), part.clone()]);
        template = &template[at + name.len()..];
    }
}

impl DigestHash {
    /// A bare digest, of which there is no more than the hash.
    fn is_bare(&self) -> bool {
        self.salt.is_empty() && self.iterations == 1 && &*self.template == "{PASSWORD}"
    }
}

impl ParsedHash for DigestHash {
    fn family(&self) -> &'static str {
        self.name.trim_matches('$')
    }

    fn canonical(&self) -> String {
        let hash = to_padded_base64(&self.hash);
        if self.is_bare() {
            return format!("{}{hash}", self.name);
        }
        let iterations = match self.iterations {
            1 => String::new(),
            iterations => format!("i={iterations},"),
        };
        let template = to_padded_base64(self.template.as_bytes());
        format!(
            "{}{iterations}pf={template}${}${hash}",
            self.name,
            to_padded_base64(&self.salt)
        )
    }

    fn matches(&self, password: &[u8], cx: &mut MatchContext<'_>) -> Result<bool, MissingSecretError> {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(match part {
                Part::Literal(text) => text.as_bytes(),
                Part::Salt => &self.salt,
                Part::Password => password,
                Part::Pepper => cx.secrets.pepper.as_ref().ok_or(MissingSecretError(PEPPER))?,
            });
        }
        let mut computed = self.digest.of(&parts);
        for _ in 1..self.iterations {
            computed = self.digest.of(&[&computed]);
        }
        Ok(is_equal(&computed, &self.hash))
    }

    fn needs_secrets(&self) -> bool {
        self.parts.contains(&Part::Pepper)
    }

    fn origin(&self) -> Origin {
        if self.is_bare() && self.digest == Digest::Md5 {
            Origin::WordPress
        } else {
            Origin::Other
        }
    }
}
