//! `masthead provider check`: whether a tenant's provider does what its settings say of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority},
};
use masthead_provider_kit::{CheckResult, CheckVerdict};
use masthead_subscribe_store::Store;

use super::{NO_CLIENT, say, small_runtime, with_store};
use crate::{
    cli::{Provider, ProviderCheck, pair},
    clock::SystemClock,
    failure::Failure,
    providers::Adapters,
    settings::{Gathered, ProviderSettings},
};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The tenant that settings of no tenant are tried as; it is only named in logs.
const NO_TENANT: &str = "provider/check/settings";

pub(super) fn run(gathered: &Gathered, Provider::Check(asked): &Provider) -> Result<(), Failure> {
    let options = gathered.providers()?;
    let ProviderCheck { tenant, settings, id } = asked;
    match (tenant, settings) {
        (Some(tenant), _) => with_store(gathered, async |store| {
            check(known(store, tenant).await?, &options, id.as_ref()).await
        }),
        (None, Some(path)) => {
            let tenant = described(path)?;
            small_runtime()?.block_on(check(tenant, &options, id.as_ref()))
        }
        (None, None) => Err(Failure::new("neither a tenant nor a file of settings is named")),
    }
}

async fn check(tenant: Tenant, options: &ProviderSettings, id: Option<&CustomerRegistrationId>) -> Result<(), Failure> {
    if tenant.settings.user_provider.is_none() {
        return Err(Failure::new(
            "Flow.UserProvider names no provider: there is none to try",
        ));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let adapters = Adapters::new(options, &clock).map_err(Failure::when(NO_CLIENT))?;
    let cx = CallContext::new(Arc::new(tenant), Instant::now() + PATIENCE, Priority::Interactive);
    let checked = adapters
        .check(&cx, id)
        .await
        .map_err(|mistakes| Failure::new(format!("the settings are refused:\n  {}", mistakes.join("\n  "))))?;
    for one in &checked {
        say(in_words(one))?;
    }
    let differing = checked
        .iter()
        .filter(|one| one.verdict == CheckVerdict::Differs)
        .count();
    match differing {
        0 => Ok(()),
        _ => Err(Failure::new(format!(
            "{differing} of {} tries went otherwise than the settings say",
            checked.len()
        ))),
    }
}

fn in_words(
    CheckResult {
        subject,
        verdict,
        explanation,
    }: &CheckResult,
) -> String {
    let verdict = match verdict {
        CheckVerdict::Agrees => "agrees ",
        CheckVerdict::Differs => "differs",
        CheckVerdict::Untried => "untried",
    };
    format!("{verdict}  {subject}: {explanation}")
}

/// The tenant of this name.
async fn known(store: &Store, id: &TenantId) -> Result<Tenant, Failure> {
    let all = store.admin().tenants().await;
    let all = all.map_err(Failure::when("the tenants cannot be read"))?;
    let row = all.into_iter().find(|row| row.id == *id);
    let row = row.ok_or_else(|| Failure::new("there is no such tenant"))?;
    Ok(tenant(row.id, row.pool, &row.settings))
}

/// A tenant as a file of settings describes it; `-` is standard input.
fn described(path: &Path) -> Result<Tenant, Failure> {
    let text = if path.as_os_str() == "-" {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(Failure::when("the file of settings cannot be read"))?;
    let mut settings = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = pair(line).map_err(|how| Failure::new(format!("line {number} {how}")))?;
        if settings
            .insert(key.trim().to_owned(), value.trim().to_owned())
            .is_some()
        {
            return Err(Failure::new(format!("line {number} sets again what is set before")));
        }
    }
    let id = TenantId::parse(NO_TENANT).map_err(Failure::when("the settings cannot be tried"))?;
    Ok(tenant(id, PoolId(0), &settings))
}

fn tenant(id: TenantId, pool: PoolId, settings: &BTreeMap<String, String>) -> Tenant {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(key, value)| (&**key, &**value)));
    Tenant { id, pool, settings }
}
