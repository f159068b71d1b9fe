//! Traces and metrics for an OpenTelemetry collector (OTLP over HTTP): bounded queues, deadlines, no personal data.
//!
//! Only spans with the target of [`TelemetryOptions::span_target`] are exported, without events, so that no log line and no
//! span of a library leaves the process. A collector that is down costs spans, which are counted, and never delays a request.

mod collector;
mod exposition;
mod metrics_export;
mod options;
mod propagation;
mod resource;
mod span_queue;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

pub use collector::is_endpoint;
pub use options::{TelemetryError, TelemetryOptions};
pub use propagation::{add_trace_headers, continue_trace};

use collector::Collector;
use metrics_export::MetricsExport;
use span_queue::{FinishedSpan, SpanExport, SpanQueue};

/// How long the last spans and metrics may take at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// A layer of the process's subscriber.
pub type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The export, before it runs.
pub struct Telemetry {
    options: TelemetryOptions,
    collector: Arc<Collector>,
    provider: SdkTracerProvider,
    spans: mpsc::Receiver<FinishedSpan>,
}

/// The running export.
pub struct RunningTelemetry {
    tasks: JoinSet<()>,
    end: CancellationToken,
}

impl Telemetry {
    /// Prepares the export; connects to nothing.
    ///
    /// # Errors
    /// The endpoint is no http or https URL, or the TLS client cannot be made.
    pub fn new(options: TelemetryOptions) -> Result<Self, TelemetryError> {
        let collector = Arc::new(Collector::new(&options)?);
        let (queue, spans) = SpanQueue::bounded();
        // Each setting that is not made here would be read from variables of the environment by the library.
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                options.sample_ratio,
            ))))
            .with_span_limits(opentelemetry_sdk::trace::SpanLimits::default())
            .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
            .build();
        Ok(Self {
            options,
            collector,
            provider,
            spans,
        })
    }

    /// The layer that turns the program's spans into spans of OpenTelemetry.
    #[must_use]
    pub fn layer(&self) -> SpanLayer {
        let target = self.options.span_target;
        let tracer = self.provider.tracer(self.options.service_name);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_context_activation(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        layer
            .with_filter(filter_fn(move |metadata| {
                metadata.is_span() && metadata.target() == target
            }))
            .boxed()
    }

    /// Starts the tasks that export. `metrics` returns the process's metrics in the text format of Prometheus, `now` is the
    /// clock.
    ///
    /// Must be called within a Tokio runtime.
    #[must_use]
    pub fn start(
        self,
        metrics: impl Fn() -> String + Send + Sync + 'static,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> RunningTelemetry {
        let end = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let resource = resource::resource(&self.options);
        let spans = SpanExport {
            spans: self.spans,
            collector: Arc::clone(&self.collector),
            resource: resource.clone(),
        };
        // The provider lives as long as its task: dropping it would end the queue.
        let provider = self.provider;
        let until = end.clone();
        tasks.spawn(async move {
            spans.run(until).await;
            drop(provider);
        });
        if let Some(every) = self.options.metrics_every {
            let export = MetricsExport::new(metrics, now, self.collector, resource, every);
            tasks.spawn(export.run(end.clone()));
        }
        RunningTelemetry { tasks, end }
    }
}

impl RunningTelemetry {
    /// Sends what is queued, and ends; takes three seconds at most, also with a silent collector.
    pub async fn stop(mut self) {
        self.end.cancel();
        let ended = tokio::time::timeout(FLUSH, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("the collector took too long: the last spans and metrics are lost");
            self.tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use opentelemetry_sdk::trace::SpanData;
    use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _};

    use super::*;

    const TARGET: &str = "test::spans";

    fn telemetry(sample_ratio: f64) -> Telemetry {
        Telemetry::new(TelemetryOptions {
            endpoint: "http://127.0.0.1:1".to_owned(),
            headers: HeaderMap::new(),
            sample_ratio,
            metrics_every: None,
            service_name: "test",
            service_version: "1",
            service_instance: "one".into(),
            span_target: TARGET,
        })
        .unwrap()
    }

    /// The finished spans of this work.
    fn recorded(sample_ratio: f64, work: impl FnOnce()) -> Vec<SpanData> {
        let mut telemetry = telemetry(sample_ratio);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(telemetry.layer()), work);
        std::iter::from_fn(|| telemetry.spans.try_recv().ok().map(|span| *span)).collect()
    }

    #[test]
    fn only_spans_of_the_target_are_recorded() {
        let spans = recorded(1.0, || {
            let own = tracing::trace_span!(target: TARGET, "own", http.route = "/a");
            let _entered = own.enter();
            assert!(tracing::error_span!("a library's").is_disabled());
            tracing::error!(target: TARGET, email = "ann@example.com", "an event");
        });
        assert_eq!(spans.len(), 1);
        assert_eq!((&*spans[0].name, spans[0].events.len()), ("own", 0));
        let keys: Vec<_> = spans[0]
            .attributes
            .iter()
            .map(|attribute| attribute.key.as_str())
            .collect();
        assert_eq!(keys, ["http.route"]);
    }

    #[test]
    fn without_the_layer_spans_are_disabled() {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new("info")).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::trace_span!(target: TARGET, "own").is_disabled());
            let mut headers = HeaderMap::new();
            add_trace_headers(&mut headers);
            assert!(headers.is_empty());
        });
    }

    #[test]
    fn trace_of_the_caller_is_continued_without_its_state() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let spans = recorded(0.0, || {
            let mut headers = HeaderMap::new();
            headers.insert(
                "traceparent",
                HeaderValue::from_str(&format!("00-{trace}-b7ad6b7169203331-01")).unwrap(),
            );
            headers.insert("tracestate", HeaderValue::from_static("vendor=ann"));
            let span = tracing::trace_span!(target: TARGET, "request");
            continue_trace(&span, &headers);
            let _entered = span.enter();
            let mut passed_on = HeaderMap::new();
            add_trace_headers(&mut passed_on);
            assert_eq!(passed_on.len(), 1);
            let passed_on = passed_on["traceparent"].to_str().unwrap();
            assert!(
                passed_on.starts_with(&format!("00-{trace}-")) && passed_on.ends_with("-01"),
                "{passed_on}"
            );
            assert!(!passed_on.contains("b7ad6b7169203331"));
        });
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].span_context.trace_id().to_string(), trace);
        assert!(spans[0].parent_span_is_remote && spans[0].span_context.trace_state().header().is_empty());
    }

    #[test]
    fn invalid_or_repeated_traceparent_begins_a_new_trace() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for values in [
            vec!["nonsense"],
            vec![""],
            vec!["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            vec![valid, valid],
        ] {
            let spans = recorded(1.0, || {
                let mut headers = HeaderMap::new();
                for value in &values {
                    headers.append("traceparent", HeaderValue::from_static(value));
                }
                let span = tracing::trace_span!(target: TARGET, "request");
                continue_trace(&span, &headers);
                drop(span.entered());
            });
            assert_eq!(spans.len(), 1);
            assert!(!spans[0].parent_span_is_remote, "{values:?}");
        }
    }

    #[test]
    fn ratio_decides_where_the_caller_does_not() {
        let spans = recorded(0.0, || drop(tracing::trace_span!(target: TARGET, "request").entered()));
        assert!(spans.is_empty());
    }
}
