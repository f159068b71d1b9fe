//! Checks the raw settings of `[metrics]`.

use crate::settings::{checker::Checker, model::MetricsSettings, raw::RawMetrics};

pub(in crate::settings) fn metrics(raw: &RawMetrics, c: &mut Checker<'_>) -> Option<MetricsSettings> {
    // A word, because an empty variable of the environment counts as not set.
    let is_off = raw.listen.is_empty() || raw.listen == "off";
    let listen = if is_off {
        Some(None)
    } else {
        c.address("metrics.listen", &raw.listen).map(Some)
    };
    let on_api_port = c.switch("metrics.on_api_port", &raw.on_api_port);
    Some(MetricsSettings {
        listen: listen?,
        on_api_port: on_api_port?,
    })
}
