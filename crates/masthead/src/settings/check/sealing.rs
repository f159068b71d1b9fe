//! Checks the raw settings of `[sealing]`.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::settings::{checker::Checker, model::SealingSettings, raw::RawSealing, secret::SecretText};

/// The length of a sealing key: AES-256-SIV takes two AES keys (RFC 5297 §2.2).
const SEALING_KEY_BYTES: usize = 64;

pub(in crate::settings) fn sealing(raw: &RawSealing, c: &mut Checker<'_>) -> Option<SealingSettings> {
    let mut keys = BTreeMap::new();
    let mut all_good = true;
    for (name, text) in raw.keys.iter().filter(|(_, text)| !text.is_empty()) {
        match sealing_key(name, text, c) {
            Some((id, _)) if keys.contains_key(&id) => {
                c.errors.add(&format!("sealing.keys.{name}"), "is repeated");
                all_good = false;
            }
            Some((id, key)) => {
                keys.insert(id, key);
            }
            None => all_good = false,
        }
    }
    // Names of environment variables are upper case.
    let current = raw.current.to_ascii_lowercase();
    if current.is_empty() {
        c.errors.add("sealing.current", "must be given");
        all_good = false;
    } else if all_good && !keys.contains_key(&current) {
        c.errors.add("sealing.current", "must be the id of one of sealing.keys");
        all_good = false;
    }
    let publish = match raw.publish.to_ascii_lowercase() {
        unset if unset.is_empty() => current.clone(),
        publish => publish,
    };
    if all_good && !keys.contains_key(&publish) {
        c.errors
            .add("sealing.publish", "must be empty or the id of one of sealing.keys");
        all_good = false;
    }
    all_good.then_some(SealingSettings { current, publish, keys })
}

fn sealing_key(name: &str, text: &str, c: &mut Checker<'_>) -> Option<(String, SecretText)> {
    let key = format!("sealing.keys.{name}");
    let (id, secret) = match name.strip_suffix("_file") {
        Some(id) => (id, c.secret(&format!("sealing.keys.{id}"), "", text)),
        None => (name, c.secret(&key, text, "")),
    };
    let id = id.to_ascii_lowercase();
    let good_id = (1..=16).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !good_id {
        c.errors.add(&key, "the id of a key must be 1 to 16 of a-z and 0-9");
    }
    // `openssl rand -base64 64` wraps its output.
    let text: String = secret??.reveal().split_whitespace().collect();
    let good = BASE64_STANDARD
        .decode(&text)
        .is_ok_and(|bytes| bytes.len() == SEALING_KEY_BYTES);
    if !good {
        c.errors.add(
            &key,
            "must be the base64 of 64 bytes (create one with: openssl rand -base64 64)",
        );
    }
    (good && good_id).then(|| (id, SecretText::new(&text)))
}
