//! The writes of users, from the parts of the program, and their background tasks.

use std::{sync::Arc, time::Duration};

use masthead_orchestrator::{
    PersonDependencies, PersonReports,
    writes::{ErasePerson, ReconcileWrites, Reconciled, UserWrites, WriteDependencies},
};
use masthead_ports::{clock::Clock, intents::IntentStep, source::UserSource};
use masthead_subscribe_store::Store;
use masthead_tokens::SystemSecrets;
use tokio_util::sync::CancellationToken;

use crate::{
    command_error::CommandError, providers::Adapters, sealing_keys::SealingKeys, settings::ServerSettings, wiring,
};

/// How often intents that are due are looked for: one indexed query, and one that counts the open ones.
const RECONCILE: Duration = Duration::from_secs(5);

/// How many open intents the gauge counts.
const COUNTED: u32 = 1_000;

/// The writes over this store and these adapters.
///
/// # Errors
/// No thread can be started.
pub(crate) fn user_writes(
    settings: &ServerSettings,
    store: &Store,
    adapters: &Adapters,
    keys: &Arc<SealingKeys>,
    clock: Arc<dyn Clock>,
) -> Result<UserWrites, CommandError> {
    let users = store.users();
    let dependencies = WriteDependencies {
        store: adapters.subscribe(store.registrations() as Arc<dyn UserSource>),
        users: Arc::clone(&users) as _,
        remote_records: Arc::clone(&users) as _,
        writers: Arc::new(adapters.clone()),
        intents: Arc::clone(&users) as _,
        idempotency: Arc::clone(&users) as _,
        erasures: Arc::clone(&users) as _,
        attempts: users,
        passwords: wiring::password_hasher(&settings.passwords, &settings.providers)?,
        sealing: Arc::clone(keys) as _,
        hasher: Arc::clone(keys) as _,
        secrets: Arc::new(SystemSecrets::new()),
        clock,
        audit_address: settings.audit.address,
        sends_mail: settings.mail.smtp.is_some(),
    };
    Ok(UserWrites::new(dependencies, store.tenants()))
}

/// The reports of persons, over the ports of these writes.
pub(crate) fn person_reports(
    settings: &ServerSettings,
    store: &Store,
    adapters: &Adapters,
    writes: &UserWrites,
) -> PersonReports {
    let ports = writes.ports();
    PersonReports::new(PersonDependencies {
        records: Arc::new(store.person_records()),
        erasures: Arc::clone(&ports.erasures),
        users: Arc::clone(&ports.users),
        store: adapters.subscribe(store.registrations()),
        providers: Arc::new(adapters.clone()),
        sealing: Arc::clone(&ports.sealing),
        passwords: Arc::clone(&ports.passwords),
        hasher: Arc::clone(&ports.hasher),
        clock: Arc::clone(&ports.clock),
        audit_address: ports.audit_address,
        remembered: settings.providers.stale,
    })
}

/// Goes on with erasures until the end: apart from [`reconcile`], since one may take minutes.
pub(crate) async fn go_on_erasing(erase: ErasePerson, end: CancellationToken) {
    while wait(RECONCILE, &end).await {
        let swept = end.run_until_cancelled(erase.run_once()).await;
        if let Some(Err(error)) = swept {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "erasures do not go on for now"
            );
        }
    }
}

/// Settles intents until the end.
pub(crate) async fn reconcile(reconcile: ReconcileWrites, end: CancellationToken) {
    while wait(RECONCILE, &end).await {
        match reconcile.run_once().await {
            Ok(settled) => {
                for (_, outcome) in settled {
                    let outcome = match outcome {
                        Reconciled::Done => "done",
                        Reconciled::NotWritten => "not_written",
                        Reconciled::Postponed(_) => "postponed",
                        Reconciled::Unsettled(_) => "unsettled",
                    };
                    metrics::counter!("masthead_write_intents_settled_total", "outcome" => outcome).increment(1);
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "intents cannot be read"),
        }
        if let Ok(open) = reconcile.list(None, COUNTED).await {
            for step in IntentStep::ALL {
                let count = open.iter().filter(|intent| intent.step == step).count();
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                metrics::gauge!("masthead_write_intents", "step" => step.name()).set(count);
            }
        }
    }
}

/// Waits; false at the end.
async fn wait(time: Duration, end: &CancellationToken) -> bool {
    tokio::select! {
        () = end.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}
