//! Reloading: the settings are read again, and the parts that can follow them without a restart do so.
//!
//! A part of the server that follows settings, or files that settings name, implements [`Reload`] and is given to the
//! [`Reloader`] where the server is wired (`commands/serve.rs`).

use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::settings::{ServerSettings, SettingsError, SettingsFingerprint, UncheckedSettings};

/// A part of the running server that follows its settings without a restart.
#[async_trait]
pub trait Reload: Send + Sync {
    /// Its name in the log, such as `certificates`.
    fn name(&self) -> &'static str;

    /// The settings that it follows, by their names: `tokens.jwks_file`, or a section such as `smtp` for all that is in it.
    /// A changed setting that no part follows is reported as one that needs a restart.
    fn settings(&self) -> &'static [&'static str];

    /// Takes these settings, which are checked, and reads again the files that they name. Called at each reload, whether or
    /// not anything changed.
    ///
    /// # Errors
    /// They cannot be used: the part goes on with what it had.
    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError>;
}

/// Why a part cannot follow its settings; logged, so without a secret or the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ReloadError(pub String);

/// What a reload resulted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Every part follows the settings.
    Reloaded,
    /// The settings have errors, so nothing follows them.
    Invalid,
    /// A part cannot follow them, and goes on with what it had; the others follow.
    PartlyFailed,
}

impl ReloadOutcome {
    /// The name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Reloaded => "reloaded",
            Self::Invalid => "invalid",
            Self::PartlyFailed => "partly_failed",
        }
    }
}

type LoadSettings = Arc<dyn Fn() -> UncheckedSettings + Send + Sync>;

/// Reads the settings again and gives them to the parts.
pub struct Reloader {
    load: LoadSettings,
    /// The settings with which the process started.
    started: SettingsFingerprint,
    parts: Vec<Arc<dyn Reload>>,
}

impl Reloader {
    /// `load` reads the settings as they were read when the process started with `started`.
    pub fn new(
        load: impl Fn() -> UncheckedSettings + Send + Sync + 'static,
        started: SettingsFingerprint,
        parts: Vec<Arc<dyn Reload>>,
    ) -> Self {
        Self {
            load: Arc::new(load),
            started,
            parts,
        }
    }

    /// Reloads once, and logs what came of it: all errors of the settings, each part that failed, and the settings that
    /// changed since the start and need a restart.
    pub async fn reload(&self) -> ReloadOutcome {
        let outcome = self.try_reload().await;
        metrics::counter!("masthead_reloads_total", "outcome" => outcome.name()).increment(1);
        outcome
    }

    async fn try_reload(&self) -> ReloadOutcome {
        let (settings, loaded) = match self.read().await {
            Ok(read) => read,
            Err(errors) => {
                tracing::error!(%errors, "the settings are invalid: the server goes on with those that it has");
                return ReloadOutcome::Invalid;
            }
        };
        let mut outcome = ReloadOutcome::Reloaded;
        for part in &self.parts {
            if let Err(error) = part.reload(&settings).await {
                tracing::error!(
                    part = part.name(),
                    error = &error as &dyn std::error::Error,
                    "a part of the server cannot follow the settings, and goes on with those that it has"
                );
                outcome = ReloadOutcome::PartlyFailed;
            }
        }
        let restart = self.needing_restart(self.started.changed(&loaded));
        if !restart.is_empty() {
            tracing::warn!(settings = restart.join(", "), "changed settings need a restart");
        }
        if outcome == ReloadOutcome::Reloaded {
            tracing::info!("the settings are reloaded");
        }
        outcome
    }

    /// Files may be slow, and must not hold up the requests of a thread.
    async fn read(&self) -> Result<(ServerSettings, SettingsFingerprint), SettingsError> {
        let load = Arc::clone(&self.load);
        let read = spawn_blocking(move || {
            let unchecked = load();
            unchecked.settings().map(|settings| (settings, unchecked.fingerprint()))
        });
        match read.await {
            Ok(read) => read,
            // Only a panic, which is logged: nothing is known of the settings.
            Err(_) => Err(SettingsError::default()),
        }
    }

