//! Files that are refused, with what was seen and what was expected; and files whose rest cannot be read.

use masthead_imports::{ImportFile, Mapping, OpenFileError, ReadFileError, ReadOptions, check_compression};
use serde_json::{Value, json};

use crate::support::{Zipped, gzip, mapped, mapped_by, named, open, refusal, sample, zip, zstd};

const CSV: &str = "customerRegistrationId,firstName\n1,Ann\n2,Bo\n";

fn expected() -> [Value; 2] {
    [
        json!({"id": "1", "firstName": "Ann", "verifiedMissing": true}),
        json!({"id": "2", "firstName": "Bo", "verifiedMissing": true}),
    ]
}

fn check(bytes: &[u8]) -> Result<(), OpenFileError> {
    check_compression(Box::new(std::io::Cursor::new(bytes.to_vec())), &ReadOptions::default())
}

/// Reads a file to its end, or to the error.
fn read_all(file: &mut ImportFile) -> Result<usize, ReadFileError> {
    let mut rows = 0;
    while file.next_row()?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

/// Rows that do not fit into the part that is looked at.
fn long_csv() -> String {
    let rows = (0..20_000_u32).map(|number| format!("{number},{:08x}\n", number.wrapping_mul(2_654_435_761)));
    format!("customerRegistrationId,firstName\n{}", rows.collect::<String>())
}

#[test]
fn compression_is_seen_through() {
    let options = ReadOptions::default();
    let members: [(&str, &[u8]); 2] = [("folder/", b""), ("folder/users.csv", CSV.as_bytes())];
    for bytes in [
        gzip(CSV),
        [gzip(&CSV[..40]), gzip(&CSV[40..]), vec![0; 512]].concat(),
        zstd(CSV),
        [
            zstd(&CSV[..40]),
            b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc".to_vec(),
            zstd(&CSV[40..]),
        ]
        .concat(),
        zip(&members, Zipped::Stored),
        zip(&members, Zipped::Deflated),
        zip(&members, Zipped::WithDescriptor),
        zip(&[("users.csv.gz", &gzip(CSV))], Zipped::Stored),
        gzip(gzip(CSV)),
    ] {
        assert_eq!(mapped(&bytes, &options), expected());
        check(&bytes).unwrap();
    }
}

#[test]
fn other_members_of_an_archive_are_passed_over() {
    let other: &[u8] = b"customerRegistrationId\n3\n";
    let archive = zip(
        &[
            ("__MACOSX/users.csv", other),
            (".hidden.csv", other),
            ("read me.pdf", other),
            ("users.csv", CSV.as_bytes()),
            ("x.png", b""),
        ],
        Zipped::Deflated,
    );
    let mut file = open(&archive, &ReadOptions::default()).unwrap();
    assert_eq!(read_all(&mut file).unwrap(), 2);
    let names: Vec<&str> = file.passed_over().iter().map(|name| &**name).collect();
    assert_eq!(names, ["__MACOSX/users.csv", ".hidden.csv", "read me.pdf", "x.png"]);
}

#[test]
fn truncated_compression_is_found() {
    let text = long_csv();
    for (name, bytes) in [
        ("gzip", gzip(&text)),
        ("zstd", zstd(&text)),
        ("zip", zip(&[("users.csv", text.as_bytes())], Zipped::Deflated)),
        ("zip", zip(&[("users.csv", text.as_bytes())], Zipped::Stored)),
    ] {
        check(&bytes).unwrap();
        let cut = &bytes[..bytes.len() * 2 / 3];
        let message = format!("the {name} data is cut off: it ends before its end mark");
        assert_eq!(check(cut).unwrap_err().to_string(), message);
        // A decoder may keep all it has until its data is complete.
        let error = match open(cut, &ReadOptions::default()) {
            Ok(mut file) => read_all(&mut file).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(error, message);
        // A beginning of some bytes is refused at once.
        let start = refusal(&bytes[..8], &ReadOptions::default());
        assert!(start.contains(&message), "{start}");
    }
}

#[test]
fn damaged_compression_is_found() {
    let text = long_csv();
    for (name, mut bytes) in [
        ("gzip", gzip(&text)),
        ("zip", zip(&[("users.csv", text.as_bytes())], Zipped::Deflated)),
        ("zip", zip(&[("users.csv", text.as_bytes())], Zipped::Stored)),
        ("zip", zip(&[("users.csv", text.as_bytes())], Zipped::WithDescriptor)),
    ] {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        let refused = check(&bytes).unwrap_err().to_string();
        assert!(
            refused == format!("the {name} data is damaged")
                || refused == format!("the {name} data is cut off: it ends before its end mark"),
            "{refused}"
        );
    }
    let mut sum = gzip(CSV);
    let at = sum.len() - 6;
    sum[at] ^= 1;
    assert_eq!(check(&sum).unwrap_err().to_string(), "the gzip data is damaged");
}

#[test]
fn encrypted_archive_is_refused() {
    let mut archive = zip(&[("users.csv", CSV.as_bytes())], Zipped::Deflated);
    archive[6] |= 1;
    assert!(refusal(&archive, &ReadOptions::default()).contains("a member of the archive is encrypted"));
}

#[test]
fn binary_files_are_refused_with_what_was_seen() {
    for (bytes, seen) in [
        (b"%PDF-1.7\n%\xe2\xe3".as_slice(), "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
        (b"-----BEGIN PGP MESSAGE-----\n", "a PGP message"),
        (b"-- MySQL dump 10.13\nCREATE TABLE wp_users", "a dump of MySQL"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"<?xml version=\"1.0\"?>", "XML"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "binary data"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08", "binary data"),
        (b"i\0d\0,\0e\0m\0a\0i\0l\0\n\0", "UTF-16 without a byte order mark"),
    ] {
        let refused = refusal(bytes, &ReadOptions::default());
        assert!(refused.starts_with("seen: ") && refused.contains(seen), "{refused}");
        assert!(
            refused.contains("expected: text (CSV, JSON, NDJSON or LDIF)"),
            "{refused}"
        );
    }
    let office = zip(&[("[Content_Types].xml", b"<Types/>")], Zipped::Deflated);
    assert!(refusal(&office, &ReadOptions::default()).contains("an Office document: save it as CSV"));
    let photos = zip(&[("a.jpg", b"x")], Zipped::Stored);
    assert!(refusal(&photos, &ReadOptions::default()).contains("an archive without a file of rows"));
}

#[test]
fn empty_file_is_refused_unless_its_format_is_named() {
    for empty in ["", " \n\n"] {
        assert!(refusal(empty, &ReadOptions::default()).starts_with("the file is empty"));
        assert_eq!(mapped(empty, &named("auth0")), [] as [Value; 0]);
    }
}

#[test]
fn file_of_another_vendor_is_refused() {
    for (name, format, other) in [
        ("keycloak-north-users-0.json", "firebase", "keycloak"),
        ("auth0-export.ndjson", "gigya", "auth0"),
        ("drupal.csv", "wordpress", "drupal"),
        ("auth0-export.csv", "mailchimp", "auth0"),
        ("okta-user.json", "auth0", "okta"),
    ] {
        let refused = refusal(sample(name), &named(format));
        let is_named =
            refused.starts_with(&format!("not of the format {format}; seen: ")) && refused.contains("; expected: ");
        assert!(
            is_named && refused.contains(&format!("as files of {other} have")),
            "{name}: {refused}"
        );
        assert!(!refused.contains("ann.berg"), "{refused}");
    }
    for (name, format) in [
        ("people.ldif", "auth0"),
        ("auth0-export.csv", "scim"),
        ("firebase.csv", "auth0"),
        ("scim-list.json", "ldif"),
    ] {
        let refused = refusal(sample(name), &named(format));
        assert!(
            refused.contains("seen: ") && refused.contains("expected"),
            "{name}: {refused}"
        );
        assert!(!refused.contains("ann.berg"), "{refused}");
    }
}

#[test]
fn unknown_fields_are_refused_by_their_names() {
    let refused = refusal("account_no,mail address\n1,ann@example.com\n", &ReadOptions::default());
    assert_eq!(
        refused,
        "no known format; seen: CSV with the columns account_no, mail address; name the format, or map the fields with a mapping file (--map)"
    );
    let refused = refusal("{\"account\":1,\"a@example.com\":2}\n", &ReadOptions::default());
    assert!(refused.contains("NDJSON with the fields account; "), "{refused}");
    // A first row that is no header has values.
    let refused = refusal("1,ann@example.com,Ann\n2,bo@example.com,Bo\n", &ReadOptions::default());
    assert!(
        refused.contains("CSV of 3 columns, whose first row is no header"),
        "{refused}"
    );
    let refused = refusal("Dear reader\nthis is a letter\n", &ReadOptions::default());
    assert!(
        refused.contains("text that is neither JSON nor LDIF, in one column"),
        "{refused}"
    );
}

#[test]
fn missing_column_is_refused() {
    let mapping = mapped_by(
        "name = \"x\"\ntitle = \"x\"\nformats = [\"csv\"]\n[fields]\nid = [\"account\", \"number\"]\nemail = [\"mail\"]\n",
    );
    let refused = refusal("mail,name\na@example.com,Ann\n", &mapping);
    assert_eq!(
        refused,
        "no column for the id; seen: CSV with the columns mail, name; expected one of: account, number"
    );
    assert_eq!(
        refusal("account,mail,mail\n1,a,b\n", &mapping),
        "two columns of the header are called mail"
    );
}

#[test]
fn row_of_another_length_is_rejected() {
    let rows = mapped(
        "customerRegistrationId,firstName\n1\n2,Bo,x\n3,Cy,\n4,Di\n",
        &ReadOptions::default(),
    );
    assert_eq!(rows[0]["reason"], json!("1 cells; expected: 2"));
    assert_eq!(rows[1]["reason"], json!("3 cells; expected: 2"));
    assert_eq!((&rows[2]["id"], &rows[3]["id"]), (&json!("3"), &json!("4")));
}

#[test]
fn generic_formats_need_a_mapping() {
    for format in ["csv", "ndjson", "json"] {
        assert_eq!(
            refusal(CSV, &named(format)),
            format!("the format {format} needs a mapping file (--map)")
        );
    }
    let unknown = refusal(CSV, &named("ldap"));
    assert!(unknown.starts_with(
        "unknown format ldap; expected auto, csv, ndjson or json with a mapping file, or one of: masthead, "
    ));
}

#[test]
fn format_and_mapping_file_must_agree() {
    let own = mapped_by(Mapping::shipped("masthead").unwrap());
    let with = |format: &str| ReadOptions {
        mapping: own.mapping.clone(),
        ..named(format)
    };
    for format in ["masthead", "csv"] {
        assert_eq!(mapped(CSV, &with(format)), expected());
    }
    let refused = refusal(CSV, &with("auth0"));
    assert!(
        refused.starts_with("the format auth0 and the mapping file masthead: "),
        "{refused}"
    );
    let refused = refusal(CSV, &with("json"));
    assert!(
        refused.contains("seen: CSV with the columns") && refused.contains("expected: a JSON document"),
        "{refused}"
    );
}

#[test]
fn members_of_one_archive_are_of_one_format() {
    let archive = zip(
        &[
            ("a.csv", CSV.as_bytes()),
            ("b.json", b"{\"user_id\":\"x\",\"identities\":[]}"),
        ],
        Zipped::Deflated,
    );
    let mut file = open(&archive, &ReadOptions::default()).unwrap();
    let error = read_all(&mut file).unwrap_err();
    assert!(error.to_string().starts_with("b.json in the archive: "), "{error}");
}
