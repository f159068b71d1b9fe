//! Bounds of memory: rows that are too long, and compressed data that expands too far. The limits of the tests are small.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use masthead_imports::{ImportFile, ReadOptions, check_compression};
use serde_json::json;

use crate::support::{Repeated, Zipped, gzip, mapped, mapped_by, read, zip, zstd};

fn limited(max_row_bytes: usize) -> ReadOptions {
    ReadOptions {
        max_row_bytes,
        ..ReadOptions::default()
    }
}

fn bounded(max_ratio: u64) -> ReadOptions {
    ReadOptions {
        max_ratio,
        ratio_free_bytes: 4096,
        ..ReadOptions::default()
    }
}

/// The codes, or the ids, of the rows of a file.
fn outcomes(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Vec<String> {
    let rows = mapped(bytes, options).into_iter();
    rows.map(|row| row["id"].as_str().or(row["code"].as_str()).unwrap().to_owned())
        .collect()
}

#[test]
fn long_row_is_rejected_and_the_next_is_read() {
    let long = "x".repeat(3000);
    let ldif = |id: &str, name: &str| format!("dn: uid={id}\nobjectClass: person\nuid: {id}\nsn: {name}\n\n");
    let flow = |id: &str, name: &str| format!("{id},{name},TRUE\n");
    let lines = |id: &str, name: &str| format!("{{\"customerRegistrationId\":\"{id}\",\"lastName\":\"{name}\"}}\n");
    for text in [
        format!("{}{}{}", lines("1", "a"), lines("2", &long), lines("3", "c")),
        format!("[{},{},{}]", lines("1", "a"), lines("2", &long), lines("3", "c")),
        format!("customerRegistrationId,lastName\n1,a\n2,\"{long}\"\n3,c\n"),
        format!("{}{}{}", ldif("1", "a"), ldif("2", &long), ldif("3", "c")),
        format!(
            "UID,profile.lastName,isVerified\n{}{}{}",
            flow("1", "a"),
            flow("2", &long),
            flow("3", "c")
        ),
    ] {
        let rows = mapped(&text, &limited(1024));
        assert_eq!(rows[1]["reason"], json!("longer than 1024 bytes"), "{rows:?}");
        assert_eq!(outcomes(&text, &limited(1024)), ["1", "too_long", "3"]);
        assert_eq!(outcomes(&text, &limited(4096)), ["1", "2", "3"]);
        let original = json!(read(&text, &limited(1024))[1].0.original());
        assert!(original.as_str().unwrap().len() <= 1024);
    }
}

/// A quote that is not closed makes the rest of the file one row: bounded, and rejected.
#[test]
fn unclosed_quote_is_bounded() {
    let text = format!("customerRegistrationId,lastName\n1,a\n2,\"b\n{}", "3,c\n".repeat(5000));
    assert_eq!(outcomes(text, &limited(1024)), ["1", "too_long"]);
}

#[test]
fn too_many_cells_are_bounded() {
    let text = format!("customerRegistrationId,lastName\n1,a\n2{}\n3,c\n", ",".repeat(10_000));
    assert_eq!(outcomes(text, &ReadOptions::default()), ["1", "too_long", "3"]);
}

/// A row of 100 MB, as it comes: nothing keeps it.
#[test]
fn row_of_100_mb_is_passed_over() {
    let reader = Repeated {
        start: b"{\"customerRegistrationId\":\"1\"}\n{\"customerRegistrationId\":\"2\",\"lastName\":\"",
        part: &[b'x'; 8192],
        times: 100_000_000 / 8192,
        end: b"\"}\n{\"customerRegistrationId\":\"3\"}\n",
    };
    let mut file = ImportFile::open(reader.into_reader(), &ReadOptions::default()).unwrap();
    let mut lengths = Vec::new();
    while let Some(row) = file.next_row().unwrap() {
        lengths.push((row.line, row.bytes(), row.unreadable().map(|reason| reason.code.name())));
    }
    assert_eq!(lengths, [(1, 30, None), (2, 1024, Some("too_long")), (3, 30, None)]);
}

#[test]
fn expansion_is_bounded() {
    let text = format!(
        "customerRegistrationId,lastName\n{}",
        "1,aaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(4000)
    );
    for bytes in [
        gzip(&text),
        zstd(&text),
        zip(&[("users.csv", text.as_bytes())], Zipped::Deflated),
        gzip(gzip(&text)),
    ] {
        let ratio = text.len() / bytes.len();
        assert!(ratio > 10, "{ratio}");
        let message = "the compressed data expands to more than 5 times its size";
        let checked = |options: &ReadOptions| check_compression(Box::new(Cursor::new(bytes.clone())), options);
        assert_eq!(checked(&bounded(5)).unwrap_err().to_string(), message);
        checked(&bounded(1000)).unwrap();
        checked(&ReadOptions::default()).unwrap();
        let opened = ImportFile::open(Box::new(Cursor::new(bytes.clone())), &bounded(5));
        let error = opened.map(|mut file| {
            loop {
                match file.next_row() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no error"),
                    Err(error) => break error.to_string(),
                }
            }
        });
        assert_eq!(error.unwrap_or_else(|error| error.to_string()), message);
    }
}