    fn needing_restart(&self, changed: Vec<String>) -> Vec<String> {
        let is_followed = |name: &String| {
            let followed = self.parts.iter().flat_map(|part| part.settings());
            followed.copied().any(|followed| covers(followed, name))
        };
        changed.into_iter().filter(|name| !is_followed(name)).collect()
    }
}

/// Whether this setting is the followed one, or in the followed section.
fn covers(followed: &str, setting: &str) -> bool {
    setting
        .strip_prefix(followed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::settings::Variables;

    /// Follows the level of the log and `[smtp]`.
    #[derive(Default)]
    struct FollowingPart {
        level: Mutex<String>,
        fails: bool,
    }

    #[async_trait]
    impl Reload for FollowingPart {
        fn name(&self) -> &'static str {
            "log"
        }

        fn settings(&self) -> &'static [&'static str] {
            &["log.level", "smtp"]
        }

        async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
            if self.fails {
                return Err(ReloadError("no such folder".to_owned()));
            }
            settings.log.level.clone_into(&mut self.level.lock().unwrap());
            Ok(())
        }
    }

    /// Valid settings with these changes.
    pub(crate) fn unchecked(changes: &[(&str, &str)]) -> UncheckedSettings {
        let valid = [
            ("DATABASE__URL", "postgres://localhost/masthead"),
            ("TOKENS__ISSUER", "https://issuer.example"),
            ("TOKENS__AUDIENCE", "masthead"),
            ("TOKENS__HS256_SECRET", "an-invented-secret-of-more-than-32-bytes"),
            ("SEALING__CURRENT", "k1"),
            (
                "SEALING__KEYS__K1",
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
            ),
        ];
        let variables: Variables = valid
            .iter()
            .chain(changes)
            .map(|(key, value)| (format!("MASTHEAD__{key}").into(), (*value).into()))
            .collect();
        UncheckedSettings::from_layers(None, &variables)
    }

    /// A reloader that reads these changes, one after another.
    fn reloader(part: &Arc<FollowingPart>, readings: &'static [&'static [(&str, &str)]]) -> Reloader {
        let next = AtomicUsize::new(0);
        let load = move || unchecked(readings[next.fetch_add(1, Ordering::Relaxed)]);
        Reloader::new(load, unchecked(&[]).fingerprint(), vec![Arc::clone(part) as _])
    }

    #[tokio::test]
    async fn parts_follow_valid_settings_only() {
        let part = Arc::new(FollowingPart::default());
        let reloader = reloader(
            &part,
            &[
                &[("LOG__LEVEL", "debug")],
                &[("LOG__LEVEL", "warn"), ("HTTP__THREADS", "many")],
            ],
        );
        assert_eq!(reloader.reload().await, ReloadOutcome::Reloaded);
        assert_eq!(*part.level.lock().unwrap(), "debug");
        assert_eq!(reloader.reload().await, ReloadOutcome::Invalid);
        assert_eq!(*part.level.lock().unwrap(), "debug");
    }

    #[tokio::test]
    async fn part_that_fails_is_reported() {
        let part = Arc::new(FollowingPart {
            fails: true,
            ..FollowingPart::default()
        });
        assert_eq!(reloader(&part, &[&[]]).reload().await, ReloadOutcome::PartlyFailed);
    }

    #[test]
    fn setting_that_no_part_follows_needs_a_restart() {
        let reloader = reloader(&Arc::new(FollowingPart::default()), &[]);
        let changed = ["http.threads", "log.format", "log.level", "smtp.host", "smtps.host"];
        assert_eq!(
            reloader.needing_restart(changed.map(str::to_owned).to_vec()),
            ["http.threads", "log.format", "smtps.host"]
        );
    }
}
