//! `masthead migrate`: migrates the database to this program's schema.

use std::sync::{Mutex, PoisonError};

use masthead_ports::clock::Clock as _;
use masthead_subscribe_store::{MigrateOptions, MigrationNotice, schema};
use serde_json::json;

use super::{
    environment::{print_line, print_warning, small_runtime},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    cli::MigrateArguments,
    clock::SystemClock,
    command_error::CommandError,
    settings::{DatabaseSettings, UncheckedSettings},
    wiring,
};

/// The version of the schema from which on it has events of operators.
const WITH_OPERATORS_EVENTS: i64 = 16;

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &MigrateArguments) -> Result<(), CommandError> {
    let (database, _) = settings_source.database()?;
    let applied = Mutex::new(Vec::new());
    let notify = |notice| {
        if let MigrationNotice::Applied { version, .. } = notice {
            applied.lock().unwrap_or_else(PoisonError::into_inner).push(version);
        }
        report(notice);
    };
    let options = MigrateOptions {
        to: arguments.to,
        keeps_for_older: true,
        report: &notify,
    };
    let is_whole = arguments.to.is_none_or(|to| to >= schema::needed_version());
    let made = small_runtime()?.block_on(async {
        let made = schema::migrate_with(database.direct_url.reveal(), &options).await;
        let applied = applied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A schema that is there is used: what is missing here is made up for by the server.
        let reached = reached(&applied, arguments.to);
        if let Err(error) = finish(&database, &applied, (is_whole && made.is_ok()).then_some(reached)).await {
            print_warning(error);
        }
        made.map_err(CommandError::context("the database was not migrated"))
    })?;
    if made.registrations + made.entries + made.left > 0 {
        print_line(format_args!(
            "keys of names were rebuilt: {} registrations, {} mirrored users; {} skipped, whose names are too long",
            made.registrations, made.entries, made.left
        ))?;
    }
    match arguments.to {
        Some(to) if !is_whole => print_line(format_args!(
            "migrated up to schema version {to}; this program needs {}",
            schema::needed_version()
        )),
        to => {
            let applied = applied.into_inner().unwrap_or_else(PoisonError::into_inner);
            print_line(format_args!(
                "the database is at schema version {}",
                reached(&applied, to)
            ))
        }
    }
}

/// The version that the database has, after these migrations or without any.
fn reached(applied: &[i64], to: Option<i64>) -> i64 {
    let known = applied.last().copied().or(to);
    known.unwrap_or_else(schema::version).min(schema::version())
}

fn report(notice: MigrationNotice) {
    match notice {
        // A closed output ends the command at its last line.
        MigrationNotice::Applied { .. } | MigrationNotice::Left { .. } => drop(print_line(notice)),
        MigrationNotice::OtherProgram | MigrationNotice::Waiting { .. } => print_warning(notice),
    }
}

/// Records the migrations that were applied, also where the next one failed; after the last one, adds the partitions of the audit
/// log that the tenants need. `whole`: the version, if it is one that this program serves.
async fn finish(database: &DatabaseSettings, applied: &[i64], whole: Option<i64>) -> Result<(), CommandError> {
    let reached = match (whole, applied.last()) {
        (Some(reached), _) => reached,
        (None, Some(last)) if *last >= WITH_OPERATORS_EVENTS => *last,
        (None, _) => return Ok(()),
    };
    let store = wiring::store(database, None)?;
    let kept = if whole.is_some() {
        store
            .event_partitions()
            .keep(SystemClock.now().date())
            .await
            .map(|_| ())
    } else {
        Ok(())
    };
    // Versions follow each other.
    let before = applied.first().map_or(reached, |first| first - 1);
    let change = CommandChange {
        command: "migrate",
        tenant: None,
        before: json!({"schema": before}),
        after: json!({"schema": reached}),
    };
    let recorded = record_operator_change(&store.admin(), change).await;
    store.close().await;
    kept.map_err(CommandError::context("the partitions are left to the server"))?;
    recorded
}
