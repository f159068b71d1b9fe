//! `accounts.setAccountInfo` and `accounts.deleteAccount`.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::account::{check_profile, is_address, login_ids, set_time};
use super::error::{GigyaCallError, GigyaResult};
use super::params::GigyaParams;
use super::site::GigyaSite;
use crate::json_merge::merge;

/// Everything is checked before anything is written.
pub(super) fn set_account_info(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let uid = params.get("UID").ok_or_else(|| GigyaCallError::missing("uid"))?;
    let mut account = site.account(uid)?;
    if let Some(profile) = params.object("profile")? {
        check_profile(&profile)?;
        merge(&mut account["profile"], profile);
    }
    if let Some(data) = params.object("data")? {
        merge(&mut account["data"], data);
    }
    if let Some(verified) = params.flag("isVerified")? {
        account["isVerified"] = verified.into();
        if verified {
            set_time(&mut account, "verified", now);
        }
    }
    change_logins(site, uid, &mut account, params)?;
    let password = new_password(params)?;
    set_time(&mut account, "lastUpdated", now);
    site.put(uid, Some(account), now);
    if let Some(password) = password {
        site.shared.passwords.set(uid, password);
    }
    Ok(Map::new())
}

fn change_logins(site: &GigyaSite, uid: &str, account: &mut Value, params: &GigyaParams) -> Result<(), GigyaCallError> {
    for email in params.list("addLoginEmails") {
        if !is_address(email) {
            return Err(GigyaCallError::invalid("addLoginEmails", "not an e-mail address"));
        }
        if site.account_by_login(email).is_some_and(|other| other["UID"] != uid) {
            return Err(GigyaCallError::from_code(400_003));
        }
        remove_login(account, email);
        match &mut account["loginIDs"]["emails"] {
            Value::Array(list) => list.push(email.into()),
            other => *other = Value::Array(vec![email.into()]),
        }
    }
    let removed = params.list("removeLoginEmails");
    for email in &removed {
        remove_login(account, email);
    }
    if !removed.is_empty() && login_ids(account).is_empty() {
        return Err(GigyaCallError::invalid(
            "removeLoginEmails",
            "the last login identifier stays",
        ));
    }
    Ok(())
}

fn remove_login(account: &mut Value, email: &str) {
    for list in ["emails", "unverifiedEmails"] {
        if let Value::Array(list) = &mut account["loginIDs"][list] {
            list.retain(|known| !known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(email)));
        }
    }
}

/// A new password needs the old one, unless a server overrides that; the adapter always does.
fn new_password(params: &GigyaParams) -> Result<Option<&str>, GigyaCallError> {
    let Some(wanted) = params.get("newPassword") else {
        return Ok(None);
    };
    if params.flag("securityOverride")? != Some(true) {
        return Err(GigyaCallError::missing("password"));
    }
    GigyaSite::check_password_rules(wanted)
        .map_err(|why| GigyaCallError::validation(&[(400_006, "newPassword", why)]))?;
    Ok(Some(wanted))
}

pub(super) fn delete_account(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let uid = params.get("UID").ok_or_else(|| GigyaCallError::missing("uid"))?;
    site.account(uid)?;
    site.put(uid, None, now);
    Ok(Map::new())
}
