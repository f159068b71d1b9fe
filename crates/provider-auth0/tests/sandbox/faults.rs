//! The fault matrix (`quality.md`): each fault has its kind, and none is absence.

use std::time::{Duration, Instant};

use masthead_domain::{
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
};
use masthead_ports::source::{SourceErrorKind, UserSource};
use masthead_sandbox::{Fault, FaultRule, Outage};

use crate::support::{World, kind, reader};
use SourceErrorKind::{Corrupt, Misconfigured, RateLimited, Refused, Unavailable};

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: None,
    }
}

fn with_body(status: u16, body: &str) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    }
}

/// What every read says of a fault, while the caller waits no longer than told.
async fn every_read_says(fault: Fault, wanted: SourceErrorKind) {
    let mut world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
    // The token is fetched before the fault begins.
    assert!(world.by_id("auth0|1").await.unwrap().is_some());
    world.patience = Duration::from_millis(700);
    world.sandbox.inject(FaultRule::from(fault.clone()).on("/api/"));
    let listing = UserQuery {
        filter: UserFilter::default(),
        order: Order::default(),
        position: Position::Offset(0),
        size: 10,
        count: CountMode::None,
    };
    let same = |got: SourceErrorKind| std::mem::discriminant(&got) == std::mem::discriminant(&wanted);
    for read in ["by id", "by id of nobody", "by address", "by address of nobody", "list"] {
        let began = Instant::now();
        let got = match read {
            "by id" => kind(world.by_id("auth0|1").await),
            "by id of nobody" => kind(world.by_id("auth0|nobody").await),
            "by address" => kind(world.by_email("ann@example.com").await),
            "by address of nobody" => kind(world.by_email("nobody@example.com").await),
            _ => kind(world.auth0.search(&world.cx(), &listing).await),
        };
        assert!(same(got), "{fault:?}, {read}: {got:?}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{fault:?}, {read}: the deadline is kept"
        );
    }
}

