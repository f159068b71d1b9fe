//! The fault matrix (`quality.md`): each fault has its kind, none is absence, and nothing is half taken.

use masthead_domain::query::UserFilter;
use masthead_ports::source::SourceErrorKind;
use serde_json::{Value, json};

use crate::support::{
    RemoteFixture, SourceClient, json_answer, labelled, legacy_user, legacy_users, listing, user, users,
};
use SourceErrorKind::{Corrupt, Misconfigured, RateLimited, Refused, TooBroad, Unavailable};

const JSON: &str = "application/json";
const LEGACY: &[(&str, &str)] = &[("Subscribe.Api", "legacy")];

/// The result of each read for this answer.
async fn kinds(settings: &[(&str, &str)], answer: Vec<u8>) -> [Option<SourceErrorKind>; 3] {
    // Each has a remote API of its own: one that failed is left alone, and one that is busy is waited for.
    let fixture = || {
        RemoteFixture::start(settings, {
            let answer = answer.clone();
            move |_| answer.clone()
        })
    };
    let (one, two, three) = (fixture().await, fixture().await, fixture().await);
    [
        one.by_id("1").await.err().map(|error| error.kind),
        two.by_email("ann@example.com").await.err().map(|error| error.kind),
        three
            .search(&listing(UserFilter::default(), 10))
            .await
            .err()
            .map(|error| error.kind),
    ]
}

async fn every_read_fails_with(settings: &[(&str, &str)], answer: Vec<u8>, wanted: SourceErrorKind) {
    let shown = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
    for kind in kinds(settings, answer).await {
        let same = kind.is_some_and(|kind| std::mem::discriminant(&kind) == std::mem::discriminant(&wanted));
        assert!(same, "{kind:?} in place of {wanted:?}: {settings:?} {shown}");
    }
}

/// Quality rules, fault table: an unreadable only row is an error, and a list without it is incomplete.
async fn a_row_is_lost(settings: &[(&str, &str)], answer: &Value) {
    let [by_id, by_email, list] = kinds(settings, json_answer(200, answer)).await;
    assert_eq!(
        (by_id, by_email, list),
        (Some(Corrupt), Some(Corrupt), None),
        "{answer}"
    );
    let answer = json_answer(200, answer);
    let fixture = RemoteFixture::start(settings, move |_| answer.clone()).await;
    let page = fixture.search(&list_of_all()).await.unwrap();
    assert!(page.unreadable && page.accounts.is_empty());
}

/// Every read finds the user, without the field.
async fn a_field_is_lost(settings: &[(&str, &str)], answer: &Value) {
    let kinds = kinds(settings, json_answer(200, answer)).await;
    assert_eq!(kinds, [None; 3], "{answer}");
    let answer = json_answer(200, answer);
    let fixture = RemoteFixture::start(settings, move |_| answer.clone()).await;
    let page = fixture.search(&list_of_all()).await.unwrap();
    assert!(!page.unreadable && page.accounts.len() == 1);
}

fn list_of_all() -> masthead_domain::query::UserQuery {
    listing(UserFilter::default(), 10)
}

/// The good answer of each API, with a user that each read finds.
fn good(settings: &[(&str, &str)]) -> Value {
    if settings == LEGACY {
        legacy_users(&[legacy_user("1", "ann@example.com")])
    } else {
        users(&[user("1", "ann@example.com")])
    }
}

#[tokio::test]
async fn valid_answer_is_accepted() {
    for settings in [&[][..], LEGACY] {
        let answer = json_answer(200, &good(settings));
        assert_eq!(kinds(settings, answer).await, [None; 3], "{settings:?}");
    }
}

#[tokio::test]
async fn invalid_answer_is_unavailable() {
    for settings in [&[][..], LEGACY] {
        let text = good(settings).to_string();
        let nested = "[".repeat(10_000);
        for (status, media, body) in [
            (200, "text/html", "<html>maintenance</html>"),
            (200, JSON, "<html>maintenance</html>"),
            (200, "text/plain", &*text),
            (200, JSON, ""),
            (200, JSON, "null"),
            (200, JSON, "[]"),
            (200, JSON, "{}"),
            (200, JSON, "\u{feff}{}"),
            (200, JSON, &*nested),
            (204, JSON, ""),
            (302, JSON, &*text),
            (500, JSON, &*text),
            (502, "text/html", "<html/>"),
            (503, JSON, &*text),
            (504, JSON, ""),
        ] {
            every_read_fails_with(settings, labelled(status, media, body), Unavailable).await;
        }
        every_read_fails_with(settings, Vec::new(), Unavailable).await;
        every_read_fails_with(settings, b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(), Unavailable).await;
        let cut = labelled(200, JSON, &format!("{text} "));
        every_read_fails_with(settings, cut[..cut.len() / 2].to_vec(), Unavailable).await;
        every_read_fails_with(settings, labelled(200, JSON, &" ".repeat(2 * 1024 * 1024)), Unavailable).await;
    }
}

