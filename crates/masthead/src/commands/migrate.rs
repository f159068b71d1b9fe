//! `masthead migrate`: migrates the database to this program's schema.

use masthead_ports::clock::Clock as _;
use masthead_subscribe_store::schema;
use serde_json::{Value, json};

use super::{
    environment::{print_line, print_warning, small_runtime},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    clock::SystemClock,
    command_error::CommandError,
    settings::{DatabaseSettings, UncheckedSettings},
    wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings) -> Result<(), CommandError> {
    let (database, _) = settings_source.database()?;
    let made = small_runtime()?.block_on(async {
        let made = schema::migrate(database.direct_url.reveal()).await;
        let made = made.map_err(CommandError::context("the database was not migrated"))?;
        // A schema that is there is used: what is missing here is made up for by the server.
        if let Err(error) = finish(&database).await {
            print_warning(error);
        }
        Ok::<_, CommandError>(made)
    })?;
    if made.registrations + made.entries + made.left > 0 {
        print_line(format_args!(
            "keys of names were rebuilt: {} registrations, {} mirrored users; {} skipped, whose names are too long",
            made.registrations, made.entries, made.left
        ))?;
    }
    print_line(format_args!("the database is at schema version {}", schema::version()))
}

/// Adds the partitions of the audit log that the tenants need, and records the migration.
async fn finish(database: &DatabaseSettings) -> Result<(), CommandError> {
    let store = wiring::store(database, None)?;
    let kept = store.event_partitions().keep(SystemClock.now().date()).await;
    let change = CommandChange {
        command: "migrate",
        tenant: None,
        before: Value::Null,
        after: json!({"schema": schema::version()}),
    };
    let recorded = record_operator_change(&store.admin(), change).await;
    store.close().await;
    kept.map_err(CommandError::context("the partitions are left to the server"))?;
    recorded
}