#[tokio::test]
async fn no_usable_answer_is_silence() {
    for fault in [
        Fault::Silence,
        status(500),
        status(502),
        status(503),
        status(504),
        Fault::ResetBeforeHeaders,
        Fault::ResetInHeaders,
        Fault::Html,
        Fault::Nested { depth: 10_000 },
        Fault::Huge { bytes: 50_000_000 },
        Fault::GzipBomb { bytes: 50_000_000 },
        Fault::EndlessChunks { interval_ms: 0 },
        with_body(404, "<html>not found</html>"),
        with_body(200, "{}"),
        with_body(200, "null"),
        with_body(200, "[[]]"),
        with_body(302, ""),
    ] {
        every_read_says(fault, Unavailable).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_spoilt_on_its_way_is_silence() {
    for fault in [
        Fault::ResetMidBody,
        Fault::TruncatedJson,
        Fault::WrongContentType,
        Fault::Bom,
        Fault::Drip {
            interval_ms: 400,
            headers: false,
        },
        Fault::Drip {
            interval_ms: 400,
            headers: true,
        },
    ] {
        every_read_says(fault, Unavailable).await;
    }
}

#[tokio::test]
async fn a_refusal_of_our_credentials_is_an_alarm_and_never_absence() {
    for fault in [
        status(401),
        status(403),
        with_body(404, r#"{"statusCode":404,"error":"Not Found","message":"Not Found"}"#),
    ] {
        let wanted = Misconfigured;
        every_read_says(fault, wanted).await;
    }
}

#[tokio::test]
async fn a_request_that_auth0_will_not_take_is_refused() {
    for fault in [
        status(400),
        with_body(
            400,
            r#"{"statusCode":400,"error":"Bad Request","message":"x","errorCode":"invalid_query_string"}"#,
        ),
        with_body(
            400,
            r#"{"statusCode":400,"error":"Bad Request","message":"x","errorCode":"invalid_uri"}"#,
        ),
        with_body(414, "<html></html>"),
        status(418),
    ] {
        every_read_says(fault, Refused).await;
    }
}

#[tokio::test]
async fn too_many_calls_say_when_to_come_back() {
    let by_header = Fault::Status {
        status: 429,
        retry_after: Some(7),
        reset_in: None,
        body: None,
    };
    let by_reset = Fault::Status {
        status: 429,
        retry_after: None,
        reset_in: Some(9),
        body: None,
    };
    for (fault, seconds) in [(by_header, 7), (by_reset, 9)] {
        let mut world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
        world.patience = Duration::from_secs(1);
        world.sandbox.inject(FaultRule::from(fault.clone()).on("/api/"));
        let told = kind(world.by_id("auth0|1").await);
        assert_eq!(
            told,
            RateLimited {
                retry_after: Some(Duration::from_secs(seconds))
            }
        );
        // Nobody of this tenant asks before.
        let calls = world.sandbox.calls();
        assert!(matches!(
            kind(world.by_email("ann@example.com").await),
            RateLimited { .. }
        ));
        assert_eq!(world.sandbox.calls(), calls);
    }
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_refused() {
    let world = World::with(
        vec![reader("1", "ann@example.com"), reader("2", "bob@example.com")],
        &[],
    )
    .await;
    world.sandbox.inject(Fault::OtherUser);
    assert_eq!(kind(world.by_id("auth0|1").await), Corrupt);
    assert_eq!(kind(world.by_email("ann@example.com").await), Corrupt);
    // A linked identity that search finds with somebody who has it not.
    let mut linked = reader("3", "cid@example.com");
    linked["identities"][0]["user_id"] = "77".into();
    world.sandbox.auth0().seed([linked]);
    assert_eq!(kind(world.by_id("auth0|77").await), Corrupt);
}

#[tokio::test]
async fn the_connect_time_out_decides_when_nobody_is_there() {
    for outage in [Outage::Refused, Outage::Unreachable] {
        let world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
        world.sandbox.outage(outage).await.unwrap();
        let began = Instant::now();
        assert_eq!(kind(world.by_id("auth0|1").await), Unavailable);
        assert!(began.elapsed() < Duration::from_secs(5), "{outage:?}");
        world.sandbox.on().await.unwrap();
    }
}

#[tokio::test]
async fn a_read_that_failed_once_is_tried_again() {
    let world = World::patient(
        vec![reader("1", "ann@example.com")],
        &[],
        2,
        Some(b"sandbox-client-secret"),
    )
    .await;
    for fault in [status(503), Fault::ResetMidBody, Fault::Html] {
        world.sandbox.inject(FaultRule::from(fault).on("/api/").times(1));
        assert!(world.by_id("auth0|1").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_silence_and_one_that_refuses_is_an_alarm() {
    for (fault, wanted) in [
        (status(500), Unavailable),
        (Fault::Html, Unavailable),
        (Fault::ResetMidBody, Unavailable),
        (status(401), Misconfigured),
        (status(403), Misconfigured),
    ] {
        let world = World::with(vec![], &[]).await;
        world.sandbox.inject(FaultRule::from(fault.clone()).on("/oauth/token"));
        assert_eq!(kind(world.by_id("auth0|nobody").await), wanted, "{fault:?}");
    }
}

#[tokio::test]
async fn only_a_404_about_the_user_is_a_word_about_the_user() {
    let world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
    let about = |message: &str, code: &str| {
        format!(r#"{{"statusCode":404,"error":"Not Found","message":"{message}","errorCode":{code}}}"#)
    };
    for (body, wanted) in [
        (about("The user does not exist.", r#""inexistent_user""#), None),
        (about("User not found.", "null"), None),
        (about("Not Found", "null"), Some(Misconfigured)),
        (about("x", r#""inexistent_connection""#), Some(Misconfigured)),
        (r#"{"statusCode":200,"message":"user"}"#.to_owned(), Some(Unavailable)),
        ("<html>no such user</html>".to_owned(), Some(Unavailable)),
    ] {
        // The search that follows an absence works.
        let rule = FaultRule::from(with_body(404, &body)).on("/api/v2/users/");
        let id = world.sandbox.inject(rule);
        let answer = world.by_id("auth0|1").await;
        match wanted {
            None => assert!(answer.unwrap().is_none(), "{body}"),
            Some(kind) => assert_eq!(answer.unwrap_err().kind, kind, "{body}"),
        }
        assert!(world.sandbox.withdraw(id));
    }
}
