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

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

pub use collector::is_endpoint;
pub use options::{TelemetryError, TelemetryOptions};
pub use propagation::{add_trace_headers, continue_trace};

use collector::Collector;
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

    /// Starts the tasks that export. `metrics` returns the process's metrics in the text format of Prometheus.
    ///
    /// Must be called within a Tokio runtime.
    #[must_use]
    pub fn start(self, metrics: impl Fn() -> String + Send + 'static) -> RunningTelemetry {
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
            let export = metrics_export::MetricsExport::new(self.collector, resource, every);
            tasks.spawn(export.run(metrics, end.clone()));
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
