//! How bytes arrive has no effect, and no bytes make a reader panic.

use std::io::{Cursor, Read};

use masthead_imports::{ImportFile, ReadOptions};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{CONTEXT, Zipped, gzip, sample, shown, zip, zstd};

const SAMPLES: [&str; 19] = [
    "auth0-bulk-import.json",
    "auth0-export.csv",
    "auth0-export.ndjson",
    "auth0-password-export.ndjson",
    "braze-segment.ndjson",
    "cognito-import.csv",
    "cognito-list-users.json",
    "drupal.csv",
    "firebase.csv",
    "firebase.json",
    "fusionauth-import.json",
    "gigya-accounts.json",
    "gigya-dataflow.csv",
    "keycloak-north-users-0.json",
    "mailchimp-subscribed.csv",
    "okta-user.json",
    "people.ldif",
    "piano-user-search.json",
    "scim-list.json",
];

/// Hands out few bytes at a time.
struct Slow(Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// What becomes of a file: its rows, or the error at its end.
fn outcome(bytes: Vec<u8>, at_once: usize, options: &ReadOptions) -> Vec<Value> {
    let mut file = match ImportFile::open(Box::new(Slow(Cursor::new(bytes), at_once)), options) {
        Ok(file) => file,
        Err(error) => return vec![error.to_string().into()],
    };
    let mut rows = Vec::new();
    loop {
        match file.next_row() {
            Ok(Some(row)) => rows.push(match file.mapping().map(&row, &CONTEXT) {
                Ok(user) => shown(&user),
                Err(rejected) => format!("{} {}: {}", row.line, rejected.code, rejected.reason).into(),
            }),
            Ok(None) => return rows,
            Err(error) => {
                rows.push(error.to_string().into());
                return rows;
            }
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same_rows() {
    for name in SAMPLES {
        let bytes = sample(name);
        let expected = outcome(bytes.clone(), usize::MAX, &ReadOptions::default());
        for form in [
            bytes.clone(),
            gzip(&bytes),
            zstd(&bytes),
            zip(&[(name, &bytes)], Zipped::WithDescriptor),
        ] {
            for at_once in [1, 7] {
                let rows = outcome(form.clone(), at_once, &ReadOptions::default());
                assert_eq!(rows, expected, "{name}, {at_once} bytes at once");
            }
        }
    }
}

/// A sample with some bytes changed, and cut off.
fn damaged_sample() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        prop::sample::select(&SAMPLES),
        prop::collection::vec(change, 0..6),
        any::<prop::sample::Index>(),
        0..4_u8,
    )
        .prop_map(|(name, changes, end, form)| {
            let bytes = sample(name);
            let mut bytes = match form {
                0 => gzip(&bytes),
                1 => zstd(&bytes),
                2 => zip(&[(name, &bytes)], Zipped::Deflated),
                _ => bytes,
            };
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(end.index(bytes.len() * 2));
            bytes
        })
}

proptest! {
    #[test]
    fn damaged_files_end_with_an_error_or_rows(bytes in damaged_sample()) {
        let options = ReadOptions { max_row_bytes: 512, ..ReadOptions::default() };
        let whole = outcome(bytes.clone(), usize::MAX, &options);
        prop_assert_eq!(outcome(bytes, 3, &options), whole);
    }

    #[test]
    fn any_text_ends_with_an_error_or_rows(text in "[\\[\\]{}\",:;\t\r\n\\\\ a1\u{e9}]{0,200}", format in prop::sample::select(vec!["auth0", "firebase", "gigya-dataflow", "scim", "masthead"])) {
        let options = ReadOptions { max_row_bytes: 64, ..crate::support::named(format) };
        let whole = outcome(text.clone().into_bytes(), usize::MAX, &options);
        prop_assert_eq!(outcome(text.into_bytes(), 3, &options), whole);
    }
}
