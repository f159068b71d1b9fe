//! The checks of `masthead check-config --connect`, each printed as a line.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority},
};
use masthead_provider_kit::{CheckResult, CheckVerdict, SecretPlace, Secrets as _};
use masthead_subscribe_store::{DatabaseReport, Store, TenantRow, inspect};
use masthead_tokens::Verifier;

use super::environment::{NO_CLIENT, print_line};
use crate::{
    command_error::{CommandError, ErrorChain},
    mail::MailDelivery,
    providers::{self, Adapters},
    sealing_keys::{SealingKeys, missing, refuse_other},
    settings::{SecretText, ServerSettings, TenantSecrets, TokenKeySource},
    wiring,
};

/// How long all requests to one provider may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How many providers are checked at once.
const AT_ONCE: usize = 4;

/// An id that no user of a remote Users API has.
const UNKNOWN_ID: &str = "masthead-check-nobody";

/// The checks, and how many of them failed.
pub(super) struct ConnectionChecks<'a> {
    settings: &'a ServerSettings,
    clock: Arc<dyn Clock>,
    total: usize,
    failed: usize,
    /// The tenants, if the database could be read.
    tenants: Vec<TenantRow>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

/// A line of the result.
type CheckedLine = (Verdict, String, String);

impl<'a> ConnectionChecks<'a> {
    pub(super) const fn new(settings: &'a ServerSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            clock,
            total: 0,
            failed: 0,
            tenants: Vec::new(),
        }
    }

    pub(super) async fn check_database(&mut self) -> Result<(), CommandError> {
        let database = &self.settings.database;
        let pooler = database.pooler || !database.named_prepared_statements;
        let mut servers = vec![("the database", &database.url, pooler)];
        if database.direct_url.reveal() != database.url.reveal() {
            servers.push(("the database by direct_url", &database.direct_url, false));
        }
        let replicas = database.replica_urls.iter().map(|url| ("a replica", url, pooler));
        servers.extend(replicas);
        for (subject, url, pooler) in servers {
            match inspect(url.reveal(), pooler).await {
                Ok(report) => self.report_database(subject, url, &report)?,
                Err(error) => self.line(Verdict::Failed, subject, ErrorChain(&error).to_string())?,
            }
        }
        let keys = SealingKeys::new(&self.settings.sealing)?;
        let store = wiring::store(database, Some(Arc::clone(&keys) as _))?;
        match store.check_schema().await {
            Ok(()) => {
                self.line(Verdict::Ok, "the schema", "is that of this program")?;
                self.check_sealing_keys(&keys, &store).await?;
            }
            Err(error) => self.line(Verdict::Failed, "the schema", ErrorChain(&error))?,
        }
        match store.admin().tenants().await {
            Ok(tenants) => self.tenants = tenants,
            Err(error) => self.line(Verdict::Failed, "the tenants", ErrorChain(&error))?,
        }
        store.close().await;
        Ok(())
    }

    /// Compares the sealing keys with those of the database, which learns nothing from it.
    async fn check_sealing_keys(&mut self, keys: &SealingKeys, store: &Store) -> Result<(), CommandError> {
        const SUBJECT: &str = "the sealing keys";
        let compared = match store.admin().compare_sealing_keys(&keys.checks()).await {
            Ok(compared) => compared,
            Err(error) => return self.line(Verdict::Failed, SUBJECT, ErrorChain(&error)),
        };
        if let Err(refusal) = refuse_other(&compared) {
            return self.line(Verdict::Failed, SUBJECT, refusal);
        }
        if let Some(warning) = missing(&compared) {
            return self.line(Verdict::Warning, SUBJECT, warning);
        }
        match &compared.new[..] {
            [] => self.line(Verdict::Ok, SUBJECT, "are those that the database was used with"),
            new => self.line(
                Verdict::Ok,
                SUBJECT,
                format_args!("{} is new to the database", new.join(", ")),
            ),
        }
    }

    fn report_database(
        &mut self,
        subject: &str,
        url: &SecretText,
        report: &DatabaseReport,
    ) -> Result<(), CommandError> {
        let DatabaseReport {
            server,
            version,
            database,
            role,
            tls,
            ..
        } = report;
        let encrypted = tls.as_deref().unwrap_or("no TLS");
        let what = format!("{server}/{database}: PostgreSQL {version}, {encrypted}, role {role}");
        let is_replica = self.settings.database.replica_urls.contains(url);
        if !report.is_supported {
            return self.line(
                Verdict::Failed,
                subject,
                format!("{what}; PostgreSQL 13 is the oldest that can be used"),
            );
        }
        if !is_replica && (report.is_in_recovery || report.is_read_only) {
            return self.line(
                Verdict::Failed,
                subject,
                format!("{what}; it is read-only, perhaps a standby"),
            );
        }
        self.line(Verdict::Ok, subject, what)?;
        if report.is_superuser {
            self.line(
                Verdict::Warning,
                subject,
                format!("{role} is a superuser, which Masthead does not need: see docs/operations.md"),
            )?;
        }
        if is_replica && !report.is_in_recovery {
            self.line(
                Verdict::Warning,
                subject,
                format!("{server} is not in recovery: it is not used as a replica"),
            )?;
        }
        if !is_replica && !report.can_create {
            self.line(
                Verdict::Warning,
                subject,
                format!("{role} may not create tables, which `masthead migrate` needs; another role may run it"),
            )?;
        }
        Ok(())
    }

    pub(super) async fn check_keys(&mut self, verifier: &Verifier) -> Result<(), CommandError> {
        let obtained = verifier.obtain_keys().await;
        for (issuer, obtained) in self.settings.tokens.issuers.iter().zip(obtained) {
            let source = match &issuer.keys {
                TokenKeySource::JwksUrl(url) => url.clone(),
                TokenKeySource::JwksFile(path) => path.display().to_string(),
                TokenKeySource::Hs256(_) => "a shared secret, for local use".to_owned(),
            };
            let subject = format!("the keys of {}", issuer.name);
            match obtained {
                Ok(()) => self.line(Verdict::Ok, &subject, source)?,
                Err(error) => self.line(
                    Verdict::Failed,
                    &subject,
                    format!("{source}: {error}; the log lines name the key set and the reason"),
                )?,
            }
        }
        Ok(())
    }

    pub(super) async fn check_mail(&mut self, mail: Option<&MailDelivery>) -> Result<(), CommandError> {
        let (Some(mail), Some(smtp)) = (mail, &self.settings.mail.smtp) else {
            return self.line(Verdict::Warning, "mail", "smtp.host is not set");
        };
        let server = format!("{}:{}", smtp.host, smtp.port);
        match mail.check(Instant::now() + TIME_LIMIT).await {
            Ok(()) => self.line(Verdict::Ok, "mail", format!("{server} accepts mails of this client")),
            Err(error) => self.line(Verdict::Failed, "mail", format!("{server}: {error}")),
        }
    }

    /// Checks the secrets of each tenant, and each provider once, however many tenants have it with the same settings.
    pub(super) async fn check_tenants(&mut self) -> Result<(), CommandError> {
        let adapters =
            Adapters::new(&self.settings.providers, &self.clock).map_err(CommandError::context(NO_CLIENT))?;
        let secrets = self.settings.providers.tenant_secrets();
        let mut lines: Vec<CheckedLine> = Vec::new();
        let mut providers: BTreeMap<String, (Arc<Tenant>, usize)> = BTreeMap::new();
        for row in &self.tenants {
            let missing = missing_secrets(&row.id, &row.settings, &secrets);
            if !missing.is_empty() {
                let text = format!("there is no secret at the place of {}", missing.join(", "));
                lines.push((Verdict::Failed, row.id.to_string(), text));
            }
            let errors = providers::setting_errors(&row.id, &row.settings, &self.settings.providers);
            if !errors.is_empty() {
                lines.push((Verdict::Failed, row.id.to_string(), errors.join("; ")));
                continue;
            }
            let tenant = tenant(&row.id, row.pool, &row.settings);
            let is_remote = tenant.settings.is_federated() || tenant.settings.has_remote_store();
            let former = providers::first_login_provider(&tenant.settings);
            if missing.is_empty() && (is_remote || former.is_some()) {
                let named = (tenant.settings.user_provider, former);
                let key = format!("{named:?} {:?}", tenant.settings.provider);
                providers.entry(key).or_insert_with(|| (Arc::new(tenant), 0)).1 += 1;
            }
        }
        for (verdict, subject, text) in lines {
            self.line(verdict, &subject, text)?;
        }
        let checks = providers
            .into_values()
            .map(|(tenant, count)| check_sources(&adapters, tenant, count));
        let mut checked = stream::iter(checks).buffered(AT_ONCE);
        while let Some(lines) = checked.next().await {
            for (verdict, subject, text) in lines {
                self.line(verdict, &subject, text)?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// A check failed.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        match self.failed {
            0 => Ok(()),
            failed => Err(CommandError::new(format!("{failed} of {} checks failed", self.total))),
        }
    }

    fn line(&mut self, verdict: Verdict, subject: &str, text: impl Display) -> Result<(), CommandError> {
        self.total += 1;
        self.failed += usize::from(verdict == Verdict::Failed);
        let verdict = match verdict {
            Verdict::Ok => "ok     ",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed ",
        };
        print_line(format_args!("{verdict}  {subject}: {text}"))
    }
}

