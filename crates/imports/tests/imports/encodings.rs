//! Encodings, and bytes that are invalid in them.

use masthead_imports::ReadOptions;
use serde_json::json;

use crate::support::{mapped, named, read, refusal};

const HEADER: &str = "customerRegistrationId,firstName\r\n";

fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

fn expected() -> [serde_json::Value; 1] {
    [json!({"id": "1", "firstName": "\u{c5}se \u{1f426}", "verifiedMissing": true})]
}

#[test]
fn byte_order_marks_decide() {
    let text = format!("{HEADER}1,\u{c5}se \u{1f426}\r\n");
    let marked = format!("\u{feff}{text}");
    let options = ReadOptions::default();
    assert_eq!(mapped(&text, &options), expected());
    assert_eq!(mapped(&marked, &options), expected());
    assert_eq!(mapped(utf_16(&marked, u16::to_le_bytes), &options), expected());
    assert_eq!(mapped(utf_16(&marked, u16::to_be_bytes), &options), expected());
}

#[test]
fn named_encoding_is_decoded() {
    let options = ReadOptions {
        encoding: Some("windows-1252".into()),
        ..ReadOptions::default()
    };
    let bytes = [HEADER.as_bytes(), b"1,J\xf6rg \x80\r\n"].concat();
    assert_eq!(mapped(bytes, &options)[0]["firstName"], json!("J\u{f6}rg \u{20ac}"));
    // The mark of a file counts more than a wrong name.
    assert_eq!(
        mapped(format!("\u{feff}{HEADER}1,\u{c5}se \u{1f426}\r\n"), &options),
        expected()
    );
}

#[test]
fn unknown_encoding_is_refused() {
    let options = ReadOptions {
        encoding: Some("latin-99".into()),
        ..ReadOptions::default()
    };
    assert!(refusal(HEADER, &options).starts_with("encoding: unknown: latin-99"));
}

#[test]
fn invalid_bytes_reject_their_row_only() {
    let csv = [HEADER.as_bytes(), b"1,J\xf6rg\r\n2,Bo\r\n"].concat();
    let lines = b"{\"customerRegistrationId\":\"J\xf6rg\"}\n{\"customerRegistrationId\":\"2\",\"firstName\":\"Bo\"}\n";
    let list = [
        b"[".as_slice(),
        &lines
            .as_slice()
            .split(|byte| *byte == b'\n')
            .take(2)
            .collect::<Vec<_>>()
            .join(&b','),
        b"]",
    ]
    .concat();
    for bytes in [csv, lines.to_vec(), list] {
        let rows = mapped(&bytes, &ReadOptions::default());
        assert_eq!(rows[0]["code"], json!("malformed"));
        assert_eq!(
            rows[0]["reason"],
            json!("bytes that are not valid in the file's encoding")
        );
        assert_eq!(rows[1], json!({"id": "2", "firstName": "Bo", "verifiedMissing": true}));
    }
}

#[test]
fn broken_utf_16_rejects_its_row_only() {
    let mut bytes = utf_16(&format!("\u{feff}{HEADER}1,a"), u16::to_le_bytes);
    bytes.extend(0xd800_u16.to_le_bytes());
    bytes.extend(utf_16("b\r\n2,Bo\r\n", u16::to_le_bytes));
    let rows = mapped(bytes, &ReadOptions::default());
    assert_eq!(rows[0]["code"], json!("malformed"));
    assert_eq!(rows[1]["firstName"], json!("Bo"));
}

/// The bytes of two cells may be one character together.
#[test]
fn halves_of_a_character_in_two_cells_are_invalid() {
    let bytes = [HEADER.as_bytes(), b"1\xc3,\x85\r\n2,Bo\r\n"].concat();
    let rows = mapped(bytes, &named("masthead"));
    assert_eq!(rows[0]["code"], json!("malformed"));
    assert_eq!(rows[1]["id"], json!("2"));
}

#[test]
fn separators_and_quotes_are_found() {
    for separator in [',', ';', '\t'] {
        let text = format!(
            "customerRegistrationId{separator}firstName{separator}lastName\n1{separator}\"A{separator}\n\"\"b\"\"\"{separator}x\n2{separator}Bo{separator}y\n"
        );
        let rows = read(&text, &ReadOptions::default());
        let lines: Vec<u64> = rows.iter().map(|(row, _)| row.line).collect();
        assert_eq!(lines, [2, 4], "{separator:?}");
        let first = rows[0].1.as_ref().unwrap();
        assert_eq!(&*first.first_name, format!("A{separator}\n\"b\""));
    }
}

#[test]
fn lines_are_counted_with_crlf_and_blank_lines() {
    let text = "customerRegistrationId,firstName\r\n\r\n1,a\r\n2,\"b\r\nb\"\r\n\r\n3,c";
    let rows = read(text, &ReadOptions::default());
    let lines: Vec<u64> = rows.iter().map(|(row, _)| row.line).collect();
    assert_eq!(lines, [3, 4, 7]);
}
