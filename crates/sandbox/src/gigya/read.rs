//! `accounts.getAccountInfo`, `accounts.search` and `accounts.isAvailableLoginID`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::account::Include;
use super::admission::Caller;
use super::params::Params;
use super::refusal::{Outcome, Refusal};
use super::search::{Kinds, Query};
use super::signature;
use super::site::Site;

/// How long a search may be asked to take, in milliseconds.
const LONGEST_TIMEOUT: u64 = 60_000;

/// One account by UID, by login identifier, or by the registration it is in.
pub(super) fn account_info(site: &mut Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Outcome {
    let include = Include::parse(&params.list("include"))?;
    if let Some(token) = params.get("regToken") {
        let uid = site.registration(token, now)?.uid.ok_or_else(Refusal::unknown_user)?;
        return shown(site, caller, &uid, &include, now);
    }
    let Caller::Application(_) = caller else {
        return Err(Refusal::new(403_005, "Session not found"));
    };
    // `_uid` wins over every other identifier, and a UID parameter is the same thing.
    if let Some(uid) = params.get("UID") {
        return shown(site, caller, uid, &include, now);
    }
    let Some(by) = params.object("findBy")? else {
        return Err(Refusal::missing("uid"));
    };
    let uid = found_by(site, &by)?;
    shown(site, caller, &uid, &include, now)
}

fn found_by(site: &Site, by: &Map<String, Value>) -> Result<String, Refusal> {
    let text = |name: &str| by.get(name).and_then(Value::as_str);
    if let Some(uid) = text("_uid") {
        return Ok(uid.to_owned());
    }
    if let Some(login) = text("_email").or_else(|| text("_username")) {
        let account = site.by_login(login).ok_or_else(|| Refusal::plain(403_047))?;
        return Ok(uid_of(&account));
    }
    let (field, wanted) = match (text("_phoneNumber"), by.iter().next()) {
        (Some(phone), _) => ("/phoneNumber".to_owned(), phone),
        (None, Some((name, Value::String(wanted)))) if !name.starts_with('_') => {
            (format!("/customIdentifiers/{name}"), wanted.as_str())
        }
        _ => return Err(Refusal::invalid("findBy", "an identifier and its value")),
    };
    let found = site
        .people
        .all()
        .find(|account| account.pointer(&field).is_some_and(|value| value == wanted));
    found.map(|account| uid_of(account)).ok_or_else(Refusal::unknown_user)
}

fn uid_of(account: &Value) -> String {
    account["UID"].as_str().unwrap_or_default().to_owned()
}

/// An account in an answer, with the signature by which a site knows that it comes from Gigya.
pub(super) fn shown(site: &Site, caller: &Caller, uid: &str, include: &Include, now: OffsetDateTime) -> Outcome {
    let account = site.account(uid)?;
    let mut shown = include.of(&account, site.has_password(uid));
    if let Caller::Application(application) = caller {
        let at = now.unix_timestamp().to_string();
        let signed = signature::over(&application.secret, &format!("{at}_{uid}"));
        shown.insert("UIDSignature".into(), signed.into());
        shown.insert("signatureTimestamp".into(), at.into());
    }
    Ok(shown)
}

/// A query, or the next batch of a cursor; never both.
pub(super) fn search(site: &mut Site, params: &Params, now: OffsetDateTime) -> Outcome {
    if params
        .number("timeout")?
        .is_some_and(|timeout| timeout > LONGEST_TIMEOUT)
    {
        return Err(Refusal::invalid("timeout", "60000 milliseconds at most"));
    }
    // Ignoring what restricts a query would answer more than was meant.
    if let Some(name) = ["restrictedQuery", "querySig"]
        .into_iter()
        .find(|name| params.get(name).is_some())
    {
        return Err(Refusal::new(400_096, format!("The sandbox has no {name}")));
    }
    let opens = params.flag("openCursor")?.unwrap_or(false);
    match (params.get("query"), params.get("cursorId")) {
        (None, None) => Err(Refusal::missing("query")),
        (Some(_), Some(_)) => Err(Refusal::invalid("cursorId", "a query or a cursor, not both")),
        (None, Some(_)) if opens => Err(Refusal::invalid("openCursor", "only with the first call")),
        (None, Some(name)) => {
            let overlaps = site.settings.overlapping_batches;
            Ok(answer(site.cursors.next(name, overlaps, now)?))
        }
        (Some(text), None) => {
            let query = Query::parse(text, &site.settings.encrypted)?;
            let kinds = kinds(params)?;
            let batch = if opens { Some(query.batch()?) } else { None };
            let matches = query.matches(site.people.searchable(now).values(), kinds);
            if let Some(batch) = batch {
                let batch = if site.settings.short_batches {
                    batch.div_ceil(2)
                } else {
                    batch
                };
                return Ok(answer(site.cursors.open(query, matches, batch, now)));
            }
            let found = query.page(&matches)?;
            Ok(members(&found.rows, found.total))
        }
    }
}

fn kinds(params: &Params) -> Result<Kinds, Refusal> {
    match params.get("accountTypes") {
        None | Some("full") => Ok(Kinds {
            full: true,
            lite: false,
        }),
        Some("lite") => Ok(Kinds {
            full: false,
            lite: true,
        }),
        Some("full,lite" | "lite,full") => Ok(Kinds { full: true, lite: true }),
        Some(_) => Err(Refusal::invalid("accountTypes", "full or lite")),
    }
}

fn answer(batch: super::search::cursor::Batch) -> Map<String, Value> {
    let mut answer = members(&batch.rows, batch.total);
    if let Some(next) = batch.next {
        answer.insert("nextCursorId".into(), next.into());
    }
    answer
}

fn members(rows: &[Value], total: usize) -> Map<String, Value> {
    let answer = json!({"results": rows, "objectsCount": rows.len(), "totalCount": total});
    answer.as_object().cloned().unwrap_or_default()
}

/// Whether nobody logs in with this yet.
pub(super) fn is_available(site: &Site, params: &Params) -> Outcome {
    let free = site.by_login(params.need("loginID")?).is_none();
    Ok(Map::from_iter([("isAvailable".to_owned(), Value::Bool(free))]))
}
