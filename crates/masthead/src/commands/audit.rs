//! `masthead audit`: reads the audit log, and what is lost of it.

use std::{sync::Arc, time::Duration};

use masthead_domain::{event::EventKind, tenant::Tenant};
use masthead_ports::{
    audit::{AuditEntry, AuditLog as _, AuditPage, AuditQuery, AuditSubject, MAX_AUDIT_PAGE},
    clock::Clock as _,
    tenants::Tenants as _,
};
use masthead_subscribe_store::{EventWriterRow, PgAuditLog, Store};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::environment::print_line;
use crate::{cli::AuditArguments, clock::SystemClock, command_error::CommandError};

/// How long one statement may take: the log of a year is large.
const PATIENCE: Duration = Duration::from_mins(10);

const UNREADABLE: &str = "the audit log cannot be read";

pub(super) async fn run(store: &Store, arguments: &AuditArguments) -> Result<(), CommandError> {
    let log = store.audit_log().with_patience(PATIENCE);
    let until = arguments.until.unwrap_or_else(|| SystemClock.now());
    let query = AuditQuery {
        subject: subject(arguments),
        since: arguments.since,
        until,
        before: None,
        limit: MAX_AUDIT_PAGE,
    };
    match (&arguments.tenant, &query.subject) {
        (Some(_), _) | (None, AuditSubject::User(_)) => {
            for tenant in tenants(store, arguments).await? {
                print_all(&log, Some(&tenant), query.clone(), arguments.json).await?;
            }
        }
        (None, _) => print_all(&log, None, query, arguments.json).await?,
    }
    let writers = log.writers(arguments.since, until).await;
    let writers = writers.map_err(CommandError::context(UNREADABLE))?;
    let lost = writers
        .iter()
        .filter(|writer| writer.is_broken_off || writer.dropped > 0);
    for writer in lost {
        print_line(if arguments.json {
            lost_as_json(writer).to_string()
        } else {
            lost_as_text(writer)
        })?;
    }
    Ok(())
}

fn subject(arguments: &AuditArguments) -> AuditSubject {
    match (&arguments.user, &arguments.caller) {
        (Some(id), _) => AuditSubject::User(id.clone()),
        (None, Some(caller)) => AuditSubject::Caller(caller.as_str().into()),
        (None, None) if arguments.operators => AuditSubject::Kind(EventKind::OperatorChange),
        (None, None) => AuditSubject::Kind(EventKind::CallRefused),
    }
}

/// The tenant of the arguments, or all.
async fn tenants(store: &Store, arguments: &AuditArguments) -> Result<Vec<Arc<Tenant>>, CommandError> {
    let ids = if let Some(id) = &arguments.tenant {
        vec![id.clone()]
    } else {
        let all = store.admin().tenants().await;
        let all = all.map_err(CommandError::context(UNREADABLE))?;
        all.into_iter().map(|row| row.id).collect()
    };
    let mut tenants = Vec::with_capacity(ids.len());
    for id in ids {
        let found = store.tenants().by_id(&id).await;
        let found = found.map_err(CommandError::context("the tenant cannot be looked up"))?;
        tenants.push(found.ok_or_else(|| CommandError::new(format!("there is no tenant {id}")))?);
    }
    Ok(tenants)
}

async fn print_all(
    log: &PgAuditLog,
    tenant: Option<&Tenant>,
    mut query: AuditQuery,
    json: bool,
) -> Result<(), CommandError> {
    loop {
        let page = match tenant {
            Some(tenant) => log.read(tenant, &query).await,
            None => log.read_all(&query).await,
        };
        let AuditPage { entries, more } = page.map_err(CommandError::context(UNREADABLE))?;
        for entry in &entries {
            print_line(if json {
                as_json(entry).to_string()
            } else {
                as_text(entry)
            })?;
        }
        query.before = entries.last().map(|entry| entry.place);
        if !more {
            return Ok(());
        }
    }
}

fn date(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn as_json(entry: &AuditEntry) -> Value {
    let detail = entry
        .detail
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let hash = entry.filter_hash.map(|hash| format!("{:016x}", hash.cast_unsigned()));
    let mut object = json!({
        "at": date(entry.place.at), "number": entry.number, "event": entry.kind.map(EventKind::name),
        "tenant": entry.tenant, "outcome": entry.outcome, "users": entry.users, "registration": entry.registration_id,
        "requestId": entry.request_id, "sourceSystem": entry.source_system, "issuer": entry.issuer,
        "subject": entry.subject, "clientId": entry.client_id, "tokenId": entry.token_id, "network": entry.network,
        "filter": entry.filter_kind, "filterHash": hash, "detail": detail,
    });
    if let Some(object) = object.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    object
}

fn as_text(entry: &AuditEntry) -> String {
    let kind = entry
        .kind
        .map_or_else(|| entry.number.to_string(), |kind| kind.name().to_owned());
    let mut text = format!("{} {} {kind} {}", date(entry.place.at), entry.tenant, entry.outcome);
    for (name, value) in [
        ("sub", &entry.subject),
        ("client", &entry.client_id),
        ("iss", &entry.issuer),
        ("jti", &entry.token_id),
        ("from", &entry.network),
        ("filter", &entry.filter_kind),
        ("detail", &entry.detail),
    ] {
        if let Some(value) = value {
            // A claim is a text of the caller: no line break of it may look like another event.
            let value: String = value.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            text.extend([" ", name, "=", &value]);
        }
    }
    text + &format!(
        " users={} source={} request={}",
        entry.users, entry.source_system, entry.request_id
    )
}

fn lost_as_json(writer: &EventWriterRow) -> Value {
    json!({
        "lost": writer.dropped, "process": writer.process, "from": date(writer.started_at),
        "to": date(writer.flushed_at), "brokenOff": writer.is_broken_off,
        "unwritten": writer.recorded - writer.written - writer.dropped,
    })
}

fn lost_as_text(writer: &EventWriterRow) -> String {
    let (from, to) = (date(writer.started_at), date(writer.flushed_at));
    let text = format!(
        "lost: {} events of {} from {from} to {to}",
        writer.dropped, writer.process
    );
    if !writer.is_broken_off {
        return text;
    }
    let more = match writer.recorded - writer.written - writer.dropped {
        0 => String::new(),
        unwritten => format!("{unwritten} more until then are lost, and "),
    };
    format!(
        "{text}; it was killed, or the database was gone at its end: {more}events after its last report at {to} may be missing"
    )
}
