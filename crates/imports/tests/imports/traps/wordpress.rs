//! WordPress.

use serde_json::json;

use super::auto;
use crate::support::one;

const HEADER: &str =
    "\"ID\",\"user_login\",\"user_pass\",\"user_nicename\",\"user_email\",\"user_registered\",\"display_name\"\r\n";

#[test]
fn zero_date_and_null_are_unset() {
    let text = format!(
        "{HEADER}\"1\",\"ann\",\"$P$BabcdEFGH198luYouq9rnbx8fDoO2M/\",\"ann\",NULL,\"0000-00-00 00:00:00\",NULL\r\n"
    );
    let expected = json!({
        "id": "1", "hash": "$P$BabcdEFGH198luYouq9rnbx8fDoO2M/", "scheme": "phpass", "metadata": {"username": "ann"},
        "verifiedMissing": true,
    });
    assert_eq!(auto("wordpress", text), [expected]);
}

#[test]
fn line_ends_inside_quotes_belong_to_the_value() {
    let text = format!(
        "{HEADER}\"1\",\"ann\",\"\",\"ann\",\"ann@example.com\",\"2020-09-13 12:26:40\",\"Ann\r\nBerg\"\r\n2,bo,,,,,\r\n"
    );
    let rows = auto("wordpress", text);
    assert_eq!(rows[0]["metadata"]["displayName"], json!("Ann\r\nBerg"));
    assert_eq!(rows[0]["registered"], json!("2020-09-13T12:26:40Z"));
    assert_eq!(rows[1]["id"], json!("2"));
}

#[test]
fn every_form_of_hash_is_recognised() {
    for (hash, scheme) in [
        ("840761ea4ff4d25aeced0c1039ed7725", "md5"),
        ("$P$BabcdEFGH198luYouq9rnbx8fDoO2M/", "phpass"),
        (
            "$wp$2y$10$cNB4Blg1TkVrq7nEoEWN6O449mYFU3bhM7b28rxbPlR8C42Fwp2SG",
            "wordpress",
        ),
        (
            "$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
            "bcrypt-10",
        ),
    ] {
        let row = json!({"ID": 1, "user_login": "ann", "user_pass": hash});
        let shown = one("wordpress", &row);
        assert!(
            shown["scheme"].as_str().is_some_and(|found| found.contains(scheme)),
            "{shown}"
        );
    }
}

#[test]
fn spammers_of_a_network_are_blocked() {
    for (spam, deleted) in [(1, 0), (0, 1)] {
        let row = json!({"ID": 1, "user_login": "ann", "user_pass": "", "spam": spam, "deleted": deleted});
        assert_eq!(one("wordpress", &row)["code"], json!("blocked"));
    }
}