/// Checks the provider of a tenant, now or before, and its remote Users API; `count` tenants have the same.
async fn check_sources(adapters: &Adapters, tenant: Arc<Tenant>, count: usize) -> Vec<CheckedLine> {
    let others = match count {
        1 => String::new(),
        _ => format!(" and {} more", count - 1),
    };
    let cx = CallContext::new(Arc::clone(&tenant), Instant::now() + TIME_LIMIT, Priority::Interactive);
    let mut lines = Vec::new();
    if let Some(provider) = tenant.settings.user_provider {
        let subject = format!("{} of {}{others}", provider.name(), tenant.id);
        let (verdict, text) = match adapters.check(&cx, None).await {
            Ok(checked) => provider_verdict(&checked),
            Err(errors) => (Verdict::Failed, errors.join("; ")),
        };
        lines.push((verdict, subject, text));
    }
    if let Some(checked) = adapters.check_first_login(&cx).await {
        let subject = format!("{} of {}{others}", checked.subject, tenant.id);
        let is_failed = checked.verdict == CheckVerdict::Differs;
        let verdict = if is_failed { Verdict::Failed } else { Verdict::Ok };
        lines.push((verdict, subject, checked.explanation));
    }
    if tenant.settings.has_remote_store() {
        let subject = format!("the remote Users API of {}{others}", tenant.id);
        lines.push(match adapters.check_remote(&cx, UNKNOWN_ID).await {
            Ok(()) => (
                Verdict::Ok,
                subject,
                "confirms that an unknown user is absent".to_owned(),
            ),
            Err(error) => (Verdict::Failed, subject, ErrorChain(&error).to_string()),
        });
    }
    lines
}

