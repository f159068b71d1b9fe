//! Erasing and reporting persons by the API.

use masthead_domain::event::{EventKind, EventOutcome};
use serde_json::{Value, json};

use super::client::Sent;
use crate::fixture::{ApiFixture, MAIL, TRIBUNE};

const OTHER: &str = "north/daily/gazette";

#[tokio::test]
async fn erasure_is_answered_with_one_receipt() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let erase = || api.write(Sent::new("DELETE", format!("/v4/Users/{id}?purge=true")).by("eraser"));
    let erased = erase().await;
    assert_eq!(erased.code(), "S200_14");
    let receipt = erased.data();
    assert_eq!(
        (&receipt["receipt"], &receipt["tenant"]),
        (&json!(1), &json!(TRIBUNE.0))
    );
    assert!(receipt["finishedAt"].is_string());
    assert!(!receipt.to_string().contains("ann"), "{receipt}");
    assert_eq!(
        erase().await.data()["receipt"],
        1,
        "a repetition is answered with the same"
    );
    let kinds: Vec<EventKind> = api.users.events().iter().map(|event| event.kind).collect();
    let of_erasure = kinds.iter().filter(|kind| **kind == EventKind::SubscribeUserErase);
    assert_eq!(of_erasure.count(), 1);
    let unknown = api.write(Sent::new("DELETE", "/v4/Users/991?purge=true").by("eraser"));
    assert_eq!(unknown.await.code(), "E404");
}

#[tokio::test]
async fn provider_is_erased_unless_it_is_left_out() {
    let api = ApiFixture::new();
    for (query, outcome) in [("", "erased"), ("&ignoreProvider=true", "left out")] {
        let id = api.create(MAIL.0, "ann@example.com").await.replace('|', "%7C");
        let target = format!("/v4/Users/{id}?purge=true{query}");
        let erased = api.write(Sent::new("DELETE", target).of(MAIL.0).by("eraser")).await;
        assert_eq!(erased.code(), "S200_14", "{}", erased.text);
        let sources = erased.data()["sources"].as_array().unwrap().clone();
        let provider = sources.iter().find(|line| line["source"] == "provider").unwrap();
        assert_eq!(provider["outcome"], outcome);
    }
}

#[tokio::test]
async fn report_needs_its_own_scope_and_is_audited() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let report = |token: &'static str| api.write(Sent::new("GET", format!("/v4/Users/{id}/Report")).by(token));
    assert_eq!(report("reader").await.code(), "E403");
    let answer = report("reporter").await;
    assert_eq!(answer.code(), "S200_16");
    let data = answer.data();
    assert_eq!(data["complete"], true);
    assert_eq!(data["sources"][0]["records"][0]["email"], "ann@example.com");
    let last = api.users.events().pop().unwrap();
    assert_eq!(
        (last.kind, last.outcome),
        (EventKind::SubscribeUserReport, EventOutcome::Found)
    );
    let page = api
        .write(
            Sent::new("GET", format!("/v4/Users/{id}/Report"))
                .by("reporter")
                .with("accept", "text/html"),
        )
        .await;
    assert!(page.text.starts_with("<!DOCTYPE html>") && page.text.contains("ann@example.com"));
    let refused = api
        .write(Sent::new("GET", format!("/v4/Users/{id}/Report?fields=email")).by("reporter"))
        .await;
    assert_eq!(
        refused.message(),
        "Invalid InputModel - fields is not a parameter of this call"
    );
}

#[tokio::test]
async fn foreign_person_is_like_a_random_one() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let id = format!("{id}0");
    let own = json!({"email": "bo@example.com", "customerRegistrationId": id, "password": "x"});
    api.post("/v4/Users", own).await;
    let report = |id: &str| {
        let sent = Sent::new("GET", format!("/v4/Users/{id}/Report")).of(OTHER);
        api.write(sent.by("reporter"))
    };
    let (foreign, random) = (report(&id).await, report("991").await);
    assert_eq!((foreign.status, &foreign.text), (random.status, &random.text));
    assert_ne!(foreign.status, 200);
    assert_eq!(foreign.data(), &Value::Null);
}
