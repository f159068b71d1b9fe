//! `masthead explain`: why a user does not appear, or why a token is refused.

mod lines;
mod token;
mod user;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{suggestion::did_you_mean, user_key::UserKey};
use masthead_ports::{clock::Clock, tenants::Tenants as _};
use masthead_subscribe_store::Store;

use self::{lines::print_tenant, user::UserExplanation};
use super::environment::{NO_LOG, check_connection, small_runtime};
use crate::{
    cli::ExplainArguments,
    clock::SystemClock,
    command_error::CommandError,
    logs,
    sealing_keys::SealingKeys,
    settings::{ServerSettings, UncheckedSettings},
    wiring,
};

/// How long the sources together may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &ExplainArguments) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let log = logs::start(&settings.log, io::stderr(), Arc::clone(&clock));
    let _log = log.map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let keys = SealingKeys::new(&settings.sealing)?;
        let store = wiring::store(&settings.database, Some(keys))?;
        let done = explain(&settings, &store, clock, arguments).await;
        store.close().await;
        done
    })
}

async fn explain(
    settings: &ServerSettings,
    store: &Store,
    clock: Arc<dyn Clock>,
    arguments: &ExplainArguments,
) -> Result<(), CommandError> {
    check_connection(store).await?;
    let found = store.tenants().by_id(&arguments.tenant).await;
    let found = found.map_err(CommandError::context("the tenant cannot be looked up"))?;
    let id = arguments.id.clone().map(UserKey::Id);
    let email = arguments
        .email
        .as_ref()
        .map(|email| UserKey::Email(email.key().clone()));
    match (&arguments.token, id.or(email), found) {
        // A token is explained for a tenant that does not exist, too: that may be the reason.
        (Some(token), _, tenant) => {
            let tenant = tenant.as_deref();
            token::explain(
                (settings, store),
                clock,
                (&arguments.tenant, tenant),
                token,
                arguments.show,
            )
            .await
        }
        (None, Some(key), Some(tenant)) => {
            print_tenant(&tenant)?;
            let explanation = UserExplanation::new(settings, store, clock, tenant, Instant::now() + DEADLINE);
            explanation?.print(&key, arguments.show).await
        }
        (None, Some(_), None) => Err(no_such_tenant(store, arguments).await),
        (None, None, _) => Err(CommandError::new("neither a user nor a token is given")),
    }
}

async fn no_such_tenant(store: &Store, arguments: &ExplainArguments) -> CommandError {
    let known = store.admin().tenants().await.unwrap_or_default();
    let wanted = arguments.tenant.as_str();
    let suggestion = did_you_mean(wanted, known.iter().map(|row| row.id.as_str()));
    CommandError::new(format!("there is no tenant {wanted}{suggestion}"))
}
