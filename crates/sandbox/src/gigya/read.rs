//! `accounts.getAccountInfo` and `accounts.search`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::account::IncludedSections;
use super::cursor::CursorBatch;
use super::error::{GigyaCallError, GigyaResult};
use super::params::GigyaParams;
use super::query::GigyaQuery;
use super::site::GigyaSite;

/// One account by UID, or by an address that it signs in with.
pub(super) fn account_info(site: &GigyaSite, params: &GigyaParams) -> GigyaResult {
    let included = IncludedSections::parse(&params.list("include"))?;
    if let Some(uid) = params.get("UID") {
        return Ok(included.show(&site.account(uid)?));
    }
    let find_by = params.object("findBy")?.ok_or_else(|| GigyaCallError::missing("uid"))?;
    match (find_by.get("_email").and_then(Value::as_str), find_by.len()) {
        (Some(email), 1) => {
            let account = site.account_by_login(email);
            let account = account.ok_or_else(|| GigyaCallError::from_code(403_047))?;
            Ok(included.show(&account))
        }
        _ => Err(GigyaCallError::unsupported("findBy", "only _email")),
    }
}

/// A query, or the next batch of a cursor; never both.
pub(super) fn search(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let opens_cursor = params.flag("openCursor")?.unwrap_or(false);
    let text = match (params.get("query"), params.get("cursorId")) {
        (None, None) => return Err(GigyaCallError::missing("query")),
        (Some(_), Some(_)) => return Err(GigyaCallError::invalid("cursorId", "a query or a cursor, not both")),
        (None, Some(_)) if opens_cursor => return Err(GigyaCallError::invalid("openCursor", "only with a query")),
        (None, Some(name)) => {
            let overlapping = site.shared.settings.overlapping_batches;
            return Ok(to_members(site.cursors.next(name, overlapping, now)?));
        }
        (Some(text), None) => text,
    };
    let query = GigyaQuery::parse(text)?;
    let with_lite_accounts = match params.get("accountTypes") {
        None => false,
        Some("full,lite") => true,
        Some(_) => return Err(GigyaCallError::unsupported("accountTypes", "only full,lite")),
    };
    let batch = opens_cursor.then(|| query.batch_size()).transpose()?;
    let matches = query.find(site.shared.users.searchable(now).values(), with_lite_accounts);
    let Some(batch) = batch else {
        return Ok(to_members((query.page(&matches)?, None)));
    };
    let short = site.shared.settings.short_batches;
    let batch = if short { batch.div_ceil(2) } else { batch };
    Ok(to_members(site.cursors.open(query, matches, batch, now)))
}

fn to_members((found, next): CursorBatch) -> Map<String, Value> {
    let mut members = Map::from_iter([
        ("objectsCount".to_owned(), found.rows.len().into()),
        ("totalCount".to_owned(), found.total.into()),
        ("results".to_owned(), json!(found.rows)),
    ]);
    if let Some(next) = next {
        members.insert("nextCursorId".into(), next.into());
    }
    members
}
