//! Unavailable, slow and faulty dependencies behind the router.

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
use masthead_api::{
    AnswerRoom, ApiLimits, BodyTimeoutError, RequestBody, RequestContext, RequestId, ServerRefusal, refuse_at,
};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    contract_cases::{ContractCase, Expectation},
    store::StoreMode,
};

use crate::fixture::{ApiFixture, answer, header, read};

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
async fn unavailable_store_is_503_with_retry_after() {
    let api = ApiFixture::new();
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
        api.store.set_mode(StoreMode::Failing(kind));
        for target in READS {
            let case = ContractCase::get(target, unavailable()).answering("retry-after", seconds);
            api.check(vec![case]).await;
        }
    }
}

#[tokio::test]
async fn search_that_times_out_is_e400_90() {
    let api = ApiFixture::new();
    api.store.set_mode(StoreMode::Failing(SourceErrorKind::TooBroad));
    let text = "The search cannot be answered - the search timed out; add filters";
    api.check(vec![ContractCase::get(
        "/v4/Users?email=a",
        error(400, "E400_90", text),
    )])
    .await;
}

#[tokio::test]
async fn corrupt_store_is_500_by_operation() {
    let api = ApiFixture::new();
    api.store.set_mode(StoreMode::Failing(SourceErrorKind::Corrupt));
    let by_id = error(500, "E500_01", "There was a problem during the GetById workflow.");
    let list = error(500, "E500_02", "There was a problem during the Get workflow.");
    api.check(vec![
        ContractCase::get("/v4/Users/2937", by_id),
        ContractCase::get("/v4/Users?email=ann@example.com", list.clone()),
        ContractCase::get("/v4/Users", list),
    ])
    .await;
}

#[tokio::test]
async fn unavailable_tenants_or_keys_are_503() {
    let api = ApiFixture::new();
    let no_keys = ContractCase::get("/v4/Users", unavailable()).with("Authorization", "Bearer no-keys");
    api.check(vec![no_keys.answering("retry-after", "1")]).await;
    api.tenants.set_unavailable(true);
    let case = ContractCase::get("/v4/Users/2937", unavailable()).answering("retry-after", "1");
    api.check(vec![case.clone()]).await;
    api.tenants.set_unavailable(false);
    assert!(case.check(&api, &api.get("/v4/Users/2937").await).is_err());
}

