//! `masthead person …`: what is held about a person, and its erasure.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use masthead_api::{receipt_json, report_json, report_page};
use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email};
use masthead_orchestrator::{
    ReadError,
    writes::{EraseRequest, ErasurePreview},
};
use masthead_ports::erasure::ErasureId;
use serde_json::json;

use super::{
    confirm::confirm,
    environment::{print_line, print_warning},
    user::{UserOperations, not_written},
};
use crate::{
    cli::{PersonArguments, PersonCommand},
    command_error::CommandError,
};

const UNPRINTABLE: &str = "the result cannot be written as JSON";

pub(super) async fn run(operations: &UserOperations, command: &PersonCommand) -> Result<(), CommandError> {
    match command {
        PersonCommand::Report { person, html } => report(operations, person, html.as_deref()).await,
        PersonCommand::Erase {
            person,
            ignore_provider,
            dry_run,
            yes,
        } => {
            let request = request(person, *ignore_provider)?;
            let preview = preview(operations, person, &request).await?;
            if *dry_run {
                return print_preview(&preview);
            }
            refuse_several(person, &preview)?;
            confirm(&question(&preview), *yes)?;
            let call = operations.call(&person.tenant).await?;
            let erased = operations
                .writes
                .erase
                .erase(call, request)
                .await
                .map_err(not_written)?;
            if let Some(side) = erased.pending {
                print_warning(format_args!(
                    "a part at {side} is not erased yet: running servers go on"
                ));
            }
            print_line(receipt_json(&erased.value).map_err(CommandError::context(UNPRINTABLE))?)
        }
        PersonCommand::Receipt { receipt, tenant } => {
            let call = operations.call(tenant).await?;
            let found = operations.writes.erase.receipt(&call, ErasureId(*receipt)).await;
            let found = found.map_err(CommandError::context("the receipt cannot be read"))?;
            let found = found.ok_or_else(|| CommandError::new(format!("there is no receipt {receipt}")))?;
            print_line(receipt_json(&found).map_err(CommandError::context(UNPRINTABLE))?)
        }
    }
}

fn request(person: &PersonArguments, ignore_provider: bool) -> Result<EraseRequest, CommandError> {
    let key = person
        .key()
        .ok_or_else(|| CommandError::new("neither an id nor an address is given"))?;
    Ok(EraseRequest { key, ignore_provider })
}

async fn report(
    operations: &UserOperations,
    person: &PersonArguments,
    html: Option<&Path>,
) -> Result<(), CommandError> {
    let EraseRequest { key, .. } = request(person, false)?;
    let call = operations.call(&person.tenant).await?;
    let report = match operations.reports.make(&call.caller, &key).await {
        Ok(report) => report,
        Err(ReadError::NoSuchUser { .. }) => {
            return Err(CommandError::new("no source holds anything about this person"));
        }
        Err(error) => return Err(CommandError::context("the report cannot be made")(error)),
    };
    if let Some(path) = html {
        write_page(path, &report_page(&report))?;
    }
    print_line(report_json(&report).map_err(CommandError::context(UNPRINTABLE))?)?;
    if !report.is_complete() {
        print_warning("a source gave no answer: what it holds is not known");
    }
    Ok(())
}

/// A new file that only its owner can read.
fn write_page(path: &Path, page: &str) -> Result<(), CommandError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(CommandError::context("the file of --html cannot be created"))?;
    file.write_all(page.as_bytes())
        .map_err(CommandError::context("the file of --html cannot be written"))
}

async fn preview(
    operations: &UserOperations,
    person: &PersonArguments,
    request: &EraseRequest,
) -> Result<ErasurePreview, CommandError> {
    let call = operations.call(&person.tenant).await?;
    let preview = operations.writes.erase.preview(&call, request).await;
    preview.map_err(CommandError::context("it cannot be seen where the person is known"))
}

fn print_preview(preview: &ErasurePreview) -> Result<(), CommandError> {
    let person = &preview.person;
    print_line(json!({
        "dryRun": true,
        "customerRegistrationIds": person.ids.iter().map(CustomerRegistrationId::as_str).collect::<Vec<_>>(),
        "emails": person.emails.iter().map(Email::as_str).collect::<Vec<_>>(),
        "inStore": person.is_stored,
        "providerAccounts": preview.provider_accounts,
    }))
}

/// An address may be shared: which of its users is meant is the operator's decision.
fn refuse_several(person: &PersonArguments, preview: &ErasurePreview) -> Result<(), CommandError> {
    let is_by_address = matches!(person.key(), Some(masthead_domain::user_key::UserKey::Email(_)));
    let several = preview.person.ids.len();
    if is_by_address && several > 1 {
        return Err(CommandError::new(format!(
            "{several} ids have this address: --dry-run lists them, and --id erases one with what belongs to it"
        )));
    }
    Ok(())
}

fn question(preview: &ErasurePreview) -> String {
    let accounts = preview
        .provider_accounts
        .map_or_else(String::new, |count| format!(", and {count} accounts at the provider"));
    format!(
        "Erase a person with {} ids and {} addresses{accounts}? There is no way back.",
        preview.person.ids.len(),
        preview.person.emails.len()
    )
}
