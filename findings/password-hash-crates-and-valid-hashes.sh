#!/usr/bin/env bash
# Software: crates argon2 0.6.0, pbkdf2 0.13.0 (feature phc) and sha-crypt 0.6.0; PyPI argon2-cffi 25.1.0 for comparison.
# Which hashes of the password "heron" that other software made are verified. The strings are of argon2-cffi, of Python's hashlib and of
# crypt(3) of glibc.
#
# Guess: all of them. An Argon2 string without `v=` is version 16 (the PHC string format and libargon2 say so); a PBKDF2 string without
# `l=` has the length of its hash; crypt(3) takes a salt of no characters.
#
# Seen:
#   argon2: without `v=` the hash is computed as version 19, so the right password is PasswordInvalid, as a wrong one is.
#   pbkdf2: without `l=` only a hash of 32 bytes is taken; others are OutputSize.
#   sha-crypt: an empty salt, and one with `-` or `_`, is EncodingInvalid; one with `=` is taken.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet argon2-cffi==25.1.0
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
argon2 = "=0.6.0"
pbkdf2 = { version = "=0.13.0", features = ["phc"] }
sha-crypt = "=0.6.0"
TOML
cat > src/main.rs <<'RS'
use argon2::{Argon2, PasswordVerifier};
use pbkdf2::{Pbkdf2, password_hash::phc::PasswordHash};
use sha_crypt::ShaCrypt;

fn main() {
    for text in [
        "$argon2i$v=16$m=64,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$77sXNUP3FZ0a5678NWUM2wtCng4jQxmeUf7n+uFv434",
        "$argon2i$m=64,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$77sXNUP3FZ0a5678NWUM2wtCng4jQxmeUf7n+uFv434",
        "$pbkdf2-sha256$i=1000$c3Nzc3Nzc3Nzc3Nzc3Nzcw$rLzeLc4wh8DJkvTiGLnr8ag366tAcAgsjAFaaPXtLok",
        "$pbkdf2-sha256$i=1000,l=20$c3Nzc3Nzc3Nzc3Nzc3Nzcw$rLzeLc4wh8DJkvTiGLnr8ag366s",
        "$pbkdf2-sha256$i=1000$c3Nzc3Nzc3Nzc3Nzc3Nzcw$rLzeLc4wh8DJkvTiGLnr8ag366s",
        "$5$ab$ZF.gPCEmonuzUq.drumsHg4dK0PTAOPZqyGKZmch/e2",
        "$5$$.VU726s7JJf7apG9j.C92BtTiyWAM4zmYp/fhSqPsX2",
        "$6$ab=c$xmuIfafp4ttIt1vzbqJuKc9zfRCTkaUto9kRG80WECEDmy/468hfRGqHz5Czz0L7QdEQ33/.tNbe7f67YjjIx0",
        "$6$a-b_c$1xdNZpIi6JLtXdSKcVENYLqABYBegAO7bPqE1AQLbo6TteETaIdEYJij6cKCVIuy98OKl6fVwHSSRwVmT648J1",
    ] {
        let phc = || PasswordHash::new(text).unwrap();
        let seen = if text.starts_with("$argon2") {
            Argon2::default().verify_password(b"heron", &phc())
        } else if text.starts_with("$pbkdf2") {
            Pbkdf2::default().verify_password(b"heron", &phc())
        } else {
            PasswordVerifier::<str>::verify_password(&ShaCrypt::default(), b"heron", text)
        };
        println!("{} {seen:?}", text.rsplit_once('$').unwrap().0);
    }
}
RS
cat > other.py <<'PY'
from argon2.low_level import Type, verify_secret
old = b"$argon2i$m=64,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$77sXNUP3FZ0a5678NWUM2wtCng4jQxmeUf7n+uFv434"
print("argon2-cffi without v=", verify_secret(old, b"heron", Type.I))
PY
cat > expected <<'TXT'
$argon2i$v=16$m=64,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw Ok(())
$argon2i$m=64,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw Err(PasswordInvalid)
$pbkdf2-sha256$i=1000$c3Nzc3Nzc3Nzc3Nzc3Nzcw Ok(())
$pbkdf2-sha256$i=1000,l=20$c3Nzc3Nzc3Nzc3Nzc3Nzcw Ok(())
$pbkdf2-sha256$i=1000$c3Nzc3Nzc3Nzc3Nzc3Nzcw Err(OutputSize)
$5$ab Ok(())
$5$ Err(EncodingInvalid)
$6$ab=c Ok(())
$6$a-b_c Err(EncodingInvalid)
argon2-cffi without v= True
TXT
{ cargo run --quiet; venv/bin/python other.py; } | tee seen
diff expected seen
