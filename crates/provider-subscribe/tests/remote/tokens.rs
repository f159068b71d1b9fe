//! The token: where it is, and what becomes of one that is refused.

use masthead_ports::source::SourceErrorKind;

use crate::support::{RemoteFixture, SourceClient, json_answer, user, users};

async fn fixture() -> RemoteFixture {
    RemoteFixture::start(&[], |seen| {
        let good = seen.headers.contains(&"authorization: Bearer second".to_owned());
        if good {
            json_answer(200, &users(&[user("1", "ann@example.com")]))
        } else {
            json_answer(401, &serde_json::json!({}))
        }
    })
    .await
}

#[tokio::test]
async fn refused_token_is_reloaded() {
    let fixture = fixture().await;
    assert_eq!(
        fixture.by_id("1").await.unwrap_err().kind,
        SourceErrorKind::Misconfigured
    );
    assert_eq!(fixture.seen().len(), 1, "the same token is not sent twice");
    *fixture.token.lock().unwrap() = Some("second");
    assert!(fixture.by_id("1").await.unwrap().is_some());
    assert_eq!(fixture.seen().len(), 3, "once with the old one, once with the new one");
    assert!(fixture.by_id("1").await.unwrap().is_some());
    assert_eq!(fixture.seen().len(), 4, "the new one is kept");
}

#[tokio::test]
async fn missing_token_is_looked_up_again() {
    let fixture = fixture().await;
    *fixture.token.lock().unwrap() = None;
    assert_eq!(
        fixture.by_id("1").await.unwrap_err().kind,
        SourceErrorKind::Misconfigured
    );
    assert_eq!(fixture.seen().len(), 0);
    *fixture.token.lock().unwrap() = Some("second");
    assert!(fixture.by_id("1").await.unwrap().is_some());
}

#[tokio::test]
async fn token_is_never_shown() {
    let fixture = fixture().await;
    let error = fixture.by_id("1").await.unwrap_err();
    let shown = format!("{error:?} {error} {:?}", fixture.remote);
    assert!(!shown.contains("first"), "{shown}");
}
