//! Changes of the log while the process runs: its level, and its file after a rotation.

use async_trait::async_trait;
use tracing_subscriber::{EnvFilter, Registry, reload};

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
    pub(super) fn new(level: reload::Handle<EnvFilter, Registry>, access: AccessLog, file: Option<LogFile>) -> Self {
        let control = Self { level, access, file };
        control.apply_to_access_lines();
        control
    }

    /// Opens the file of the log again; does nothing for standard output.
    ///
    /// # Errors
    /// It cannot be opened: lines go where they went before.
    pub fn reopen(&self) -> Result<(), ReloadError> {
        let reopened = self.file.as_ref().map_or(Ok(()), LogFile::reopen);
        reopened.map_err(|error| ReloadError(format!("log.file cannot be opened ({})", error.kind())))
    }

    fn apply_to_access_lines(&self) {
        let wanted = tracing::enabled!(target: access::TARGET, tracing::Level::INFO);
        self.access.set_wanted(wanted);
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
        let changed = self.level.reload(filter(&settings.log.level));
        self.apply_to_access_lines();
        self.reopen()?;
        changed.map_err(|error| ReloadError(format!("log.level cannot be changed: {error}")))
    }
}

/// Known to parse; the fallback logs everything important.
pub(super) fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}