/// The result of all requests to a provider: the first that differs, or that a known user could not be tried.
fn provider_verdict(checked: &[CheckResult]) -> (Verdict, String) {
    let first = |verdict| checked.iter().find(|one| one.verdict == verdict);
    let text = |one: &CheckResult| format!("{}: {}", one.subject, one.explanation);
    match (first(CheckVerdict::Differs), first(CheckVerdict::Untried)) {
        (Some(one), _) => (Verdict::Failed, text(one)),
        (None, Some(one)) => (Verdict::Warning, text(one)),
        (None, None) => (
            Verdict::Ok,
            format!("all {} requests agree with the settings", checked.len()),
        ),
    }
}

/// The settings whose file or variable holds no secret.
fn missing_secrets(tenant: &TenantId, settings: &BTreeMap<String, String>, secrets: &TenantSecrets) -> Vec<String> {
    let place = |name: &str, value: &str| {
        if name.ends_with("File") {
            Some(SecretPlace::File(value.into()))
        } else if name.ends_with("Env") {
            Some(SecretPlace::Environment(value.into()))
        } else {
            None
        }
    };
    let missing = |(name, value): &(&String, &String)| {
        place(name, value).is_some_and(|place| secrets.secret(tenant, &place).is_none())
    };
    settings.iter().filter(missing).map(|(name, _)| name.clone()).collect()
}

pub(super) fn tenant(id: &TenantId, pool: PoolId, settings: &BTreeMap<String, String>) -> Tenant {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(key, value)| (&**key, &**value)));
    Tenant {
        id: id.clone(),
        pool,
        settings,
    }
}
