//! LDIF.

use serde_json::{Value, json};

use super::auto;

fn record(lines: &str) -> Value {
    let text = format!("version: 1\n\ndn: uid=ann,dc=example\nobjectClass: person\nuid: ann\n{lines}\n");
    let [row] = <[Value; 1]>::try_from(auto("ldif", text)).unwrap();
    row
}

#[test]
fn values_by_url_are_never_fetched() {
    let shown = record("givenName:< file:///etc/hostname\nsn: Berg");
    assert_eq!((shown.get("firstName"), &shown["lastName"]), (None, &json!("Berg")));
}

#[test]
fn dollars_of_an_address_are_line_ends() {
    assert_eq!(
        record("postalAddress: Storgata 1$0150 Oslo")["metadata"],
        json!({"address": "Storgata 1\n0150 Oslo"})
    );
}

#[test]
fn folded_base64_is_put_together() {
    let encoded = "userPassword:: e1NTSEF9aXFuU1FsK05EcVc1US9hQXg2dDZu\r\n MTZEcTExT1lVTnNMVGhpZVE9PQ==";
    assert_eq!(
        record(encoded)["hash"],
        json!("{SSHA}iqnSQl+NDqW5Q/aAx6t6n16Dq11OYUNsLThieQ==")
    );
}

#[test]
fn attributes_are_known_in_any_case() {
    assert_eq!(
        record("GIVENNAME: Ann\nMail: ann@example.com")["email"],
        json!("ann@example.com")
    );
}

#[test]
fn entry_without_uid_takes_its_address_as_id() {
    let text = "dn: mail=ann@example.com,dc=example\nobjectClass: person\nmail: ann@example.com\n";
    assert_eq!(auto("ldif", text)[0]["id"], json!("ann@example.com"));
}

#[test]
fn units_and_groups_are_not_people() {
    let text = "dn: ou=People,dc=example\nobjectClass: organizationalUnit\nou: People\n\ndn: uid=ann,dc=example\nobjectClass: inetOrgPerson\nuid: ann\n";
    let rows = auto("ldif", text);
    assert_eq!(rows[0]["code"], json!("not_a_person"));
    assert_eq!(rows[1]["id"], json!("ann"));
}

#[test]
fn changes_are_rejected() {
    let text = "dn: uid=ann,dc=example\nchangetype: modify\nreplace: mail\nmail: x@example.com\n\ndn: uid=bo,dc=example\nobjectClass: person\nuid: bo\n";
    let rows = auto("ldif", text);
    assert_eq!((&rows[0]["code"], &rows[0]["line"]), (&json!("malformed"), &json!(1)));
    assert_eq!(rows[1]["id"], json!("bo"));
}

#[test]
fn locked_entries_are_blocked() {
    assert_eq!(record("nsAccountLock: TRUE")["code"], json!("blocked"));
    assert_eq!(record("pwdAccountLockedTime: 000001010000Z")["code"], json!("blocked"));
    assert!(record("pwdAccountLockedTime: 20200913122640Z").get("code").is_none());
}
