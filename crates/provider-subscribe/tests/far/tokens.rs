//! The token: where it is, and what becomes of one that is refused.

use masthead_ports::source::SourceErrorKind;

use crate::support::{World, json_answer, user, users};

async fn world() -> World {
    World::of(&[], |seen| {
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
async fn a_refused_token_is_looked_for_again_and_the_newer_one_is_sent_at_once() {
    let world = world().await;
    assert_eq!(world.by_id("1").await.unwrap_err().kind, SourceErrorKind::Misconfigured);
    assert_eq!(world.seen().len(), 1, "the same token is not sent twice");
    *world.token.lock().unwrap() = Some("second");
    assert!(world.by_id("1").await.unwrap().is_some());
    assert_eq!(world.seen().len(), 3, "once with the old one, once with the new one");
    assert!(world.by_id("1").await.unwrap().is_some());
    assert_eq!(world.seen().len(), 4, "the new one is kept");
}

#[tokio::test]
async fn a_token_that_is_not_there_yet_is_silence_and_is_found_when_it_is() {
    let world = world().await;
    *world.token.lock().unwrap() = None;
    assert_eq!(world.by_id("1").await.unwrap_err().kind, SourceErrorKind::Misconfigured);
    assert_eq!(world.seen().len(), 0);
    *world.token.lock().unwrap() = Some("second");
    assert!(world.by_id("1").await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_shows_the_token() {
    let world = world().await;
    let error = world.by_id("1").await.unwrap_err();
    let shown = format!("{error:?} {error} {:?}", world.remote);
    assert!(!shown.contains("first"), "{shown}");
}
