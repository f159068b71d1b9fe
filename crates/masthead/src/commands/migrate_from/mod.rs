//! `masthead migrate-from`: copies a tenant's registrations from a remote Users API, page by page.

mod page;
mod progress;
mod state;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    settings::{SUBSCRIBE_PREFIX, TenantSettings},
    tenant::Tenant,
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority, SourceErrorKind},
    tenants::Tenants,
};
use masthead_provider_subscribe::{RemoteScanPage, RemoteSubscribe};
use masthead_subscribe_store::{ImportOrigin, Importer, Store};
use tokio::time::sleep;

use self::{page::MigrationPage, progress::MigrationProgress, state::MigrationState};
use super::{
    environment::{NO_CLIENT, print_line, with_checked_store},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    cli::MigrateFromArguments,
    clock::SystemClock,
    command_error::CommandError,
    identifiers::{RequestIds, TimedIds},
    providers,
    settings::{ProviderSettings, UncheckedSettings, operator},
};

/// The source system that events of a migration contain.
const SOURCE_SYSTEM: &str = "masthead-migrate";

/// How long one page may take, including every pause that the remote side requests.
const PAGE_TIME_LIMIT: Duration = Duration::from_mins(1);

/// How many times a page is requested before the migration fails.
const MAX_ATTEMPTS: u32 = 6;

/// The pause before the second attempt; it doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// With at least this many new registrations, the table statistics are updated at the end.
const MANY_NEW: u64 = 5_000;

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &MigrateFromArguments) -> Result<(), CommandError> {
    let settings = settings_source.providers()?;
    with_checked_store(settings_source, async |store| {
        migrate(store, &settings, arguments).await
    })
}

async fn migrate(
    store: &Store,
    settings: &ProviderSettings,
    arguments: &MigrateFromArguments,
) -> Result<(), CommandError> {
    let tenant = store.tenants().by_id(&arguments.tenant).await;
    let tenant = tenant
        .map_err(CommandError::context("the tenant cannot be looked up"))?
        .ok_or_else(|| CommandError::new(format!("there is no tenant {}", arguments.tenant)))?;
    let remote_tenant = remote_tenant(&tenant, arguments, settings)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let remote = providers::remote_alone(settings, &clock).map_err(CommandError::context(NO_CLIENT))?;
    let request_id = TimedIds::new(Arc::clone(&clock)).next().as_str().into();
    let origin = ImportOrigin {
        caller: operator(),
        ..ImportOrigin::new(request_id, SOURCE_SYSTEM.into(), clock.now())
    };
    let importer = if arguments.dry_run {
        store.importer().dry_run()
    } else {
        store.importer()
    };
    let id = migration_id(&remote_tenant, arguments);
    let mut state = match &arguments.state {
        Some(file) => MigrationState::read_or_new(file, &id)?,
        None => MigrationState::new(&id),
    };
    let migration = Migration {
        remote,
        remote_tenant,
        page_size: arguments.page_size,
        importer,
        tenant,
        origin,
        file: arguments.state.as_deref(),
    };
    let progress = MigrationProgress::start(state.seen);
    let ended = migration.copy_all(&mut state, &progress).await;
    progress.finish();
    // Recorded and printed after a failure too: what was stored stays.
    if !arguments.dry_run {
        let change = CommandChange {
            command: "migrate-from",
            tenant: Some(&arguments.tenant),
            before: serde_json::Value::Null,
            after: state.report(),
        };
        record_operator_change(&store.admin(), change).await?;
    }
    print_line(state.report())?;
    ended?;
    if state.imported >= MANY_NEW {
        let tidied = migration.importer.tidy().await;
        tidied.map_err(CommandError::context(
            "all users are stored, but the statistics could not be updated",
        ))?;
    }
    migration.file.map_or(Ok(()), MigrationState::remove)
}

/// The two sides of a migration.
struct Migration<'a> {
    remote: RemoteSubscribe,
    /// The tenant with the settings of the remote side.
    remote_tenant: Arc<Tenant>,
    page_size: u16,
    importer: Importer,
    tenant: Arc<Tenant>,
    origin: ImportOrigin,
    file: Option<&'a Path>,
}