#[tokio::test(start_paused = true)]
async fn missed_deadline_is_503() {
    let api = ApiFixture::with_limits(ApiLimits {
        deadline: Duration::from_secs(3),
        retry_after: Duration::from_secs(4),
        ..ApiLimits::default()
    });
    api.store.set_mode(StoreMode::Stuck);
    for target in READS {
        let started = tokio::time::Instant::now();
        api.check(vec![
            ContractCase::get(target, unavailable()).answering("retry-after", "4"),
        ])
        .await;
        assert!(
            started.elapsed() >= Duration::from_secs(2),
            "the clock is paused: {target}"
        );
    }
    api.store.set_mode(StoreMode::Slow(Duration::from_secs(1)));
    assert_eq!(api.get("/v4/Users/2937").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn source_that_ends_at_the_deadline_writes_its_event() {
    let api = ApiFixture::with_limits(ApiLimits {
        deadline: Duration::from_secs(3),
        ..ApiLimits::default()
    });
    api.store.set_mode(StoreMode::Slow(Duration::from_secs(3)));
    assert_eq!(api.get("/v4/Users/2937").await.status, 200);
    assert_eq!(api.events.take().len(), 1);
}

#[tokio::test]
async fn context_of_the_server_is_used() {
    let api = ApiFixture::new();
    api.store.set_mode(StoreMode::Stuck);
    let request = api.with_good_headers(Request::get("/v4/Users/2937"));
    let context = RequestContext {
        request_id: RequestId::new("loop-7").unwrap(),
        deadline: Instant::now(),
        caller: None,
        room: AnswerRoom::default(),
    };
    let request = request.body(String::new()).unwrap();
    let answer = read(answer(&api.api, Some(context), request).await).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(header(&answer, "x-requestid"), Some("loop-7"));
    assert_eq!(
        &**api.api.route("/v4/Users/2937").unwrap().pattern(),
        "/v4/Users/{crid}"
    );
}

/// A body of unknown length.
fn streamed(chunks: impl Stream<Item = Result<Bytes, std::io::Error>> + Send) -> impl RequestBody {
    StreamBody::new(chunks.map_ok(Frame::data))
}

/// RFC 9110 §15.5.9.
#[tokio::test(start_paused = true)]
async fn endless_body_is_408() {
    let api = ApiFixture::new();
    let request = api.with_good_headers(Request::post("/v4/Users/Search"));
    let endless = futures_util::stream::once(pending::<Result<Bytes, std::io::Error>>());
    let answer = api.send(request.body(streamed(endless)).unwrap()).await;
    assert_eq!(answer.status, 408);
    assert!(answer.body.contains("UsersOrchestrator_E408"), "{}", answer.body);
}

#[tokio::test]
async fn broken_body_is_400_and_late_body_is_408() {
    let api = ApiFixture::new();
    let (cut, late): (Box<dyn Error + Send + Sync>, Box<dyn Error + Send + Sync>) =
        (std::io::Error::other("cut").into(), BodyTimeoutError.into());
    for (error, status) in [(cut, 400), (late, 408)] {
        let request = api.with_good_headers(Request::post("/v4/Users/Search"));
        let body = StreamBody::new(futures_util::stream::iter([Err::<Frame<Bytes>, _>(error)]));
        let answer = api.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn body_of_unknown_length_is_bounded() {
    let api = ApiFixture::new();
    let request = api.with_good_headers(Request::post("/v4/Users/Search"));
    let chunk = Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
    let chunks = futures_util::stream::iter((0..100_000).map(move |_| {
        chunk
            .as_ref()
            .map(Bytes::clone)
            .map_err(|_| std::io::Error::other("none"))
    }));
    let answer = api.send(request.body(streamed(chunks)).unwrap()).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[tokio::test]
async fn announced_large_body_is_refused_at_once() {
    let api = ApiFixture::new();
    let request = api.with_good_headers(Request::post("/v4/Users/Search").header("Content-Length", "65537"));
    let endless = futures_util::stream::once(pending::<Result<Bytes, std::io::Error>>());
    let answer = api.send(request.body(streamed(endless)).unwrap()).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[tokio::test]
async fn server_refusals_have_the_shape_of_the_api() {
    let v4 = |code: &str, text: &str| {
        format!(
            r#"{{"message":{{"code":"UsersOrchestrator_{code}","text":"{text}","type":"Error"}},"meta":null,"data":null}}"#
        )
    };
    let legacy = |text: &str| format!(r#"{{"error":"{text}"}}"#);
    let export = |text: &str, kind: &str| {
        format!(r#"{{"status":"fail","error":{{"message":"{text}","type":"{kind}","request_id":"-9-12345"}}}}"#)
    };
    let encoding = "Unsupported Media Type - a Content-Encoding is not supported";
    let wrong = "Something went wrong. Please try again later.";
    let long = "URI Too Long - use POST /v4/Users/Search";
    let large = "Request Header Fields Too Large";
    let unavailable = "Service Unavailable - a source that should know did not answer";
    #[rustfmt::skip]
    let cases = [
        (ServerRefusal::BadRequest, 400, None, v4("E400", "Bad Request"), (400, legacy("Bad Request")), export("Bad Request", "BadRequest")),
        (ServerRefusal::ContentEncoding, 415, Some(("accept-encoding", "identity")), v4("E415", encoding), (415, legacy(encoding)), export("Unsupported Media Type", "MediaTypeError")),
        (ServerRefusal::TransferEncoding, 501, None, v4("E501", "Not Implemented"), (501, legacy("Not Implemented")), export("Not Implemented", "NotImplemented")),
        (ServerRefusal::UriTooLong, 414, None, v4("E414", long), (414, legacy(long)), export("URI Too Long", "UriTooLong")),
        (ServerRefusal::HeadersTooLarge, 431, None, v4("E431", large), (431, legacy(large)), export(large, "HeadersTooLarge")),
        (ServerRefusal::Internal, 500, None, v4("E500", "Internal Server Error"), (500, legacy(wrong)), export("Internal Server Error", "ServerError")),
        (ServerRefusal::Unavailable, 503, Some(("retry-after", "2")), v4("E503", unavailable), (500, legacy(wrong)), export("Service Unavailable", "ServiceUnavailable")),
    ];
    for (refusal, status, header_name, v4, legacy, export) in cases {
        for (paths, (status, body)) in [
            (
                &["/v4/Users/7", "/", "/docs", "/Users", "/v1/customers/exports"][..],
                (status, v4),
            ),
            (&["/User", "/User/", "/User/2937/0", "/User/a/b/c"], legacy),
            (
                &[
                    "/v1/customers/export",
                    "/v1/users/export/herald",
                    "/v1/customers/export/x/y",
                ],
                (status, export),
            ),
        ] {
            for path in paths {
                let id = RequestId::new("r-9-12345").unwrap();
                let answer = read(refuse_at(path, refusal, id, Duration::from_millis(1500))).await;
                assert_eq!((answer.status, &answer.body), (status, &body), "{path}");
                assert_eq!(header(&answer, "x-requestid"), Some("r-9-12345"));
                if let Some((name, value)) = header_name {
                    assert_eq!(header(&answer, name), Some(value), "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn invalid_request_id_is_replaced() {
    let api = ApiFixture::new();
    for bad in ["a b", &"x".repeat(129)] {
        let case = ContractCase::get("/v4/Users/2937", Expectation::Status(200)).with("X-RequestId", bad);
        let answer = api.send_case(&case).await;
        let id = header(&answer, "x-requestid").unwrap();
        assert!(id != bad && !id.is_empty());
        assert_eq!(&*api.events.take()[0].request_id, id);
    }
}