/// Bytes of one file count together: many members that are each within the bound are not.
#[test]
fn expansion_counts_over_all_members() {
    let text = format!(
        "customerRegistrationId,lastName\n{}",
        "1,aaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(100)
    );
    let names: Vec<String> = (0..20).map(|number| format!("{number}.csv")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, text.as_bytes())).collect();
    let archive = zip(&members, Zipped::Deflated);
    let check = |bytes: Vec<u8>| check_compression(Box::new(Cursor::new(bytes)), &bounded(5)).is_err();
    assert!(check(archive));
    assert!(!check(zip(&members[..1], Zipped::Deflated)));
}

#[test]
fn expansion_of_what_is_passed_over_counts() {
    let zeros = vec![0; 100_000];
    let archive = zip(
        &[("photo.bin", &zeros), ("users.csv", b"customerRegistrationId\n1\n")],
        Zipped::Deflated,
    );
    let opened = ImportFile::open(Box::new(Cursor::new(archive.clone())), &bounded(5));
    let message = "the compressed data expands to more than 5 times its size";
    assert_eq!(opened.map(|_| ()).unwrap_err().to_string(), message);
    assert_eq!(outcomes(archive, &ReadOptions::default()), ["1"]);
}

#[test]
fn third_layer_of_compression_is_refused() {
    let bytes = gzip(gzip(gzip("x")));
    let refused = check_compression(Box::new(Cursor::new(bytes)), &ReadOptions::default()).unwrap_err();
    assert_eq!(refused.to_string(), "compressed more than twice");
}

/// The default ratio leaves room for real exports, which compress well.
#[test]
fn equal_rows_of_an_export_are_within_the_default_ratio() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let row = r#"{"customerRegistrationId":"0000000","email":"reader@example.com","verified":true,"metadata":{"city":"Oslo"}}"#;
    for number in 0..2000 {
        writeln!(encoder, "{}", row.replace("0000000", &format!("{number:07}"))).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    let options = ReadOptions {
        ratio_free_bytes: 0,
        ..ReadOptions::default()
    };
    assert_eq!(mapped(bytes, &options).len(), 2000);
}

#[test]
fn deep_nesting_is_rejected() {
    let deep = format!(
        "{{\"id\":\"1\",\"meta\":{}1{}}}\n{{\"id\":\"2\"}}\n",
        "[".repeat(500),
        "]".repeat(500)
    );
    let mapping = mapped_by("name = \"x\"\ntitle = \"x\"\nformats = [\"ndjson\"]\n[fields]\nid = [\"id\"]\n");
    assert_eq!(outcomes(deep, &mapping), ["malformed", "2"]);
}