impl Migration<'_> {
    /// Copies all users from the position of the state to the end.
    async fn copy_all(&self, state: &mut MigrationState, progress: &MigrationProgress) -> Result<(), CommandError> {
        loop {
            let stretch = self.next_page(state.mark.as_deref()).await?;
            progress.set_total(stretch.total);
            let page = MigrationPage::from_rows(stretch.users, state.seen);
            let stored = page.store(&self.importer, &self.tenant, &self.origin).await?;
            for noted in stored.rejected.iter().chain(&stored.incomplete) {
                progress.print_line(&noted.to_string())?;
            }
            state.add(stored);
            state.mark = stretch.next;
            progress.set_position(state.seen);
            if state.mark.is_none() {
                return Ok(());
            }
            // After the page is stored: a process killed in between repeats the page, which skips its users.
            if let Some(file) = self.file {
                state.write(file)?;
            }
        }
    }

    /// The next page; a remote side that is down for a moment is retried.
    async fn next_page(&self, mark: Option<&str>) -> Result<RemoteScanPage, CommandError> {
        let mut attempts = 0;
        loop {
            let cx = CallContext::new(
                Arc::clone(&self.remote_tenant),
                Instant::now() + PAGE_TIME_LIMIT,
                Priority::Bulk,
            );
            let error = match self.remote.scan_page(&cx, mark, self.page_size).await {
                Ok(stretch) => return Ok(stretch),
                Err(error) => error,
            };
            attempts += 1;
            if !error.kind.is_transient() || attempts == MAX_ATTEMPTS {
                return Err(CommandError::context("the remote Users API returns no users")(error));
            }
            let requested = match error.kind {
                SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            sleep(requested.max(FIRST_PAUSE * 2_u32.pow(attempts - 1))).await;
        }
    }
}

/// The tenant with the settings of the remote side; those of the command line take precedence over its own.
fn remote_tenant(
    tenant: &Tenant,
    arguments: &MigrateFromArguments,
    options: &ProviderSettings,
) -> Result<Arc<Tenant>, CommandError> {
    let mut settings: BTreeMap<String, String> = tenant
        .settings
        .provider
        .iter()
        .filter(|(name, _)| name.starts_with(SUBSCRIBE_PREFIX))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    settings.extend(arguments.settings.iter().cloned());
    settings.retain(|_, value| !value.is_empty());
    let (parsed, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let mut errors: Vec<String> = settings
        .keys()
        .filter(|name| !name.starts_with(SUBSCRIBE_PREFIX))
        .map(|name| format!("{name}: not a setting of a remote Users API"))
        .collect();
    if parsed.has_remote_store() {
        errors.extend(providers::setting_errors(&tenant.id, &settings, options));
    } else {
        errors.push("Subscribe.Url: must be set, at the tenant or by --set: there is no remote Users API".to_owned());
    }
    if !errors.is_empty() {
        let errors: Vec<_> = errors.iter().map(|error| format!("\n  {error}")).collect();
        return Err(CommandError::new(format!(
            "no request was sent; the settings are invalid:{}",
            errors.concat()
        )));
    }
    Ok(Arc::new(Tenant {
        settings: parsed,
        ..tenant.clone()
    }))
}

/// What identifies a migration, so that a state is only resumed by the same one: the source, the tenant, and the page size,
/// which positions of a remote side without cursors depend on.
fn migration_id(remote_tenant: &Tenant, arguments: &MigrateFromArguments) -> BTreeMap<String, String> {
    let mut id: BTreeMap<String, String> = ["Subscribe.Url", "Subscribe.Api", "Subscribe.Method", "Subscribe.Tenant"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), remote_tenant.settings.provider.get(name)?.to_string())))
        .collect();
    id.insert("tenant".to_owned(), remote_tenant.id.to_string());
    id.insert("pageSize".to_owned(), arguments.page_size.to_string());
    id
}
