//! `accounts.setAccountInfo` and `accounts.deleteAccount`.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::account::{checked_profile, is_address, merge, stamp};
use super::admission::Caller;
use super::params::Params;
use super::refusal::{Outcome, Refusal};
use super::site::Site;

/// Whose account a call is about: an application says so, a client has only its registration.
fn subject(site: &Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Result<String, Refusal> {
    if let Some(token) = params.get("regToken") {
        return site.registration(token, now)?.uid.ok_or_else(Refusal::unknown_user);
    }
    match caller {
        Caller::Application(_) => Ok(params.get("UID").ok_or_else(|| Refusal::missing("uid"))?.to_owned()),
        Caller::Client => Err(Refusal::new(403_005, "Session not found")),
    }
}

/// Everything is checked before anything is written.
pub(super) fn set_account_info(site: &mut Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Outcome {
    let uid = subject(site, caller, params, now)?;
    let mut account = site.account(&uid)?;
    if let Some(profile) = params.object("profile")? {
        checked_profile(&profile)?;
        merge(&mut account["profile"], profile);
    }
    for section in ["data", "subscriptions", "preferences", "customIdentifiers"] {
        if let Some(change) = params.object(section)? {
            merge(&mut account[section], change);
        }
    }
    for flag in ["isActive", "isVerified"] {
        if let Some(value) = params.flag(flag)? {
            account[flag] = value.into();
            if flag == "isVerified" && value {
                stamp(&mut account, "verified", now);
            }
        }
    }
    logins(site, &uid, &mut account, params)?;
    let password = new_password(site, &uid, params)?;
    stamp(&mut account, "lastUpdated", now);
    site.put(&uid, Some(account), now);
    if let Some(password) = password {
        site.set_password(&uid, &password);
    }
    Ok(Map::new())
}

fn free(site: &Site, uid: &str, login: &str) -> Result<(), Refusal> {
    match site.by_login(login) {
        Some(other) if other["UID"] != uid => Err(Refusal::plain(400_003)),
        _ => Ok(()),
    }
}

fn logins(site: &Site, uid: &str, account: &mut Value, params: &Params) -> Result<(), Refusal> {
    if let Some(username) = params.get("username") {
        free(site, uid, username)?;
        account["loginIDs"]["username"] = username.into();
    }
    for email in params.list("addLoginEmails") {
        if !is_address(email) {
            return Err(Refusal::invalid("addLoginEmails", "no e-mail address"));
        }
        free(site, uid, email)?;
        without(&mut account["loginIDs"]["unverifiedEmails"], email);
        without(&mut account["loginIDs"]["emails"], email);
        match &mut account["loginIDs"]["emails"] {
            Value::Array(list) => list.push(email.into()),
            other => *other = Value::Array(vec![email.into()]),
        }
    }
    for email in params.list("removeLoginEmails") {
        for list in ["emails", "unverifiedEmails"] {
            without(&mut account["loginIDs"][list], email);
        }
    }
    if !params.list("removeLoginEmails").is_empty() && super::account::login_ids(account).is_empty() {
        return Err(Refusal::invalid("removeLoginEmails", "the last login identifier stays"));
    }
    Ok(())
}

fn without(list: &mut Value, email: &str) {
    if let Value::Array(list) = list {
        list.retain(|known| !known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(email)));
    }
}

/// A new password needs the old one, unless a server overrides that.
fn new_password(site: &Site, uid: &str, params: &Params) -> Result<Option<String>, Refusal> {
    let Some(wanted) = params.get("newPassword") else {
        return Ok(None);
    };
    if params.flag("securityOverride")? != Some(true) {
        let old = params.need("password")?;
        if !site.is_password(uid, old) {
            return Err(Refusal::new(403_042, "invalid loginID or password"));
        }
    }
    site.strong(wanted)
        .map_err(|why| Refusal::validation(&[(400_006, "newPassword", why)]))?;
    Ok(Some(wanted.to_owned()))
}

pub(super) fn delete(site: &mut Site, params: &Params, now: OffsetDateTime) -> Outcome {
    let uid = params.get("UID").ok_or_else(|| Refusal::missing("uid"))?.to_owned();
    site.account(&uid)?;
    site.put(&uid, None, now);
    Ok(Map::new())
}
