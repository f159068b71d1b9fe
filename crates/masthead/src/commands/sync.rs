//! `masthead sync`: goes through all users of a tenant's provider, now.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use masthead_domain::tenant::Tenant;
use masthead_orchestrator::{SyncOutcome, SyncProgress};
use masthead_ports::{clock::Clock, mirror::RemovalBrake, tenants::Tenants};
use masthead_subscribe_store::Store;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{NO_CLIENT, say, signals::Signals};
use crate::{
    cli::Sync,
    clock::SystemClock,
    failure::Failure,
    identifiers::holder,
    providers::Adapters,
    settings::{ProviderSettings, SyncSettings},
    sync::Syncs,
};

/// How often the bar is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(250);

pub(super) async fn run(
    store: &Store,
    providers: &ProviderSettings,
    settings: &SyncSettings,
    asked: &Sync,
) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let found = store.tenants().by_id(&asked.tenant).await;
    let tenant = found
        .map_err(Failure::when("the tenant cannot be looked up"))?
        .ok_or_else(|| Failure::new(format!("there is no tenant {}", asked.tenant)))?;
    let adapters = Arc::new(Adapters::new(providers, &clock).map_err(Failure::when(NO_CLIENT))?);
    let syncs = Syncs::by_hand(store.directory(), adapters, clock, holder(), settings.full_every);

    let end = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let bar = Bar::new();
    let going = async {
        if asked.dry_run {
            preview(&syncs, &tenant, &end, &bar).await
        } else {
            sync(&syncs, &tenant, asked, &end, &bar).await
        }
    };
    let mut going = std::pin::pin!(going);
    tokio::select! {
        done = going.as_mut() => return done,
        _ = signals.next() => end.cancel(),
    }
    // The step under way is kept; a second signal does not wait for it.
    tokio::select! {
        done = going => done,
        name = signals.next() => Err(Failure::new(format!("a second {name} ended it at once"))),
    }
}

async fn sync(
    syncs: &Syncs,
    tenant: &Arc<Tenant>,
    asked: &Sync,
    end: &CancellationToken,
    bar: &Bar,
) -> Result<(), Failure> {
    let brake = if asked.release_brake {
        RemovalBrake::Released
    } else {
        RemovalBrake::On
    };
    let (progress, outcome) = syncs.run(tenant, brake, end, &mut |progress| bar.show(progress)).await;
    bar.end();
    let SyncOutcome::Finished(finished) = outcome else {
        return Err(told(outcome));
    };
    let taken = progress.taken;
    say(json!({
        "steps": progress.steps, "seen": progress.seen, "added": taken.added, "changed": taken.changed,
        "unchanged": taken.unchanged, "refused": taken.refused, "profiles": finished.profiles,
        "whole": finished.whole, "missing": finished.missing, "removed": finished.removed, "braked": finished.braked,
    }))?;
    if finished.braked {
        return Err(Failure::new(
            "more than 1 % of the provider's users are gone at once, so nothing was removed: look whether they are, then use \
             --release-brake",
        ));
    }
    Ok(())
}

async fn preview(syncs: &Syncs, tenant: &Arc<Tenant>, end: &CancellationToken, bar: &Bar) -> Result<(), Failure> {
    let preview = syncs.preview(tenant, end, &mut |progress| bar.show(progress)).await;
    bar.end();
    let preview = preview.map_err(told)?;
    let would = preview.would;
    say(json!({
        "dryRun": true, "seen": preview.seen, "added": would.added, "changed": would.changed,
        "unchanged": would.unchanged, "refused": would.refused, "profiles": preview.profiles,
        "missing": preview.missing,
    }))
}

/// Why there is nothing to print.
fn told(outcome: SyncOutcome) -> Failure {
    match outcome {
        SyncOutcome::Failed(error) => {
            Failure::when("the sync is not finished; run it again to go on where it was")(error)
        }
        SyncOutcome::Stopped => Failure::new("stopped; run it again to go on where it was"),
        SyncOutcome::Lost => Failure::new("another process has taken the run up, and goes on with it"),
        SyncOutcome::Busy { left } => Failure::new(format!(
            "another process is at it; should it be gone, its run is free in {} seconds",
            left.as_secs() + 1
        )),
        SyncOutcome::Elsewhere => Failure::new(
            "the directory of the tenant's pool serves a tenant with another provider or other Merge settings",
        ),
        SyncOutcome::NoScan => Failure::new("the tenant has no provider whose users can be gone through"),
        SyncOutcome::Finished(_) => Failure::new("the run is over"),
    }
}

/// The bar on a terminal; nothing anywhere else.
struct Bar(ProgressBar);

impl Bar {
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
        let taken = progress.taken;
        self.0.set_position(progress.seen);
        self.0
            .set_message(format!("{} new, {} changed", taken.added, taken.changed));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
