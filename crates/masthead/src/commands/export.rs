//! `masthead export`: the registrations of a tenant on standard output.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_api::parse_export_filter;
use masthead_domain::{
    query::UserFilter,
    tenant::{Tenant, TenantId},
};
use masthead_exports::{ExportWriter, WriterOptions};
use masthead_ports::{
    exports::{ExportSelection, RegistrationExport, RegistrationExports as _},
    sealing::{Purpose, SealError, Sealing},
    source::{CallContext, Priority},
    tenants::Tenants as _,
};
use masthead_subscribe_store::Store;
use serde_json::{Map, Value, json};

use super::operator_log::{CommandChange, record_operator_change, record_operator_start};
use crate::{cli::ExportArguments, command_error::CommandError, sealing_keys::SealingKeys, settings::SealingSettings};

/// How long the database may take to begin.
const BEGIN_LIMIT: Duration = Duration::from_mins(1);
/// How long the reader of standard output may take nothing.
const IDLE_LIMIT: Duration = Duration::from_mins(10);

pub(super) async fn run(
    store: &Store,
    sealing: Option<&SealingSettings>,
    arguments: &ExportArguments,
) -> Result<(), CommandError> {
    let options = WriterOptions {
        format: arguments.format,
        with_hashes: arguments.with_hashes,
        base_dn: arguments.base_dn.as_str().into(),
    };
    if options.with_hashes && !options.format.has_hashes() {
        let name = options.format.name();
        return Err(CommandError::new(format!("the format {name} has no place for hashes")));
    }
    let tenant = find_tenant(store, &arguments.tenant).await?;
    let filter = filter(&tenant, sealing, arguments.filter.as_deref())?;
    let kind = filter.kind().into_owned();
    let change = |state: &str, more: Value| {
        let mut after = json!({
            "state": state, "format": options.format.name(), "withHashes": options.with_hashes, "filter": kind,
        });
        if let (Value::Object(after), Value::Object(more)) = (&mut after, more) {
            after.extend(more);
        }
        CommandChange {
            command: "export",
            tenant: Some(&arguments.tenant),
            before: Value::Null,
            after,
        }
    };
    record_operator_start(&store.admin(), change("started", Value::Null)).await?;
    let mut writer = ExportWriter::new(options.clone());
    let ended = write_all(store, &tenant, filter, &mut writer).await;
    let report = report(&writer);
    let state = if ended.is_ok() { "completed" } else { "failed" };
    let recorded = record_operator_change(&store.admin(), change(state, report.clone())).await;
    ended?;
    recorded?;
    writeln!(io::stderr(), "{report}").map_err(CommandError::context("cannot write to standard error"))
}

async fn find_tenant(store: &Store, id: &TenantId) -> Result<Arc<Tenant>, CommandError> {
    let found = store.tenants().by_id(id).await;
    let found = found.map_err(CommandError::context("the tenant cannot be looked up"))?;
    let tenant = found.ok_or_else(|| CommandError::new(format!("there is no tenant {id}")))?;
    if tenant.settings.has_remote_store() {
        return Err(CommandError::new(format!(
            "the registrations of {id} are in a remote Users API (Subscribe.Url), which is where they are exported"
        )));
    }
    Ok(tenant)
}

fn filter(tenant: &Tenant, sealing: Option<&SealingSettings>, query: Option<&str>) -> Result<UserFilter, CommandError> {
    let Some(query) = query else {
        return Ok(UserFilter::default());
    };
    let filter = match sealing {
        Some(settings) => parse_export_filter(query, tenant, &*SealingKeys::new(settings)?),
        None => parse_export_filter(query, tenant, &NoSealing),
    };
    filter.map_err(CommandError::context("the filter is refused"))
}

async fn write_all(
    store: &Store,
    tenant: &Arc<Tenant>,
    filter: UserFilter,
    writer: &mut ExportWriter,
) -> Result<(), CommandError> {
    const FAILED: &str = "the export is not complete";
    let selection = ExportSelection {
        filter,
        with_hashes: writer.options().with_hashes,
        idle_limit: IDLE_LIMIT,
    };
    let cx = CallContext::new(Arc::clone(tenant), Instant::now() + BEGIN_LIMIT, Priority::Bulk);
    let opened = store.registration_exports().open(&cx, &selection).await;
    let mut export: Box<dyn RegistrationExport> = opened.map_err(CommandError::context(FAILED))?;
    let (mut output, mut text) = (io::stdout().lock(), Vec::new());
    writer.begin(&mut text);
    while let Some(batch) = export.next().await.map_err(CommandError::context(FAILED))? {
        for registration in &batch {
            writer
                .write(registration, &mut text)
                .map_err(CommandError::context(FAILED))?;
        }
        output.write_all(&text).map_err(CommandError::context(FAILED))?;
        text.clear();
    }
    writer.end(&mut text);
    let written = output.write_all(&text).and_then(|()| output.flush());
    written.map_err(CommandError::context(FAILED))
}

/// What was exported, and what was left out because the format has no place for it.
fn report(writer: &ExportWriter) -> Value {
    let left_out: Map<String, Value> = writer
        .left_out()
        .map(|(kind, count)| (kind.to_owned(), count.into()))
        .collect();
    json!({
        "exported": writer.written(),
        "hashes": writer.hashes(),
        "leftOut": left_out,
    })
}

/// Without sealing keys no sealed value opens.
struct NoSealing;

impl Sealing for NoSealing {
    fn seal(&self, _: &TenantId, _: Purpose<'_>, _: &str) -> String {
        String::new()
    }

    fn open(&self, _: &TenantId, _: Purpose<'_>, _: &str) -> Result<String, SealError> {
        Err(SealError)
    }
}
