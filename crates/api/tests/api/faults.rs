//! Silence, slowness and bugs behind the router.

use std::{
    error::Error,
    future::pending,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use masthead_api::{ApiLimits, Arrival, BodyTimeout, RequestBody, RequestId, ServerRefusal, refusal_at};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    contract_cases::{ContractCase, Expectation},
    store::StoreMode,
};

use crate::world::{World, answered, header, read};

const READS: [&str; 3] = [
    "/v4/Users/2937",
    "/v4/Users?email=ann@example.com",
    "/v4/Users?email=ann",
];

fn error(status: u16, code: &'static str, text: &str) -> Expectation {
    Expectation::Error(status, code, text.to_owned())
}

fn unavailable() -> Expectation {
    error(
        503,
        "E503",
        "Service Unavailable - a source that should know did not answer",
    )
}

#[tokio::test]
async fn a_store_that_is_silent_is_503_with_retry_after() {
    let world = World::new();
    for (kind, seconds) in [
        (SourceErrorKind::Unavailable, "1"),
        (SourceErrorKind::Misconfigured, "1"),
        (
            SourceErrorKind::RateLimited {
                retry_after: Some(Duration::from_millis(6500)),
            },
            "7",
        ),
    ] {
        world.store.set_mode(StoreMode::Failing(kind));
        for target in READS {
            let case = ContractCase::get(target, unavailable()).answering("retry-after", seconds);
            world.holds(vec![case]).await;
        }
    }
}

#[tokio::test]
async fn a_search_that_is_too_broad_is_e400_90() {
    let world = World::new();
    world.store.set_mode(StoreMode::Failing(SourceErrorKind::TooBroad));
    let text = "The search cannot be answered - it takes longer than it may; narrow it";
    world
        .holds(vec![ContractCase::get(
            "/v4/Users?email=a",
            error(400, "E400_90", text),
        )])
        .await;
}

#[tokio::test]
async fn a_store_that_says_what_cannot_be_true_is_500_by_workflow() {
    let world = World::new();
    world.store.set_mode(StoreMode::Failing(SourceErrorKind::Corrupt));
    let by_id = error(500, "E500_01", "There was a problem during the GetById workflow.");
    let list = error(500, "E500_02", "There was a problem during the Get workflow.");
    world
        .holds(vec![
            ContractCase::get("/v4/Users/2937", by_id),
            ContractCase::get("/v4/Users?email=ann@example.com", list.clone()),
            ContractCase::get("/v4/Users", list),
        ])
        .await;
}

