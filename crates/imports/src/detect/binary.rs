//! What is no text.

/// First bytes of files that are mistaken for exports.
const MAGIC: [(&[u8], &str); 16] = [
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"BZh", "bzip2 data: expand it first"),
    (b"\xfd7zXZ", "xz data: expand it first"),
    (b"7z\xbc\xaf", "a 7z archive: expand it first"),
    (b"Rar!", "a RAR archive: expand it first"),
    (b"\xd0\xcf\x11\xe0", "an Office document: save it as CSV"),
    (b"-----BEGIN PGP", "a PGP message: decrypt it first"),
    (b"PAR1", "a Parquet file"),
    (b"Obj\x01", "an Avro file"),
    (b"PGDMP", "a dump of PostgreSQL: export a table as CSV"),
    (b"-- MySQL dump", "a dump of MySQL: export a table as CSV"),
    (
        b"-- PostgreSQL database dump",
        "a dump of PostgreSQL: export a table as CSV",
    ),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
];

/// What a file that begins so is, if it is no text.
pub(super) fn seen(head: &[u8]) -> Option<&'static str> {
    let start = head.trim_ascii_start();
    if let Some((_, seen)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(seen);
    }
    if head.contains(&0) {
        return Some("binary data, or UTF-16 without a byte order mark: name the encoding then");
    }
    let is_control = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let controls = head.iter().filter(is_control).count();
    (controls * 20 > head.len()).then_some("binary data")
}
