//! `masthead migrate-from`: a tenant's registrations out of a remote Users API, page by page.

mod page;
mod state;
mod told;

use std::{
    collections::BTreeMap,
    io::{self, Write},
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

use self::{page::Page, state::State, told::Progress};
use super::{NO_CLIENT, say, with_store};
use crate::{
    cli::MigrateFrom,
    clock::SystemClock,
    failure::Failure,
    identifiers::{RequestIds, TimedIds},
    providers,
    settings::{Gathered, ProviderSettings},
};

/// What stands for `X-SourceSystem` in the events of a migration.
const SOURCE_SYSTEM: &str = "masthead-migrate";

/// How long one page may take to be answered, with every pause that the far side asks for.
const PAGE: Duration = Duration::from_mins(1);

/// How often a page is asked for that the far side does not give.
const TRIES: u32 = 6;

/// The pause before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_secs(1);

/// From so many new registrations on, the chores are done that searches are fast by.
const MANY: u64 = 5_000;

pub(super) fn run(gathered: &Gathered, asked: &MigrateFrom) -> Result<(), Failure> {
    let settings = gathered.providers()?;
    with_store(gathered, async |store| migrate(store, &settings, asked).await)
}

async fn migrate(store: &Store, settings: &ProviderSettings, asked: &MigrateFrom) -> Result<(), Failure> {
    let tenant = store.tenants().by_id(&asked.tenant).await;
    let tenant = tenant
        .map_err(Failure::when("the tenant cannot be looked up"))?
        .ok_or_else(|| Failure::new(format!("there is no tenant {}", asked.tenant)))?;
    let far = far_tenant(&tenant, asked, settings.allow_private_addresses)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let remote = providers::remote_alone(settings, &clock).map_err(Failure::when(NO_CLIENT))?;
    let origin = ImportOrigin {
        request_id: TimedIds::new(Arc::clone(&clock)).next().as_str().into(),
        source_system: SOURCE_SYSTEM.into(),
        at: clock.now(),
    };
    let importer = if asked.dry_run {
        store.importer().rehearsing()
    } else {
        store.importer()
    };
    let walk = walk_of(&far, asked);
    let mut state = match &asked.state {
        Some(file) => State::read_or_new(file, &walk)?,
        None => State::new(&walk),
    };
    let migration = Migration {
        remote,
        far,
        page_size: asked.page_size,
        importer,
        tenant,
        origin,
        file: asked.state.as_deref(),
    };
    let progress = Progress::started(state.seen);
    let ended = migration.walk(&mut state, &progress).await;
    progress.finish();
    // Told also when it stopped: what was stored stays.
    say(state.report())?;
    ended?;
    if state.imported >= MANY {
        let tidied = migration.importer.tidy().await;
        tidied.map_err(Failure::when(
            "everybody is stored, but the statistics could not be taken",
        ))?;
    }
    migration.file.map_or(Ok(()), State::remove)
}

/// From whom to whom.
struct Migration<'a> {
    remote: RemoteSubscribe,
    /// The tenant with the settings by which the far side is asked.
    far: Arc<Tenant>,
    page_size: u16,
    importer: Importer,
    tenant: Arc<Tenant>,
    origin: ImportOrigin,
    file: Option<&'a Path>,
}

impl Migration<'_> {
    /// From the state's place to the end.
    async fn walk(&self, state: &mut State, progress: &Progress) -> Result<(), Failure> {
        loop {
            let stretch = self.next(state.mark.as_deref()).await?;
            progress.expects(stretch.total);
            let page = Page::of(stretch.users, state.seen);
            let stored = page.store(&self.importer, &self.tenant, &self.origin).await?;
            for noted in stored.rejected.iter().chain(&stored.incomplete) {
                progress.tell(&noted.to_string())?;
            }
            state.add(stored);
            state.mark = stretch.next;
            progress.at(state.seen);
            if state.mark.is_none() {
                return Ok(());
            }
            // After the page is stored: who is killed in between finds its users there, and none twice.
            if let Some(file) = self.file {
                state.write(file)?;
            }
        }
    }

    /// The next stretch of the walk; a far side that is down for a moment is waited for.
    async fn next(&self, mark: Option<&str>) -> Result<RemoteScanPage, Failure> {
        let mut tried = 0;
        loop {
            let cx = CallContext::new(Arc::clone(&self.far), Instant::now() + PAGE, Priority::Bulk);
            let error = match self.remote.walk(&cx, mark, self.page_size).await {
                Ok(stretch) => return Ok(stretch),
                Err(error) => error,
            };
            tried += 1;
            if !error.kind.is_transient() || tried == TRIES {
                return Err(Failure::when("the remote Users API does not give its users")(error));
            }
            let asked_for = match error.kind {
                SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            sleep(asked_for.max(PAUSE * 2_u32.pow(tried - 1))).await;
        }
    }
}

/// The tenant as the far side is asked about it: with the settings of the command line before its own.
fn far_tenant(tenant: &Tenant, asked: &MigrateFrom, allow_private_addresses: bool) -> Result<Arc<Tenant>, Failure> {
    let mut settings: BTreeMap<String, String> = tenant
        .settings
        .provider
        .iter()
        .filter(|(name, _)| name.starts_with(SUBSCRIBE_PREFIX))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    settings.extend(asked.settings.iter().cloned());
    settings.retain(|_, value| !value.is_empty());
    let (parsed, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let mut mistakes: Vec<String> = settings
        .keys()
        .filter(|name| !name.starts_with(SUBSCRIBE_PREFIX))
        .map(|name| format!("{name}: not a setting of a remote Users API"))
        .collect();
    if parsed.has_remote_store() {
        mistakes.extend(providers::mistakes(&settings, allow_private_addresses));
    } else {
        mistakes.push("Subscribe.Url: must be set, at the tenant or by --set: there is nobody to ask".to_owned());
    }
    if !mistakes.is_empty() {
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
        return Err(Failure::new(format!(
            "nothing was asked; the settings are refused:{}",
            mistakes.concat()
        )));
    }
    Ok(Arc::new(Tenant {
        settings: parsed,
        ..tenant.clone()
    }))
}

/// What a state must be of, for the walk to go on there: where from, where to, and the size of the pages, which the places
/// of a far side without cursors are counted by.
fn walk_of(far: &Tenant, asked: &MigrateFrom) -> BTreeMap<String, String> {
    let mut walk: BTreeMap<String, String> = ["Subscribe.Url", "Subscribe.Api", "Subscribe.Method", "Subscribe.Tenant"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), far.settings.provider.get(name)?.to_string())))
        .collect();
    walk.insert("tenant".to_owned(), far.id.to_string());
    walk.insert("pageSize".to_owned(), asked.page_size.to_string());
    walk
}

/// Writes one line for the person who watches.
fn tell(line: &str) -> Result<(), Failure> {
    writeln!(io::stderr(), "{line}").map_err(Failure::when("cannot write to standard error"))
}
