//! The MD5 method of crypt(3), by Poul-Henning Kamp.

use md5::{Digest, Md5};

use super::encoding::push_crypt;

const ROUNDS: usize = 1000;

/// The 22 characters of the result.
pub(super) fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut outer = Md5::new().chain_update(password).chain_update("$1$").chain_update(salt);
    for start in (0..password.len()).step_by(16) {
        outer.update(&inner[..(password.len() - start).min(16)]);
    }
    // A flaw of the original, which counts: the first byte of the password, or a zero, for each bit of its length.
    let mut length = password.len();
    while length > 0 {
        outer.update(if length & 1 == 1 { &[0][..] } else { &password[..1] });
        length >>= 1;
    }
    let mut hash = outer.finalize();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        let is_odd = round % 2 == 1;
        if is_odd {
            next.update(password);
        } else {
            next.update(hash);
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if is_odd {
            next.update(hash);
        } else {
            next.update(password);
        }
        hash = next.finalize();
    }
    let mut text = String::with_capacity(22);
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push_crypt(&mut text, u32::from_be_bytes([0, hash[a], hash[b], hash[c]]), 4);
    }
    push_crypt(&mut text, hash[11].into(), 2);
    text
}
