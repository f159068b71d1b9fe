//! Changes of the log while the process runs: its level, and its file after a rotation.

use async_trait::async_trait;
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _, reload};

use super::{
    access::{self, AccessLog},
    file::LogFile,
};
use crate::{
    reload::{Reload, ReloadError},
    settings::ServerSettings,
};

/// The level of the log, and its file if it has one.
pub struct LogControl {
    level: reload::Handle<EnvFilter, Registry>,
    access: AccessLog,
    file: Option<LogFile>,
}

impl LogControl {
    /// The control of a log that was started with this level.
    pub(super) fn new(
        level: &str,
        handle: reload::Handle<EnvFilter, Registry>,
        access: AccessLog,
        file: Option<LogFile>,
    ) -> Self {
        access.set_wanted(wants_access_lines(level));
        Self {
            level: handle,
            access,
            file,
        }
    }

    /// Opens the file of the log again; does nothing for standard output.
    ///
    /// # Errors
    /// It cannot be opened: lines go where they went before.
    pub fn reopen(&self) -> Result<(), ReloadError> {
        let reopened = self.file.as_ref().map_or(Ok(()), LogFile::reopen);
        reopened.map_err(|error| ReloadError(format!("log.file cannot be opened ({})", error.kind())))
    }
}

#[async_trait]
impl Reload for LogControl {
    fn name(&self) -> &'static str {
        "log"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["log.level"]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let level = &settings.log.level;
        let changed = self.level.reload(filter(level));
        self.access.set_wanted(wants_access_lines(level));
        self.reopen()?;
        changed.map_err(|error| ReloadError(format!("log.level cannot be changed: {error}")))
    }
}

/// Known to parse; the fallback logs everything important.
pub(super) fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Whether a filter lets access lines through, which do not pass it. A subscriber of the filter alone decides: that of the
/// process may record spans as well, which no level turns off.
fn wants_access_lines(level: &str) -> bool {
    let subscriber = tracing_subscriber::registry().with(filter(level));
    tracing::subscriber::with_default(
        subscriber,
        || tracing::enabled!(target: access::TARGET, tracing::Level::INFO),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lines_follow_their_own_directive() {
        for (level, wanted) in [
            ("info", true),
            ("warn", false),
            ("info,masthead::access=off", false),
            ("warn,masthead::access=info", true),
        ] {
            assert_eq!(wants_access_lines(level), wanted, "{level}");
        }
    }
}
