//! Checks the raw settings of `[log]`.

use tracing_subscriber::EnvFilter;

use crate::settings::{
    checker::Checker,
    model::{LogFormat, LogSettings},
    raw::RawLog,
};

pub(in crate::settings) fn log(raw: &RawLog, c: &mut Checker<'_>) -> Option<LogSettings> {
    let format = match raw.format.as_str() {
        "json" => Some(LogFormat::Json),
        "pretty" => Some(LogFormat::Pretty),
        _ => {
            c.errors.add("log.format", "must be json or pretty");
            None
        }
    };
    let good = !raw.level.trim().is_empty() && EnvFilter::try_new(&raw.level).is_ok();
    if !good {
        c.errors.add(
            "log.level",
            "must be error, warn, info, debug or trace, or directives such as info,masthead=debug",
        );
    }
    Some(LogSettings {
        format: format?,
        level: good.then(|| raw.level.clone())?,
        file: (!raw.file.is_empty()).then(|| raw.file.as_str().into()),
    })
}
