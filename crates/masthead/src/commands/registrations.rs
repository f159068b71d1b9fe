//! `masthead registrations check`: finds what write-backs of earlier versions may have split or moved, and merges splits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    clock::Clock as _,
    source::{CallContext, Priority},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{Merged, Store, Suspects};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_around},
};
use crate::{
    cli::RegistrationsCheckArguments, clock::SystemClock, command_error::CommandError, identifiers::process_name,
};

/// How long one merge may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn check(store: &Store, arguments: &RegistrationsCheckArguments) -> Result<(), CommandError> {
    let found = store.tenants().by_id(&arguments.tenant).await;
    let tenant = found
        .map_err(CommandError::context("the tenant cannot be looked up"))?
        .ok_or_else(|| CommandError::new(format!("there is no tenant {}", arguments.tenant)))?;
    let suspects = store
        .repairs()
        .suspects(&context(&tenant))
        .await
        .map_err(CommandError::context("the registrations cannot be checked"))?;
    let reported = report(store, &tenant, &suspects, arguments.repair);
    let change = |after| CommandChange {
        command: "registrations check --repair",
        tenant: Some(&arguments.tenant),
        before: Value::Null,
        after,
    };
    let report = if arguments.repair {
        record_around(&store.admin(), change, reported, Value::clone).await?
    } else {
        reported.await?
    };
    print_line(report)
}

fn context(tenant: &Arc<Tenant>) -> CallContext {
    CallContext::new(Arc::clone(tenant), Instant::now() + DEADLINE, Priority::Sync)
}

/// Prints each suspect, merged before where that is wanted; returns the summary.
async fn report(
    store: &Store,
    tenant: &Arc<Tenant>,
    suspects: &Suspects,
    is_repaired: bool,
) -> Result<Value, CommandError> {
    let repairs = store.repairs();
    let date = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let request_id: Arc<str> = process_name().into();
    let mut merged = 0_usize;
    for split in &suspects.split {
        let outcome = if is_repaired {
            let done = repairs
                .merge(&context(tenant), split, Arc::clone(&request_id), SystemClock.now())
                .await;
            done.map(Some)
                .map_err(CommandError::context("the registrations are not merged"))?
        } else {
            None
        };
        merged += usize::from(outcome == Some(Merged::Done));
        print_line(json!({
            "kind": "split", "older": split.older, "olderCustomerRegistrationId": split.older_crid.as_str(),
            "younger": split.younger, "youngerCustomerRegistrationId": split.younger_crid.as_str(),
            "writtenAt": date(split.written_at),
            "outcome": match outcome {
                None => "would be merged unless values differ",
                Some(Merged::Done) => "merged",
                Some(Merged::ValuesDiffer) => "left: values differ",
                Some(Merged::Changed) => "left: changed meanwhile",
            },
        }))?;
    }
    for moved in &suspects.moved {
        print_line(json!({
            "kind": "moved", "registration": moved.registration, "customerRegistrationId": moved.crid.as_str(),
            "writtenAt": date(moved.written_at), "outcome": "compare with a backup",
        }))?;
    }
    Ok(json!({
        "dryRun": !is_repaired, "split": suspects.split.len(), "merged": merged, "moved": suspects.moved.len(),
    }))
}
