//! Finished spans: a bounded queue that never blocks, and the task that sends them in batches.

use std::{sync::Arc, time::Duration};

use opentelemetry::Context;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::collector::{Collector, Signal};

/// How many finished spans wait at most: a few megabytes.
const QUEUE: usize = 4096;

/// How many travel in one message at most.
const BATCH: usize = 512;

/// How long spans are gathered for a message.
const GATHER: Duration = Duration::from_secs(2);

/// A finished span. Boxed: the queue has its room from the beginning.
pub(crate) type FinishedSpan = Box<SpanData>;

/// Takes finished spans from the threads that serve requests.
#[derive(Debug)]
pub(crate) struct SpanQueue(mpsc::Sender<FinishedSpan>);

impl SpanQueue {
    pub(crate) fn bounded() -> (Self, mpsc::Receiver<FinishedSpan>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(Box::new(span)).is_err() {
            metrics::counter!("masthead_telemetry_spans_dropped_total").increment(1);
        }
    }

    /// The task flushes when it ends.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends finished spans.
pub(crate) struct SpanExport {
    pub(crate) spans: mpsc::Receiver<FinishedSpan>,
    pub(crate) collector: Arc<Collector>,
    pub(crate) resource: Resource,
}

impl SpanExport {
    /// Runs until it is cancelled, then sends what is queued.
    pub(crate) async fn run(mut self, end: CancellationToken) {
        while !end.is_cancelled() {
            let mut batch = Vec::new();
            tokio::select! {
                count = self.spans.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = end.cancelled() => break,
            }
            let until = Instant::now() + GATHER;
            while batch.len() < BATCH && !end.is_cancelled() {
                let room = BATCH - batch.len();
                tokio::select! {
                    got = tokio::time::timeout_at(until, self.spans.recv_many(&mut batch, room)) => {
                        if !got.is_ok_and(|count| count > 0) {
                            break;
                        }
                    }
                    () = end.cancelled() => break,
                }
            }
            self.send(batch).await;
        }
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Ok(span) = self.spans.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                break;
            }
            self.send(batch).await;
        }
    }

    async fn send(&self, batch: Vec<FinishedSpan>) {
        let spans = batch.into_iter().map(|span| (*span).into()).collect();
        let scope_spans = ScopeSpans {
            scope: Some(InstrumentationScope {
                name: env!("CARGO_PKG_NAME").to_owned(),
                ..InstrumentationScope::default()
            }),
            spans,
            ..ScopeSpans::default()
        };
        let message = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![scope_spans],
                ..ResourceSpans::default()
            }],
        };
        self.collector.send(Signal::Traces, &message).await;
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn full_queue_drops_and_does_not_block() {
        let (queue, mut spans) = SpanQueue::bounded();
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        for _ in 0..QUEUE + 100 {
            drop(tracer.start("a span"));
        }
        let mut queued = 0;
        while spans.try_recv().is_ok() {
            queued += 1;
        }
        assert_eq!(queued, QUEUE);
    }
}
