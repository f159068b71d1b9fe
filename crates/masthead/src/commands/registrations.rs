//! `masthead registrations …`: finds what write-backs of earlier versions may have split or moved, and merges splits; lists the
//! registrations without an account.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock as _,
    source::{CallContext, Priority},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{Merged, RepairError, Store, Suspects};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_around},
};
use crate::{
    cli::{RegistrationsCheckArguments, WithoutAccountArguments},
    clock::SystemClock,
    command_error::CommandError,
    identifiers::process_name,
};

/// How many registrations are read at once.
const PAGE: u16 = 1000;

/// How long one merge, or one page, may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn check(store: &Store, arguments: &RegistrationsCheckArguments) -> Result<(), CommandError> {
    let tenant = federated_tenant(store, &arguments.tenant).await?;
    let suspects = store.repairs().suspects(&context(&tenant)).await.map_err(unchecked)?;
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

pub(super) async fn list_without_account(
    store: &Store,
    arguments: &WithoutAccountArguments,
) -> Result<(), CommandError> {
    let tenant = federated_tenant(store, &arguments.tenant).await?;
    let repairs = store.repairs();
    let (mut count, mut after) = (0_u64, 0);
    loop {
        let found = repairs
            .without_account(&context(&tenant), after, PAGE)
            .await
            .map_err(unchecked)?;
        for (number, crid) in &found {
            print_line(json!({
                "kind": "withoutAccount", "registration": number, "customerRegistrationId": crid.as_str(),
            }))?;
        }
        count += found.len() as u64;
        match found.last() {
            Some((last, _)) if found.len() == usize::from(PAGE) => after = *last,
            _ => break,
        }
    }
    print_line(json!({"withoutAccount": count}))
}

/// A tenant with a provider: there is nothing to compare with in another.
async fn federated_tenant(store: &Store, id: &TenantId) -> Result<Arc<Tenant>, CommandError> {
    let found = store.tenants().by_id(id).await;
    let tenant = found
        .map_err(CommandError::context("the tenant cannot be looked up"))?
        .ok_or_else(|| CommandError::new(format!("there is no tenant {id}")))?;
    if tenant.settings.is_federated() {
        Ok(tenant)
    } else {
        Err(CommandError::new(
            "the tenant has no provider (Flow.UserProvider) to compare its registrations with",
        ))
    }
}

fn unchecked(error: RepairError) -> CommandError {
    CommandError::context("the registrations cannot be checked")(error)
}
