//! Checks the raw settings of `[metrics]`.

use crate::settings::{checker::Checker, model::MetricsSettings, raw::RawMetrics};

pub(in crate::settings) fn metrics(raw: &RawMetrics, c: &mut Checker<'_>) -> Option<MetricsSettings> {
    if raw.listen.is_empty() {
        return Some(MetricsSettings { listen: None });
    }
    let listen = c.address("metrics.listen", &raw.listen);
    Some(MetricsSettings { listen: Some(listen?) })
}