#[tokio::test]
async fn silence_about_the_tenant_or_the_keys_is_503() {
    let world = World::new();
    let no_keys = ContractCase::get("/v4/Users", unavailable()).with("Authorization", "Bearer no-keys");
    world.holds(vec![no_keys.answering("retry-after", "1")]).await;
    world.tenants.set_unavailable(true);
    let case = ContractCase::get("/v4/Users/2937", unavailable()).answering("retry-after", "1");
    world.holds(vec![case.clone()]).await;
    world.tenants.set_unavailable(false);
    assert!(case.check(&world, &world.get("/v4/Users/2937").await).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_use_case_that_does_not_answer_by_the_deadline_is_503() {
    let world = World::with_limits(ApiLimits {
        deadline: Duration::from_secs(3),
        retry_after: Duration::from_secs(4),
        ..ApiLimits::default()
    });
    world.store.set_mode(StoreMode::Stuck);
    for target in READS {
        let started = tokio::time::Instant::now();
        world
            .holds(vec![
                ContractCase::get(target, unavailable()).answering("retry-after", "4"),
            ])
            .await;
        assert!(
            started.elapsed() >= Duration::from_secs(2),
            "the clock is paused: {target}"
        );
    }
    world.store.set_mode(StoreMode::Slow(Duration::from_secs(1)));
    assert_eq!(world.get("/v4/Users/2937").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_gives_up_by_the_deadline_still_tells_its_event() {
    let world = World::with_limits(ApiLimits {
        deadline: Duration::from_secs(3),
        ..ApiLimits::default()
    });
    world.store.set_mode(StoreMode::Slow(Duration::from_secs(3)));
    assert_eq!(world.get("/v4/Users/2937").await.status, 200);
    assert_eq!(world.events.take().len(), 1);
}

#[tokio::test]
async fn the_deadline_of_the_connection_loop_is_kept_and_the_route_noted() {
    let world = World::new();
    world.store.set_mode(StoreMode::Stuck);
    let mut request = Request::builder().uri("/v4/Users/2937");
    for (name, value) in ContractCase::get("/", Expectation::Status(200)).request(&world).headers {
        request = request.header(name, value);
    }
    let arrival = Arrival {
        request_id: RequestId::new("loop-7").unwrap(),
        deadline: Instant::now(),
        caller: None,
    };
    let request = request.body(String::new()).unwrap();
    let answer = read(answered(&world.api, Some(arrival), request).await).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(header(&answer, "x-requestid"), Some("loop-7"));
    assert_eq!(
        &**world.api.route("/v4/Users/2937").unwrap().pattern(),
        "/v4/Users/{crid}"
    );
}

/// A body of which nobody knows how long it is.
fn streamed(chunks: impl Stream<Item = Result<Bytes, std::io::Error>> + Send) -> impl RequestBody {
    StreamBody::new(chunks.map_ok(Frame::data))
}

/// RFC 9110 §15.5.9.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_answered_with_408() {
    let world = World::new();
    let mut request = Request::post("/v4/Users/Search");
    for (name, value) in ContractCase::search("", Expectation::Status(200))
        .request(&world)
        .headers
    {
        request = request.header(name, value);
    }
    let endless = futures_util::stream::once(pending::<Result<Bytes, std::io::Error>>());
    let answer = world.send(request.body(streamed(endless)).unwrap()).await;
    assert_eq!(answer.status, 408);
    assert!(answer.body.contains("UsersOrchestrator_E408"), "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request_and_a_late_one_is_408() {
    let world = World::new();
    let (cut, late): (Box<dyn Error + Send + Sync>, Box<dyn Error + Send + Sync>) =
        (std::io::Error::other("cut").into(), BodyTimeout.into());
    for (error, status) in [(cut, 400), (late, 408)] {
        let mut request = Request::post("/v4/Users/Search");
        for (name, value) in ContractCase::search("", Expectation::Status(200))
            .request(&world)
            .headers
        {
            request = request.header(name, value);
        }
        let body = StreamBody::new(futures_util::stream::iter([Err::<Frame<Bytes>, _>(error)]));
        let answer = world.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_body_is_bounded_whatever_its_length_claims() {
    let world = World::new();
    let mut request = Request::post("/v4/Users/Search");
    for (name, value) in ContractCase::search("", Expectation::Status(200))
        .request(&world)
        .headers
    {
        request = request.header(name, value);
    }
    let chunk = Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
    let chunks = futures_util::stream::iter((0..100_000).map(move |_| {
        chunk
            .as_ref()
            .map(Bytes::clone)
            .map_err(|_| std::io::Error::other("none"))
    }));
    let answer = world.send(request.body(streamed(chunks)).unwrap()).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_waited_for() {
    let world = World::new();
    let mut request = Request::post("/v4/Users/Search").header("Content-Length", "65537");
    for (name, value) in ContractCase::search("", Expectation::Status(200))
        .request(&world)
        .headers
    {
        request = request.header(name, value);
    }
    let endless = futures_util::stream::once(pending::<Result<Bytes, std::io::Error>>());
    let answer = world.send(request.body(streamed(endless)).unwrap()).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[tokio::test]
async fn the_servers_own_refusals_have_the_shape_of_the_address() {
    let at = async |path, refusal| {
        let id = RequestId::new("r-9-12345").unwrap();
        read(refusal_at(path, refusal, id, Duration::from_millis(1500))).await
    };
    let internal = at("/v4/Users/7", ServerRefusal::Internal).await;
    assert_eq!(
        internal.body,
        r#"{"message":{"code":"UsersOrchestrator_E500","text":"Internal Server Error","type":"Error"},"meta":null,"data":null}"#
    );
    assert_eq!(
        (internal.status, header(&internal, "x-requestid")),
        (500, Some("r-9-12345"))
    );
    assert_eq!(at("/", ServerRefusal::UriTooLong).await.status, 414);
    let large = at("/v4/Users", ServerRefusal::HeadersTooLarge).await;
    assert!(large.status == 431 && large.body.contains("UsersOrchestrator_E431"));
    let encoded = at("/v4/Users", ServerRefusal::ContentEncoding).await;
    assert_eq!(
        (encoded.status, header(&encoded, "accept-encoding")),
        (415, Some("identity"))
    );
    for (refusal, status, code) in [
        (ServerRefusal::BadRequest, 400, "UsersOrchestrator_E400"),
        (ServerRefusal::ContentEncoding, 415, "UsersOrchestrator_E415"),
        (ServerRefusal::TransferEncoding, 501, "UsersOrchestrator_E501"),
    ] {
        let v4 = at("/v4/Users", refusal).await;
        assert!(
            v4.status == status && v4.body.contains(&format!("\"{code}\"")),
            "{}",
            v4.body
        );
        let legacy = at("/User", refusal).await;
        assert!(
            legacy.status == status && legacy.body.starts_with(r#"{"error":""#),
            "{}",
            legacy.body
        );
        let export = at("/v1/customers/export", refusal).await;
        assert!(export.status == status && export.body.starts_with(r#"{"status":"fail","error":{"#));
    }
    let busy = at("/v4/Users", ServerRefusal::Unavailable).await;
    assert_eq!((busy.status, header(&busy, "retry-after")), (503, Some("2")));

    for path in ["/User", "/User/", "/User/2937/0", "/User/a/b/c"] {
        let internal = at(path, ServerRefusal::Internal).await;
        assert_eq!(
            (internal.status, &*internal.body),
            (500, r#"{"error":"Something went wrong. Please try again later."}"#)
        );
        let large = at(path, ServerRefusal::HeadersTooLarge).await;
        assert_eq!(
            (large.status, &*large.body),
            (431, r#"{"error":"Request Header Fields Too Large"}"#)
        );
    }
    for path in [
        "/v1/customers/export",
        "/v1/users/export/herald",
        "/v1/customers/export/x/y",
    ] {
        let internal = at(path, ServerRefusal::Internal).await;
        let body = r#"{"status":"fail","error":{"message":"Internal Server Error","type":"ServerError","request_id":"-9-12345"}}"#;
        assert_eq!((internal.status, &*internal.body), (500, body));
        let long = at(path, ServerRefusal::UriTooLong).await;
        let body =
            r#"{"status":"fail","error":{"message":"URI Too Long","type":"UriTooLong","request_id":"-9-12345"}}"#;
        assert_eq!((long.status, &*long.body), (414, body));
        let busy = at(path, ServerRefusal::Unavailable).await;
        assert_eq!((busy.status, header(&busy, "retry-after")), (503, Some("2")));
    }
    let other = at("/v1/customers/exports", ServerRefusal::Internal).await;
    assert!(other.body.contains("UsersOrchestrator_E500"));
}

#[tokio::test]
async fn a_request_id_that_cannot_be_echoed_is_replaced() {
    let world = World::new();
    for bad in ["a b", &"x".repeat(129)] {
        let case = ContractCase::get("/v4/Users/2937", Expectation::Status(200)).with("X-RequestId", bad);
        let answer = world.ask(&case).await;
        let id = header(&answer, "x-requestid").unwrap();
        assert!(id != bad && !id.is_empty());
        assert_eq!(&*world.events.take()[0].request_id, id);
    }
}
