//! The loaded settings before they are checked.

use std::{net::SocketAddr, path::Path};

use super::{
    check,
    checker::Checker,
    effective::{EffectiveSetting, Layers},
    errors::SettingsError,
    fingerprint::SettingsFingerprint,
    load::{self, Variables},
    model::{
        AuditSettings, DatabaseSettings, LogSettings, MailSettings, ProviderSettings, SealingSettings, ServerSettings,
        SyncSettings, TokenSettings,
    },
    raw::RawSettings,
};

/// The loaded settings, not yet checked: a command checks the sections that it needs.
pub struct UncheckedSettings {
    raw: Option<RawSettings>,
    errors: SettingsError,
    fingerprint: SettingsFingerprint,
    layers: Layers,
    warnings: Vec<String>,
}

impl UncheckedSettings {
    /// Loads the three layers. Errors are reported when a section is checked.
    #[must_use]
    pub fn from_layers(file: Option<&Path>, variables: &Variables) -> Self {
        let mut errors = SettingsError::default();
        let mut layers = Layers::default();
        let loaded = load::load(file, variables, &mut errors, &mut layers);
        let (raw, fingerprint) = loaded.unzip();
        let misspelt = load::misspelt_variables(variables, &layers.reference);
        let warnings = misspelt
            .into_iter()
            .map(|(name, meant)| format!("the variable {name} has no effect; did you mean {meant}?"));
        Self {
            raw,
            errors,
            fingerprint: fingerprint.unwrap_or_default(),
            warnings: warnings.collect(),
            layers,
        }
    }

    /// The same with the process's own environment. `file` takes precedence over `MASTHEAD_CONFIG`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only use of the process environment")]
    pub fn from_process(file: Option<&Path>) -> Self {
        // Not `vars()`, which panics on invalid Unicode.
        let variables: Variables = std::env::vars_os().collect();
        let named = std::env::var_os("MASTHEAD_CONFIG").filter(|path| !path.is_empty());
        Self::from_layers(file.or(named.as_deref().map(Path::new)), &variables)
    }

    /// What each setting is, for comparing it with a later reading.
    #[must_use]
    pub fn fingerprint(&self) -> SettingsFingerprint {
        self.fingerprint.clone()
    }

    /// Every setting in force, valid or not, in the order of the reference.
    #[must_use]
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        self.layers.effective()
    }

    /// Mistakes that are no error, such as a variable without effect.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// All settings of a server.
    ///
    /// # Errors
    /// All errors of all sections.
    pub fn settings(&self) -> Result<ServerSettings, SettingsError> {
        self.part(|raw, c| {
            let http = check::http(&raw.http, c);
            let database = check::database(&raw.database, c);
            let tokens = check::tokens(&raw.tokens, &raw.issuers, c);
            let sealing = check::sealing(&raw.sealing, c);
            let search = check::search(&raw.search, c);
            let exports = check::exports(&raw.exports, c);
            let limits = check::limits(&raw.limits, c);
            let providers = check::providers(&raw.providers, c);
            let passwords = check::passwords(&raw.passwords, c);
            let sync = check::sync(&raw.sync, c);
            let mail = check::mail(&raw.smtp, &raw.mail, c);
            let log = check::log(&raw.log, c);
            let telemetry = check::telemetry(&raw.telemetry, c);
            let metrics = check::metrics(&raw.metrics, c);
            let audit = check::audit(&raw.audit, c);
            Some(ServerSettings {
                http: http?,
                database: database?,
                tokens: tokens?,
                sealing: sealing?,
                search: search?,
                exports: exports?,
                limits: limits?,
                providers: providers?,
                passwords: passwords?,
                sync: sync?,
                mail: mail?,
                log: log?,
                telemetry: telemetry?,
                metrics: metrics?,
                audit: audit?,
            })
        })
    }

    /// What the audit log keeps.
    ///
    /// # Errors
    /// All errors of `[audit]`, and all unknown settings.
    pub fn audit(&self) -> Result<AuditSettings, SettingsError> {
        self.part(|raw, c| check::audit(&raw.audit, c))
    }

    /// The settings of the commands that only use the database.
    ///
    /// # Errors
    /// All errors of `[database]` and `[log]`, and all unknown settings.
    pub fn database(&self) -> Result<(DatabaseSettings, LogSettings), SettingsError> {
        self.part(|raw, c| {
            let database = check::database(&raw.database, c);
            let log = check::log(&raw.log, c);
            Some((database?, log?))
        })
    }

    /// The sealing keys, where they are set: a command recognises deleted users by them.
    ///
    /// # Errors
    /// All errors of `[sealing]`, and all unknown settings.
    pub fn sealing(&self) -> Result<Option<SealingSettings>, SettingsError> {
        self.part(|raw, c| {
            let is_set = !raw.sealing.current.is_empty() || !raw.sealing.keys.is_empty();
            if is_set {
                check::sealing(&raw.sealing, c).map(Some)
            } else {
                Some(None)
            }
        })
    }

    /// The settings that `masthead sync` needs besides the database.
    ///
    /// # Errors
    /// All errors of `[providers]` and `[sync]`, and all unknown settings.
    pub fn sync(&self) -> Result<(ProviderSettings, SyncSettings), SettingsError> {
        self.part(|raw, c| {
            let providers = check::providers(&raw.providers, c);
            let sync = check::sync(&raw.sync, c);
            Some((providers?, sync?))
        })
    }

    /// Where a server with these settings answers: its API, and its operations port if it has one.
    ///
    /// # Errors
    /// All errors of `[http]` and `[metrics]`, and all unknown settings.
    pub fn addresses(&self) -> Result<(SocketAddr, Option<SocketAddr>), SettingsError> {
        self.part(|raw, c| {
            let http = check::http(&raw.http, c);
            let metrics = check::metrics(&raw.metrics, c);
            Some((http?.listen, metrics?.listen))
        })
    }

    /// The settings of providers, by which tenants' settings are checked.
    ///
    /// # Errors
    /// All errors of `[providers]`, and all unknown settings.
    pub fn providers(&self) -> Result<ProviderSettings, SettingsError> {
        self.part(|raw, c| check::providers(&raw.providers, c))
    }

    /// The settings of mails.
    ///
    /// # Errors
    /// All errors of `[smtp]` and `[mail]`, and all unknown settings.
    pub fn mail(&self) -> Result<MailSettings, SettingsError> {
        self.part(|raw, c| check::mail(&raw.smtp, &raw.mail, c))
    }

    /// The settings for minting a token.
    ///
    /// # Errors
    /// All errors of `[tokens]` and `[issuers]`, and all unknown settings.
    pub fn tokens(&self) -> Result<TokenSettings, SettingsError> {
        self.part(|raw, c| check::tokens(&raw.tokens, &raw.issuers, c))
    }

    fn part<T>(&self, check: impl FnOnce(&RawSettings, &mut Checker<'_>) -> Option<T>) -> Result<T, SettingsError> {
        let mut errors = self.errors.clone();
        let value = self
            .raw
            .as_ref()
            .and_then(|raw| check(raw, &mut Checker { errors: &mut errors }));
        errors.or(value)
    }
}
