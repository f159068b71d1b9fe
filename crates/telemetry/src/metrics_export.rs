//! Sends the metrics of `/metrics` to the collector, regularly: the same names, labels and values on both ways.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{InstrumentationScope, KeyValue},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, metric::Data, number_data_point::Value,
    },
    resource::v1::Resource,
};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::{
    collector::{Collector, Signal},
    exposition::{Family, Kind, Sample, parse},
    resource::attribute,
};

/// Sends what `metrics` returns; `now` is the clock.
pub(crate) struct MetricsExport<M, N> {
    metrics: M,
    now: N,
    collector: Arc<Collector>,
    resource: Resource,
    every: Duration,
    /// When counting began, in nanoseconds of UNIX time.
    since: u64,
}

impl<M, N> MetricsExport<M, N>
where
    M: Fn() -> String + Send + Sync,
    N: Fn() -> SystemTime + Send + Sync,
{
    pub(crate) fn new(metrics: M, now: N, collector: Arc<Collector>, resource: Resource, every: Duration) -> Self {
        Self {
            collector,
            resource,
            every,
            since: nanoseconds(now()),
            metrics,
            now,
        }
    }

    /// Runs until it is cancelled, then sends once more.
    pub(crate) async fn run(self, end: CancellationToken) {
        let mut ticks = interval_at(tokio::time::Instant::now() + self.every, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !end.is_cancelled() {
            tokio::select! {
                _ = ticks.tick() => {}
                () = end.cancelled() => {}
            }
            let message = self.message(&(self.metrics)());
            self.collector.send(Signal::Metrics, &message).await;
        }
    }

    fn message(&self, text: &str) -> ExportMetricsServiceRequest {
        let at = nanoseconds((self.now)());
        let metrics = parse(text).iter().map(|family| self.metric(family, at)).collect();
        let scope_metrics = ScopeMetrics {
            scope: Some(InstrumentationScope {
                name: env!("CARGO_PKG_NAME").to_owned(),
                ..InstrumentationScope::default()
            }),
            metrics,
            ..ScopeMetrics::default()
        };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![scope_metrics],
                ..ResourceMetrics::default()
            }],
        }
    }

    fn metric(&self, family: &Family<'_>, at: u64) -> Metric {
        let numbers = |start| {
            let points = family.samples.iter().map(|sample| NumberDataPoint {
                attributes: attributes(sample),
                start_time_unix_nano: start,
                time_unix_nano: at,
                value: Some(Value::AsDouble(sample.value)),
                ..NumberDataPoint::default()
            });
            points.collect()
        };
        let data = match family.kind {
            Kind::Counter => Data::Sum(Sum {
                data_points: numbers(self.since),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: true,
            }),
            Kind::Gauge => Data::Gauge(Gauge {
                data_points: numbers(0),
            }),
            Kind::Histogram => Data::Histogram(Histogram {
                data_points: histogram_points(family, self.since, at),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
            }),
        };
        Metric {
            name: family.name.to_owned(),
            description: family.help.to_owned(),
            unit: unit(family.name).to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }
}

/// The unit in the name, in UCUM.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    if name.ends_with("_seconds") {
        "s"
    } else if name.ends_with("_bytes") {
        "By"
    } else {
        ""
    }
}

fn attributes(sample: &Sample<'_>) -> Vec<KeyValue> {
    let labels = sample.labels.iter().filter(|(key, _)| *key != "le");
    labels.map(|(key, value)| attribute(key, value)).collect()
}

/// One point for each set of labels. Prometheus's buckets hold all smaller values too, those of OTLP only their own.
fn histogram_points(family: &Family<'_>, since: u64, at: u64) -> Vec<HistogramDataPoint> {
    let mut points: BTreeMap<Vec<(&str, &str)>, HistogramDataPoint> = BTreeMap::new();
    for sample in &family.samples {
        let labels = sample.labels.iter().map(|(key, value)| (*key, value.as_str()));
        let key = labels.clone().filter(|(key, _)| *key != "le").collect();
        let point = points.entry(key).or_insert_with(|| HistogramDataPoint {
            attributes: attributes(sample),
            start_time_unix_nano: since,
            time_unix_nano: at,
            ..HistogramDataPoint::default()
        });
        match sample.name.strip_prefix(family.name) {
            Some("_sum") => point.sum = Some(sample.value),
            Some("_count") => point.count = count(sample.value),
            _ => {
                let bound = labels.clone().find(|(key, _)| *key == "le");
                let bound = bound.and_then(|(_, bound)| bound.parse().ok()).unwrap_or(f64::INFINITY);
                let below: u64 = point.bucket_counts.iter().sum();
                point.bucket_counts.push(count(sample.value).saturating_sub(below));
                if bound.is_finite() {
                    point.explicit_bounds.push(bound);
                }
            }
        }
    }
    points.into_values().collect()
}

/// A count, which the text has as a decimal number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is a whole number that is not negative; others become the nearest one"
)]
const fn count(value: f64) -> u64 {
    value as u64
}

/// UNIX time.
fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cumulative_buckets_become_single_ones() {
        let text = "# TYPE t_seconds histogram\n\
                    t_seconds_bucket{a=\"x\",le=\"0.5\"} 2\nt_seconds_bucket{a=\"x\",le=\"1\"} 5\n\
                    t_seconds_bucket{a=\"x\",le=\"+Inf\"} 6\nt_seconds_sum{a=\"x\"} 4.5\nt_seconds_count{a=\"x\"} 6\n";
        let families = parse(text);
        let points = histogram_points(&families[0], 1, 2);
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].bucket_counts, [2, 3, 1]);
        assert_eq!(points[0].explicit_bounds, [0.5, 1.0]);
        assert_eq!((points[0].count, points[0].sum), (6, Some(4.5)));
        assert_eq!(points[0].attributes, [attribute("a", "x")]);
        assert_eq!(unit("t_seconds"), "s");
    }
}
