//! LDIF (RFC 2849): an entry of the class inetOrgPerson (RFC 2798) for each registration.

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_domain::email::Email;
use masthead_ports::exports::ExportedRegistration;

use crate::{
    left_out::{HASHES, LeftOut},
    password_hash::to_ldap,
};

/// The attribute of each metadata key that has one.
const ATTRIBUTES: [(&str, &str); 8] = [
    ("displayName", "displayName"),
    ("title", "title"),
    ("companyName", "o"),
    ("phoneNumber", "telephoneNumber"),
    ("cellPhone", "mobile"),
    ("address", "street"),
    ("postalCode", "postalCode"),
    ("city", "l"),
];

/// The longest line, in bytes; a longer one goes on in the next, after a blank.
const LINE_BYTES: usize = 76;

/// What is before the entries.
pub(crate) const BEGIN: &str = "version: 1\n";

/// Writes an entry below this distinguished name.
pub(crate) fn write_entry(
    registration: &ExportedRegistration,
    base_dn: &str,
    left_out: &mut LeftOut,
    out: &mut Vec<u8>,
) {
    let account = &registration.account;
    let id = account.crid.as_str();
    let email = account.email.as_ref().map(Email::as_str);
    let name = [&*account.first_name, &*account.last_name];
    let name: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
    let name = name.join(" ");
    out.push(b'\n');
    write_attribute("dn", &format!("uid={},{base_dn}", escaped(id)), out);
    write_attribute("objectClass", "inetOrgPerson", out);
    write_attribute("uid", id, out);
    // The class requires cn and sn.
    let cn = if name.is_empty() { email.unwrap_or(id) } else { &name };
    write_attribute("cn", cn, out);
    write_attribute(
        "sn",
        if account.last_name.is_empty() {
            "-"
        } else {
            &account.last_name
        },
        out,
    );
    if !account.first_name.is_empty() {
        write_attribute("givenName", &account.first_name, out);
    }
    if let Some(email) = email {
        write_attribute("mail", email, out);
    }
    for (key, value) in account.metadata.iter().filter(|(_, value)| !value.is_empty()) {
        match ATTRIBUTES.iter().find(|(known, _)| *known == key) {
            Some((_, attribute)) => write_attribute(attribute, value, out),
            None => left_out.count("metadata values"),
        }
    }
    match registration.password_hash.as_ref().map(|hash| to_ldap(hash.expose())) {
        None => {}
        Some(Some(hash)) => write_attribute("userPassword", &hash, out),
        Some(None) => left_out.count(HASHES),
    }
}

/// Writes a value as it is if it is a SAFE-STRING, else in base64.
fn write_attribute(name: &str, value: &str, out: &mut Vec<u8>) {
    let line = if is_safe(value) {
        format!("{name}: {value}")
    } else {
        format!("{name}:: {}", BASE64_STANDARD.encode(value))
    };
    // Such a line is ASCII.
    let mut rest = &*line;
    let mut width = LINE_BYTES;
    while rest.len() > width {
        let (first, after) = rest.split_at(width);
        out.extend_from_slice(first.as_bytes());
        out.extend_from_slice(b"\n ");
        rest = after;
        width = LINE_BYTES - 1;
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'\n');
}

/// SAFE-STRING of RFC 2849, and no blank at the end (its note 8).
fn is_safe(value: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii() && !matches!(byte, b'\0' | b'\n' | b'\r');
    value.bytes().all(is_safe) && !value.starts_with([' ', ':', '<']) && !value.ends_with(' ')
}

/// A value in a distinguished name (RFC 4514 §2.4).
fn escaped(value: &str) -> String {
    let last = value.len() - usize::from(!value.is_empty());
    let mut escaped = String::with_capacity(value.len() + 4);
    for (at, char) in value.char_indices() {
        let is_special = matches!(char, '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\')
            || (at == 0 && matches!(char, ' ' | '#'))
            || (at == last && char == ' ');
        if is_special {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        write_attribute(name, value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 2849, notes 4 and 8, and its examples.
    #[test]
    fn unsafe_values_are_base64() {
        assert_eq!(written("cn", "Ann"), "cn: Ann\n");
        for (value, base64) in [
            ("\u{e9}", "w6k="),
            (" a", "IGE="),
            (":a", "OmE="),
            ("<a", "PGE="),
            ("a\nb", "YQpi"),
            ("a ", "YSA="),
        ] {
            assert_eq!(written("cn", value), format!("cn:: {base64}\n"), "{value:?}");
        }
        assert_eq!(written("cn", ""), "cn: \n");
    }

    /// RFC 2849, note 2: a line is folded by a line end and one blank.
    #[test]
    fn long_lines_are_folded() {
        let folded = written("cn", &"x".repeat(200));
        assert!(folded.lines().all(|line| line.len() <= LINE_BYTES));
        assert_eq!(folded.replace("\n ", ""), format!("cn: {}\n", "x".repeat(200)));
    }

    /// RFC 4514 §4.
    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("Smith, Ann+1"), "Smith\\, Ann\\+1");
        assert_eq!(escaped("#1 "), "\\#1\\ ");
        assert_eq!(escaped(""), "");
    }
}
