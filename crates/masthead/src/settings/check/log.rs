//! Checks the raw settings of `[log]`.

use masthead_domain::suggestion::did_you_mean;
use tracing_subscriber::EnvFilter;

use crate::settings::{
    checker::Checker,
    model::{LogFormat, LogSettings},
    raw::RawLog,
};

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub(in crate::settings) fn log(raw: &RawLog, c: &mut Checker<'_>) -> Option<LogSettings> {
    let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
    let format = c.choice("log.format", &raw.format, &formats);
    let wrong = unknown_level(&raw.level);
    let good = wrong.is_none() && !raw.level.trim().is_empty() && EnvFilter::try_new(&raw.level).is_ok();
    if !good {
        let suggestion = wrong.map_or_else(String::new, |wrong| did_you_mean(wrong, LEVELS));
        c.errors.add(
            "log.level",
            format!(
                "must be error, warn, info, debug, trace or off, or directives such as info,masthead=debug{suggestion}"
            ),
        );
    }
    Some(LogSettings {
        format: format?,
        level: good.then(|| raw.level.clone())?,
        file: (!raw.file.is_empty()).then(|| raw.file.as_str().into()),
    })
}

/// The first directive whose level is none. A filter takes a lone word that is no level for the name of a module, whose
/// lines are then all that is logged.
fn unknown_level(directives: &str) -> Option<&str> {
    let is_level = |text: &&str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
    let levels = directives
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        // Fields of a span are between brackets, and may have an equals sign.
        .map(|directive| directive.rsplit_once(['=', ']']).map_or(directive, |(_, level)| level));
    levels.map(str::trim).find(|level| !is_level(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_are_levels() {
        for good in [
            "info",
            "WARN",
            "info,masthead=debug",
            "off, masthead::access=info",
            "info,masthead[x{y=1}]=trace",
        ] {
            assert_eq!(unknown_level(good), None, "{good}");
        }
        for (bad, part) in [
            ("inof", "inof"),
            ("info,masthead", "masthead"),
            ("info,masthead=verbose", "verbose"),
        ] {
            assert_eq!(unknown_level(bad), Some(part));
        }
    }
}
