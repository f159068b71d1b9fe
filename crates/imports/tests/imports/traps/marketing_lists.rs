//! Mailchimp and Braze.

use masthead_imports::ReadOptions;
use serde_json::{Value, json};

use super::auto;
use crate::support::{Zipped, mapped, zip};

const HEADER: &str = "\"Email Address\",\"First Name\",LEID,EUID,UNSUB_TIME,Favourite\n";

/// The name of a file in the archive carries the meaning.
#[test]
fn mailchimp_file_name_has_a_meaning() {
    let file = |id: &str| format!("{HEADER}{id}@example.com,Ann,1,{id},,x\n").into_bytes();
    let (subscribed, unsubscribed, cleaned) = (file("a"), file("b"), file("c"));
    let archive = zip(
        &[
            ("subscribed_members_export_1.csv", &subscribed),
            ("unsubscribed_members_export_1.csv", &unsubscribed),
            ("cleaned_members_export_1.csv", &cleaned),
        ],
        Zipped::Deflated,
    );
    let rows = auto("mailchimp", archive);
    let metadata: Vec<&Value> = rows.iter().map(|row| &row["metadata"]).collect();
    let expected = [
        json!({"Favourite": "x"}),
        json!({"Favourite": "x", "optOutMarketing": "true"}),
        json!({"Favourite": "x", "bounceType": "cleaned"}),
    ];
    assert_eq!(metadata, expected.iter().collect::<Vec<_>>());
    let options = ReadOptions {
        name: Some("unsubscribed_members_export_1.csv".into()),
        ..ReadOptions::default()
    };
    assert_eq!(&mapped(&unsubscribed, &options)[0]["metadata"], metadata[1]);
}

#[test]
fn mailchimp_contact_without_euid_has_its_address_as_id() {
    assert_eq!(
        auto("mailchimp", format!("{HEADER}ann@example.com,Ann,1,,,\n"))[0]["id"],
        json!("ann@example.com")
    );
}

#[test]
fn braze_archive_is_one_list() {
    let line = |id: &str| {
        format!("{{\"external_id\":\"{id}\",\"braze_id\":\"b\",\"email_subscribe\":\"unsubscribed\"}}\n").into_bytes()
    };
    let archive = zip(&[("a.txt", &line("1")), ("b.txt", &line("2"))], Zipped::WithDescriptor);
    let rows = auto("braze", archive);
    assert_eq!(
        rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert_eq!(rows[0]["metadata"], json!({"optOutMarketing": "true"}));
}