/// An array of the members of an object, in their order, is no object.
#[tokio::test]
async fn array_instead_of_object_is_unavailable() {
    let message = json!(["UsersOrchestrator_S200_02", "Success"]);
    let of_v4 = good(&[]);
    for answer in [
        json!([of_v4["message"], null, []]),
        json!({"message": message, "meta": null, "data": []}),
        json!({"message": of_v4["message"], "meta": [0, false, true, null], "data": []}),
    ] {
        every_read_fails_with(&[], json_answer(200, &answer), Unavailable).await;
    }
    let row = json!({"message": of_v4["message"], "meta": {"totalRecords": 1}, "data": [["1", null, null, null, "Lite", {}, null]]});
    a_row_is_lost(&[], &row).await;
    let mut with_state = good(LEGACY);
    with_state["Result"]["Users"][0]["UserState"] = json!(["Standard"]);
    for answer in [
        json!([["a business error"], null]),
        json!([[], {"Users": [], "TotalUsersFound": 0}]),
        json!({"Errors": [], "Result": [[], 0]}),
    ] {
        every_read_fails_with(LEGACY, json_answer(200, &answer), Unavailable).await;
    }
    a_row_is_lost(LEGACY, &with_state).await;
}

#[tokio::test]
async fn rejected_credentials_are_misconfiguration() {
    for settings in [&[][..], LEGACY] {
        for status in [401, 403, 404, 405] {
            every_read_fails_with(settings, labelled(status, JSON, "{}"), Misconfigured).await;
            every_read_fails_with(settings, labelled(status, "text/html", "<html/>"), Misconfigured).await;
        }
        every_read_fails_with(settings, labelled(429, JSON, "{}"), RateLimited { retry_after: None }).await;
    }
}

/// Masthead's own code for an absent id, where a wrong URL would give the same.
#[tokio::test]
async fn status_404_is_misconfiguration() {
    let body = json!({
        "message": {"code": "UsersOrchestrator_E404", "text": "Not Found - there is no such address", "type": "Error"},
        "meta": null, "data": null,
    });
    every_read_fails_with(&[], json_answer(404, &body), Misconfigured).await;
}

#[tokio::test]
async fn v4_refusals_keep_their_kind() {
    let refusal =
        |code: &str| json!({"message": {"code": code, "text": "", "type": "Error"}, "meta": null, "data": null});
    every_read_fails_with(&[], json_answer(400, &refusal("UsersOrchestrator_E400_90")), TooBroad).await;
    every_read_fails_with(&[], json_answer(400, &refusal("UsersOrchestrator_E400_02")), Refused).await;
    // An error that comes with 200.
    every_read_fails_with(&[], json_answer(200, &refusal("UsersOrchestrator_E500")), Unavailable).await;
    let mut numbered = users(&[user("1", "ann@example.com")]);
    numbered["message"]["type"] = json!(1);
    every_read_fails_with(&[], json_answer(200, &numbered), Unavailable).await;
    numbered["message"]["type"] = json!(0);
    assert_eq!(kinds(&[], json_answer(200, &numbered)).await, [None; 3]);
}

#[tokio::test]
async fn legacy_business_errors_are_refusals() {
    let mut answer = legacy_users(&[]);
    answer["Errors"] =
        json!([{"Message": "x", "Code": "1", "Type": {"Id": 0, "Code": "Validation"}, "ErrorSource": null}]);
    answer["Result"] = Value::Null;
    every_read_fails_with(LEGACY, json_answer(200, &answer), Refused).await;
    answer["Errors"] = json!([]);
    every_read_fails_with(LEGACY, json_answer(200, &answer), Unavailable).await;
}

