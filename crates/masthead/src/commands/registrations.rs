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
use masthead_subscribe_store::{Merged, RepairError, Store};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_operator_change},
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
    let context = || CallContext::new(Arc::clone(&tenant), Instant::now() + DEADLINE, Priority::Sync);
    let repairs = store.repairs();
    let suspects = repairs.suspects(&context()).await.map_err(unchecked)?;
    let date = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let request_id: Arc<str> = process_name().into();

    let mut merged = 0_usize;
    for split in &suspects.split {
        let outcome = if arguments.repair {
            let done = repairs
                .merge(&context(), split, Arc::clone(&request_id), SystemClock.now())
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
    let report = json!({
        "dryRun": !arguments.repair, "split": suspects.split.len(), "merged": merged, "moved": suspects.moved.len(),
    });
    print_line(&report)?;
    if !arguments.repair {
        return Ok(());
    }
    let change = CommandChange {
        command: "registrations check --repair",
        tenant: Some(&arguments.tenant),
        before: serde_json::Value::Null,
        after: report,
    };
    record_operator_change(&store.admin(), change).await
}

pub(super) async fn list_without_account(
    store: &Store,
    arguments: &WithoutAccountArguments,
) -> Result<(), CommandError> {
    let tenant = federated_tenant(store, &arguments.tenant).await?;
    let repairs = store.repairs();
    let (mut count, mut after) = (0_u64, 0);
    loop {
        let cx = CallContext::new(Arc::clone(&tenant), Instant::now() + DEADLINE, Priority::Sync);
        let found = repairs.without_account(&cx, after, PAGE).await.map_err(unchecked)?;
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
