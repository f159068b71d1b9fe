//! Traces and metrics as a collector receives them over a real socket: the whole chain of spans, and no personal data.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::Uri};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    metrics::v1::metric::Data,
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    providers::{
        client::{UserApiClient, by_email, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process::SECRET,
        raw_http::RawConnection,
        readers::{PERSONAL, crid},
    },
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const COLLECTOR_KEY: &str = "an-invented-collector-key";

/// Every attribute that a span may have.
const ATTRIBUTES: [&str; 8] = [
    "db.query.summary",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "masthead.request_id",
    "server.address",
];

type Received = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A collector that keeps what it gets.
struct Collector {
    address: SocketAddr,
    received: Received,
}

impl Collector {
    fn start(runtime: &Runtime) -> Self {
        let received = Received::default();
        let keep = |State(received): State<Received>, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            received.lock().unwrap().push((uri.path().to_owned(), headers, body));
        };
        let routes = Router::new().fallback(keep).with_state(Arc::clone(&received));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, received }
    }

    /// The messages of a path; each must have the media type of protobuf and the header of the settings.
    fn messages<M: Message + Default>(&self, path: &str) -> Vec<M> {
        let received = self.received.lock().unwrap();
        let of_path = received.iter().filter(|(to, ..)| to == path);
        let decoded = of_path.map(|(_, headers, body)| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            assert_eq!(headers["x-collector-key"], COLLECTOR_KEY);
            M::decode(&body[..]).unwrap()
        });
        decoded.collect()
    }

    fn spans(&self) -> Vec<Span> {
        let messages = self.messages::<ExportTraceServiceRequest>("/v1/traces");
        let resources = messages.into_iter().flat_map(|message| message.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

async fn get(client: &UserApiClient, path: &str, headers: &[(&str, &str)]) -> u16 {
    let authorization = format!("Bearer {}", client.token);
    let usual = [
        ("Authorization", &*authorization),
        ("X-SourceSystem", "CRM"),
        ("X-ClientGroupCode", "north"),
        ("X-ClientCode", "daily"),
        ("X-PaperCode", client.paper),
    ];
    let mut wire = RawConnection::connect(client.address).await.unwrap();
    let answer = wire.get(path, &[&usual, headers].concat()).await;
    answer.unwrap().status
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The only span with this name.
fn named<'s>(spans: &'s [&'s Span], name: &str) -> &'s Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    assert_eq!(found.len(), 1, "{name} in {names:?}");
    found[0]
}

#[test]
fn trace_of_a_look_up_is_a_chain_of_spans() {
    let runtime = Runtime::new().unwrap();
    let collector = Collector::start(&runtime);
    let endpoint = format!("http://{}", collector.address);
    let headers = format!("X-Collector-Key={COLLECTOR_KEY}");
    let settings = [
        ("TELEMETRY__OTLP_ENDPOINT", &*endpoint),
        ("TELEMETRY__OTLP_HEADERS", &*headers),
        // Only traces that their callers record.
        ("TELEMETRY__SAMPLE_RATIO", "0"),
        ("LOG__LEVEL", "trace"),
    ];
    let server = ProviderTestServer::start(&[FederatedTenant::new("herald")], &settings);
    let client = server.client("herald");
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    server.sandbox("herald").clear_log();
    server.runtime.block_on(async {
        let continued = [
            ("traceparent", &*traceparent),
            ("tracestate", "quizzeltop=liveside"),
            ("baggage", "user=quizzeltop"),
            ("X-RequestId", "request-7"),
        ];
        assert_eq!(get(&client, &by_id("both-herald"), &continued).await, 200);
        // Not recorded: the ratio is 0, and these headers name no trace.
        for broken in ["", "00-quizzeltop", "00-0000-0000-01"] {
            let path = by_email("provider-herald");
            assert_eq!(get(&client, &path, &[("traceparent", broken)]).await, 200);
        }
    });
    let calls = server.sandbox("herald").log();
    let stopped = server.stop();

    let spans = collector.spans();
    let spans: Vec<&Span> = spans.iter().collect();
    let request = named(&spans, "GET /v4/Users/{crid}");
    assert_eq!(
        (hex(&request.trace_id), hex(&request.parent_span_id)),
        (TRACE.into(), CALLER.into())
    );
    let use_case = named(&spans, "look up user");
    assert_eq!(use_case.parent_span_id, request.span_id);
    let query = named(&spans, "by_id");
    assert_eq!(query.parent_span_id, use_case.span_id);
    let call = named(&spans, "GET Auth0 by_id");
    assert_eq!(call.parent_span_id, use_case.span_id);
    assert!(
        spans
            .iter()
            .all(|span| hex(&span.trace_id) == TRACE && span.trace_state.is_empty())
    );
    assert!(spans.iter().all(|span| span.events.is_empty() && span.links.is_empty()));
    // The provider is called as a part of the trace of its caller.
    let passed_on = format!("00-{TRACE}-{}-01", hex(&call.span_id));
    let to_users: Vec<_> = calls.iter().filter(|call| call.path.contains("/users/")).collect();
    assert_eq!(to_users[0].header("traceparent"), Some(&*passed_on));
    assert!(
        to_users
            .iter()
            .all(|call| call.header("tracestate").is_none() && call.header("baggage").is_none())
    );
    assert!(!stopped.log.contains(COLLECTOR_KEY), "{}", stopped.log);
    assert!(
        !stopped.log.contains("\"spans\":"),
        "log lines are as without traces: {}",
        stopped.log
    );
}

#[test]
fn telemetry_holds_no_personal_data() {
    let runtime = Runtime::new().unwrap();
    let collector = Collector::start(&runtime);
    let endpoint = format!("http://{}", collector.address);
    let headers = format!("X-Collector-Key={COLLECTOR_KEY}");
    let settings = [
        ("TELEMETRY__OTLP_ENDPOINT", &*endpoint),
        ("TELEMETRY__OTLP_HEADERS", &*headers),
        ("TELEMETRY__SAMPLE_RATIO", "1"),
        ("TELEMETRY__METRICS_EVERY", "1s"),
        ("PROVIDERS__FRESH", "0s"),
    ];
    let server = ProviderTestServer::start(&[FederatedTenant::new("herald")], &settings);
    let client = server.client("herald");
    let token = client.token.clone();
    server.runtime.block_on(async {
        let hostile = [("X-RequestId", "ann@hidden.example"), ("User-Agent", "quizzeltop")];
        for path in [
            by_id("both-herald"),
            by_id("missing"),
            by_email("local-herald"),
            "/v4/Users?firstName=storeside&lastName=quizzeltop&metadata.city=nowhereville".to_owned(),
            "/v4/Users?email=hidden.example&cursor=quizzeltop".to_owned(),
            "/v4/Quizzeltop/both@hidden.example".to_owned(),
        ] {
            get(&client, &path, &hostile).await;
        }
    });
    // An outage has texts of its own.
    let sandbox = server.sandbox("herald");
    server.runtime.block_on(sandbox.off()).unwrap();
    let failed = server.runtime.block_on(get(
        &client,
        &format!("{}?onProviderFailure=fail", by_id("provider-herald")),
        &[],
    ));
    assert_eq!(failed, 503);
    server.stop();

    let spans = collector.spans();
    let errors: Vec<_> = spans
        .iter()
        .filter(|span| {
            span.status
                .as_ref()
                .is_some_and(|status| status.code() == StatusCode::Error)
        })
        .map(|span| &*span.name)
        .collect();
    assert!(errors.contains(&"GET /v4/Users/{crid}"), "{errors:?}");
    assert!(errors.contains(&"GET Auth0 by_id"), "{errors:?}");
    // A path without a route has no name of its own.
    assert!(spans.iter().any(|span| span.name == "GET"));
    let keys: BTreeSet<_> = spans
        .iter()
        .flat_map(|span| span.attributes.iter().map(|attribute| &*attribute.key))
        .collect();
    let allowed = BTreeSet::from(ATTRIBUTES);
    assert!(keys.is_subset(&allowed), "{:?}", keys.difference(&allowed));

    let metrics = collector.messages::<ExportMetricsServiceRequest>("/v1/metrics");
    let all: Vec<_> = metrics
        .iter()
        .flat_map(|message| &message.resource_metrics)
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .collect();
    let has = |name: &str, kind: fn(&Data) -> bool| {
        all.iter()
            .any(|metric| metric.name == name && metric.data.as_ref().is_some_and(kind))
    };
    assert!(has("masthead_http_request_duration_seconds", |data| matches!(
        data,
        Data::Histogram(histogram) if histogram.data_points.iter().all(|point| {
            point.bucket_counts.iter().sum::<u64>() == point.count && point.explicit_bounds.len() + 1 == point.bucket_counts.len()
        })
    )));
    assert!(has("masthead_provider_calls_total", |data| matches!(
        data,
        Data::Sum(sum) if sum.is_monotonic
    )));
    assert!(has("process_resident_memory_bytes", |data| matches!(
        data,
        Data::Gauge(_)
    )));

    let text = format!("{spans:?} {metrics:?}").to_lowercase();
    let id = crid("both-herald");
    for word in PERSONAL.into_iter().chain([SECRET, &*token, &*id, "bearer ", "?"]) {
        let at = text.find(&word.to_lowercase());
        let around = at.map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
        assert_eq!(around, None, "{word:?} is in what the collector gets");
    }
}

#[test]
fn collector_that_is_silent_delays_nothing() {
    let runtime = Runtime::new().unwrap();
    // It accepts and never answers.
    let silent = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let settings = [
        ("TELEMETRY__OTLP_ENDPOINT", &*endpoint),
        ("TELEMETRY__SAMPLE_RATIO", "1"),
        ("TELEMETRY__METRICS_EVERY", "1s"),
    ];
    let server = ProviderTestServer::start(&[FederatedTenant::new("herald")], &settings);
    let client = server.client("herald");
    server.runtime.block_on(async {
        for _ in 0..50 {
            assert_eq!(get(&client, &by_id("both-herald"), &[]).await, 200);
        }
    });
    // It ends in order, and the log states once what is lost.
    let log = server.stop().log;
    let warnings =
        log.matches("telemetry: it is lost until it does").count() + log.matches("spans and metrics are lost").count();
    assert!((1..=2).contains(&warnings), "{log}");
}