/// The remote API reports unavailable sources of its own.
#[tokio::test]
async fn incomplete_answer_is_unavailable() {
    let mut answer = good(&[]);
    answer["meta"]["complete"] = json!(false);
    every_read_fails_with(&[], json_answer(200, &answer), Unavailable).await;
    let body = good(LEGACY).to_string();
    let head = format!(
        "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-type: {JSON}\r\nx-incomplete: Auth0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    every_read_fails_with(LEGACY, [head, body].concat().into_bytes(), Unavailable).await;
}

/// Quality rules, fault table. An address or a state that cannot be read costs the row: without it the user would be taken for
/// another than they are.
#[tokio::test]
async fn wrong_type_loses_field_or_row() {
    for (field, value) in [
        ("customerRegistrationId", json!(1)),
        ("customerRegistrationId", json!("")),
        ("customerRegistrationId", Value::Null),
        ("email", json!(7)),
        ("email", json!({})),
        ("email", json!("a\u{0}@example.com")),
        ("state", json!("Asleep")),
        ("state", Value::Null),
    ] {
        let mut answer = good(&[]);
        answer["data"][0][field] = value;
        a_row_is_lost(&[], &answer).await;
    }
    for (field, value) in [
        ("firstName", json!([])),
        ("firstName", json!("A\u{0}nn")),
        ("verified", json!("true")),
        ("metadata", json!([])),
        ("metadata", Value::Null),
        ("metadata", json!({"city": {"x": 1}})),
        ("metadata", json!({"a": "1", "A": "2"})),
        ("metadata", json!({"a": "\u{0}"})),
        ("metadata", json!({"a\n": "1", "": "2"})),
    ] {
        let mut answer = good(&[]);
        answer["data"][0][field] = value;
        a_field_is_lost(&[], &answer).await;
    }
    for field in [
        "customerRegistrationId",
        "email",
        "firstName",
        "lastName",
        "state",
        "metadata",
        "verified",
    ] {
        let mut answer = good(&[]);
        answer["data"][0].as_object_mut().unwrap().remove(field);
        a_row_is_lost(&[], &answer).await;
    }
    for (field, value) in [
        ("CustomerRegistrationId", json!(1)),
        ("Email", json!(7)),
        ("UserState", json!({"UserStateCode": "Asleep"})),
        ("UserState", Value::Null),
    ] {
        let mut answer = good(LEGACY);
        answer["Result"]["Users"][0][field] = value;
        a_row_is_lost(LEGACY, &answer).await;
    }
    for (field, value) in [
        ("Verified", json!("Y")),
        ("DateRegistered", json!("yesterday")),
        ("Phone", json!(5)),
        ("IsOkToMail", json!(300)),
        ("Survey", json!("Y")),
        ("RegistrationId", json!(1.5)),
        ("Metadata", json!([])),
    ] {
        let mut answer = good(LEGACY);
        answer["Result"]["Users"][0][field] = value;
        a_field_is_lost(LEGACY, &answer).await;
    }
}

/// Valid JSON about another user, or that cannot be true: refused and audited.
#[tokio::test]
async fn answer_about_other_user_is_refused() {
    for settings in [&[][..], LEGACY] {
        let is_legacy = settings == LEGACY;
        let other = if is_legacy {
            legacy_users(&[legacy_user("2", "bob@example.com")])
        } else {
            users(&[user("2", "bob@example.com")])
        };
        let [by_id, by_email, list] = kinds(settings, json_answer(200, &other)).await;
        // An unfiltered list contains every user.
        assert_eq!(
            (by_id, by_email, list),
            (Some(Corrupt), Some(Corrupt), None),
            "{settings:?}"
        );
        let twice = if is_legacy {
            legacy_users(&[legacy_user("1", "ann@example.com"), legacy_user("1", "ann@example.com")])
        } else {
            users(&[user("1", "ann@example.com"), user("1", "ann@example.com")])
        };
        every_read_fails_with(settings, json_answer(200, &twice), Corrupt).await;
    }
    let many: Vec<Value> = (0..11)
        .map(|n| user(&n.to_string(), &format!("{n}@example.org")))
        .collect();
    assert_eq!(kinds(&[], json_answer(200, &users(&many))).await[2], Some(Corrupt));
}

/// The list of one user less than there are: no answer, and above all no absence.
#[tokio::test]
async fn answer_with_missing_users_is_refused() {
    for left in [&[][..], &[user("1", "ann@example.com")]] {
        let mut answer = users(left);
        answer["meta"]["totalRecords"] = json!(left.len() + 1);
        every_read_fails_with(&[], json_answer(200, &answer), Corrupt).await;
        answer["meta"] = json!({"nextCursor": "on"});
        every_read_fails_with(&[], json_answer(200, &answer), Corrupt).await;
    }
    let mut answer = legacy_users(&[]);
    answer["Result"]["TotalUsersFound"] = json!(1);
    every_read_fails_with(LEGACY, json_answer(200, &answer), Corrupt).await;
}

#[tokio::test]
async fn estimate_is_no_contradiction() {
    let mut answer = good(&[]);
    answer["meta"] = json!({"totalRecords": 7, "totalIsEstimate": true});
    assert_eq!(kinds(&[], json_answer(200, &answer)).await, [None; 3]);
}

/// A deployment that matches complete addresses by *contains* shows others beside: they are not taken.
#[tokio::test]
async fn looser_match_is_filtered() {
    let answer = users(&[user("1", "joann@example.com"), user("2", "Ann@Example.com")]);
    let fixture = RemoteFixture::start(&[("Subscribe.Method", "GET")], move |_| json_answer(200, &answer)).await;
    let found = fixture.by_email("ann@example.com").await.unwrap();
    let ids: Vec<_> = found.iter().map(|account| account.crid.as_str()).collect();
    assert_eq!(ids, ["2"]);
}

/// A truncated answer is an error, at any length.
#[tokio::test]
async fn truncated_answer_is_unavailable() {
    for settings in [&[][..], LEGACY] {
        let text = good(settings).to_string();
        for end in 0..text.len() {
            let answer = labelled(200, JSON, &text[..end]);
            let fixture = RemoteFixture::start(settings, move |_| answer.clone()).await;
            let kind = fixture.by_id("1").await.err().map(|error| error.kind);
            assert_eq!(kind, Some(Unavailable), "{settings:?}: {}", &text[..end]);
        }
    }
}

#[tokio::test]
async fn invalid_settings_are_misconfiguration() {
    let fixture = RemoteFixture::start(&[("Subscribe.Api", "v5")], |_| Vec::new()).await;
    assert_eq!(fixture.by_id("1").await.unwrap_err().kind, Misconfigured);
    assert!(fixture.seen().is_empty());
}

/// Unicode Standard Annex #15 and RFC 5890 §2.3.2.1: what a deployment other than Masthead compares is not published.
#[tokio::test]
async fn absence_needs_every_spelling() {
    for (settings, kept) in [
        (&[("Subscribe.Method", "GET")], "jose%CC%81%40m%C3%BCnchen.example"),
        (&[("Subscribe.Api", "legacy")], "jose%CC%81%40xn--mnchen-3ya.example"),
    ] {
        let is_legacy = settings == LEGACY;
        let fixture = RemoteFixture::start(settings, move |seen| {
            let email = "jos\u{e9}@m\u{fc}nchen.example";
            let found = seen.line.contains(kept);
            json_answer(
                200,
                &match (is_legacy, found) {
                    (true, true) => legacy_users(&[legacy_user("1", email)]),
                    (true, false) => legacy_users(&[]),
                    (false, true) => users(&[user("1", email)]),
                    (false, false) => users(&[]),
                },
            )
        })
        .await;
        let found = fixture.by_email("jos\u{e9}@m\u{fc}nchen.example").await.unwrap();
        assert_eq!(found.len(), 1, "{settings:?}");
        let many = format!("{}@example.com", "\u{e9}".repeat(9));
        assert_eq!(fixture.by_email(&many).await.unwrap_err().kind, Refused);
    }
}

/// RFC 3986 §6.2.2.3: such a path leads to another call.
#[tokio::test]
async fn unsafe_paths_are_never_sent() {
    let fixture = RemoteFixture::start(LEGACY, |_| json_answer(200, &legacy_users(&[]))).await;
    for id in [".", "..", "%2E", "a/../b", "a//b"] {
        assert_eq!(fixture.by_id(id).await.unwrap_err().kind, Refused, "{id}");
    }
    assert!(fixture.seen().is_empty());
}
