//! `masthead sync`: reads all users of a tenant's provider into its mirror, now.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use masthead_domain::tenant::Tenant;
use masthead_orchestrator::{SyncOutcome, SyncProgress};
use masthead_ports::{clock::Clock, mirror::RemovalBrake, tenants::Tenants};
use masthead_subscribe_store::Store;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    environment::{NO_CLIENT, print_line},
    operator_log::{CommandChange, record_around},
    signals::ServerSignals,
};
use crate::{
    cli::SyncArguments,
    clock::SystemClock,
    command_error::CommandError,
    identifiers::process_name,
    providers::Adapters,
    settings::{ProviderSettings, SyncSettings},
    sync::{MANUAL_RETRY, SyncRunner},
};

/// How often the bar is redrawn without progress.
const TICK: Duration = Duration::from_millis(250);

pub(super) async fn run(
    store: &Store,
    providers: &ProviderSettings,
    settings: &SyncSettings,
    arguments: &SyncArguments,
) -> Result<(), CommandError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let found = store.tenants().by_id(&arguments.tenant).await;
    let tenant = found
        .map_err(CommandError::context("the tenant cannot be looked up"))?
        .ok_or_else(|| CommandError::new(format!("there is no tenant {}", arguments.tenant)))?;
    let adapters = Arc::new(Adapters::new(providers, &clock).map_err(CommandError::context(NO_CLIENT))?);
    let syncs = SyncRunner::new(
        store.mirror(),
        adapters,
        clock,
        process_name(),
        settings.full_every,
        MANUAL_RETRY,
    );

    let end = CancellationToken::new();
    let mut signals = ServerSignals::listen()?;
    let bar = SyncProgressBar::new();
    let running = async {
        if arguments.dry_run {
            preview(&syncs, &tenant, &end, &bar).await
        } else {
            let change = |after| CommandChange {
                command: if arguments.release_brake {
                    "sync --release-brake"
                } else {
                    "sync"
                },
                tenant: Some(&arguments.tenant),
                before: Value::Null,
                after,
            };
            let run = sync(&syncs, &tenant, arguments, &end, &bar);
            let report = record_around(&store.admin(), change, run, Value::clone).await?;
            print_line(&report)?;
            refuse_braked(&report)
        }
    };
    let mut running = std::pin::pin!(running);
    tokio::select! {
        done = running.as_mut() => return done,
        _ = signals.next() => end.cancel(),
    }
    // The current step is finished; a second signal does not wait for it.
    tokio::select! {
        done = running => done,
        name = signals.next() => Err(CommandError::new(format!("a second {name} stopped it at once"))),
    }
}

async fn sync(
    syncs: &SyncRunner,
    tenant: &Arc<Tenant>,
    arguments: &SyncArguments,
    end: &CancellationToken,
    bar: &SyncProgressBar,
) -> Result<Value, CommandError> {
    let brake = if arguments.release_brake {
        RemovalBrake::Released
    } else {
        RemovalBrake::On
    };
    let (progress, outcome) = syncs.run(tenant, brake, end, &mut |progress| bar.show(progress)).await;
    bar.end();
    let SyncOutcome::Finished(finished) = outcome else {
        return Err(to_error(outcome));
    };
    let taken = progress.changes;
    Ok(json!({
        "steps": progress.pages, "seen": progress.seen, "added": taken.added, "changed": taken.changed,
        "unchanged": taken.unchanged, "refused": taken.refused, "profiles": finished.profiles,
        "whole": finished.whole, "missing": finished.missing, "removed": finished.removed, "braked": finished.braked,
    }))
}

fn refuse_braked(report: &Value) -> Result<(), CommandError> {
    if report["braked"] == true {
        return Err(CommandError::new(
            "more than 1 % of the provider's users are gone at once, so none was removed: check whether they are, then use \
             --release-brake",
        ));
    }
    Ok(())
}

async fn preview(
    syncs: &SyncRunner,
    tenant: &Arc<Tenant>,
    end: &CancellationToken,
    bar: &SyncProgressBar,
) -> Result<(), CommandError> {
    let preview = syncs.preview(tenant, end, &mut |progress| bar.show(progress)).await;
    bar.end();
    let preview = preview.map_err(to_error)?;
    let would = preview.changes;
    print_line(json!({
        "dryRun": true, "seen": preview.seen, "added": would.added, "changed": would.changed,
        "unchanged": would.unchanged, "refused": would.refused, "profiles": preview.profiles,
        "missing": preview.missing,
    }))
}

/// Why there is no result.
fn to_error(outcome: SyncOutcome) -> CommandError {
    match outcome {
        SyncOutcome::Failed(error) => CommandError::context("the sync is not finished; run it again to resume")(error),
        SyncOutcome::Stopped => CommandError::new("stopped; run it again to resume"),
        SyncOutcome::Lost => CommandError::new("another process has taken over the run"),
        SyncOutcome::Busy { left } => CommandError::new(format!(
            "another process runs this sync; if it is dead, the run is free in {} seconds",
            left.as_secs() + 1
        )),
        SyncOutcome::Elsewhere => CommandError::new(
            "the mirror of the tenant's pool belongs to a tenant with another provider or other Merge settings",
        ),
        SyncOutcome::NoScan => CommandError::new("the tenant has no provider whose users can be listed"),
        SyncOutcome::Finished(_) => CommandError::new("the run is over"),
    }
}

/// The progress bar on a terminal; nothing anywhere else.
struct SyncProgressBar(ProgressBar);

impl SyncProgressBar {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    fn show(&self, progress: &SyncProgress) {
        if let (Some(expected), None) = (progress.expected, self.0.length()) {
            self.0.set_length(expected);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} users  {msg}  about {eta} to go") {
                self.0.set_style(style);
            }
        }
        let taken = progress.changes;
        self.0.set_position(progress.seen);
        self.0
            .set_message(format!("{} new, {} changed", taken.added, taken.changed));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
