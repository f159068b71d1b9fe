//! `masthead provider check`: whether a tenant's provider responds as its settings describe.

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
use masthead_provider_kit::{CheckResult, CheckVerdict, check::KNOWN_ID};
use masthead_subscribe_store::Store;

use super::environment::{NO_CLIENT, print_line, print_warning, small_runtime, with_store};
use crate::{
    cli::{ProviderCheckArguments, ProviderCommand, parse_pair},
    clock::SystemClock,
    command_error::CommandError,
    providers::{self, Adapters},
    settings::{ProviderSettings, UncheckedSettings},
};

/// How long all requests together may take.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// The tenant id for settings from a file: it appears in logs, and its secrets are read.
const NO_TENANT: &str = "provider/check/settings";

pub(super) fn run(
    settings_source: &UncheckedSettings,
    ProviderCommand::Check(arguments): &ProviderCommand,
) -> Result<(), CommandError> {
    let options = settings_source.providers()?;
    let ProviderCheckArguments { tenant, settings, id } = arguments;
    match (tenant, settings) {
        (tenant, Some(path)) => {
            let tenant = read_settings(path, tenant.as_ref())?;
            small_runtime()?.block_on(check(tenant, &options, id.as_ref()))
        }
        (Some(tenant), None) => with_store(settings_source, async |store| {
            check(find_tenant(store, tenant).await?, &options, id.as_ref()).await
        }),
        (None, None) => Err(CommandError::new("neither a tenant nor a file of settings is given")),
    }
}

async fn check(
    tenant: Tenant,
    options: &ProviderSettings,
    id: Option<&CustomerRegistrationId>,
) -> Result<(), CommandError> {
    let is_federated = tenant.settings.is_federated();
    if !is_federated && providers::first_login_provider(&tenant.settings).is_none() {
        return Err(CommandError::new(
            "neither Flow.UserProvider nor Import.FirstLogin contains a known provider: there is none to check",
        ));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let adapters = Adapters::new(options, &clock).map_err(CommandError::context(NO_CLIENT))?;
    let cx = CallContext::new(Arc::new(tenant), Instant::now() + TIME_LIMIT, Priority::Interactive);
    let mut checked = adapters
        .check(&cx, id)
        .await
        .map_err(|errors| CommandError::new(format!("the settings are invalid:\n  {}", errors.join("\n  "))))?;
    checked.extend(adapters.check_first_login(&cx).await);
    for one in &checked {
        print_line(to_line(one))?;
    }
    let differing = checked
        .iter()
        .filter(|one| one.verdict == CheckVerdict::Differs)
        .count();
    // The absence of unknown users alone shows little: every wrong connection or mapping has it too.
    let has_tried_a_user = checked
        .iter()
        .any(|one| one.subject == KNOWN_ID && one.verdict != CheckVerdict::Untried);
    match differing {
        0 if has_tried_a_user || !is_federated => Ok(()),
        0 => Err(CommandError::new(
            "no user could be tried: give the id of one with --id, and see the settings that choose whose users these are",
        )),
        _ => Err(CommandError::new(format!(
            "{differing} of {} requests differ from the settings",
            checked.len()
        ))),
    }
}

fn to_line(
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

/// The tenant with this id.
async fn find_tenant(store: &Store, id: &TenantId) -> Result<Tenant, CommandError> {
    let all = store.admin().tenants().await;
    let all = all.map_err(CommandError::context("the tenants cannot be read"))?;
    let row = all.into_iter().find(|row| row.id == *id);
    let row = row.ok_or_else(|| CommandError::new("there is no such tenant"))?;
    Ok(tenant(row.id, row.pool, &row.settings))
}

/// A tenant with the settings of a file; `-` is standard input.
fn read_settings(path: &Path, id: Option<&TenantId>) -> Result<Tenant, CommandError> {
    let text = if path.as_os_str() == "-" {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(CommandError::context("the file of settings cannot be read"))?;
    let mut settings = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = parse_pair(line).map_err(|error| CommandError::new(format!("line {number} {error}")))?;
        if settings
            .insert(key.trim().to_owned(), value.trim().to_owned())
            .is_some()
        {
            return Err(CommandError::new(format!("line {number} repeats a setting")));
        }
    }
    let names_secret = |name: &String| name.ends_with("File") || name.ends_with("Env");
    if id.is_none() && settings.keys().any(names_secret) {
        print_warning("without --tenant no secret is read: give the tenant whose secrets the settings name");
    }
    let id = id.cloned().map_or_else(|| TenantId::parse(NO_TENANT), Ok);
    let id = id.map_err(CommandError::context("the settings cannot be checked"))?;
    Ok(tenant(id, PoolId(0), &settings))
}

fn tenant(id: TenantId, pool: PoolId, settings: &BTreeMap<String, String>) -> Tenant {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(key, value)| (&**key, &**value)));
    Tenant { id, pool, settings }
}
