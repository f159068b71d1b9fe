//! `accounts.initRegistration`, `register`, `finalizeRegistration` and `login`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::account::{IncludedSections, check_profile, is_address, new_account, set_time};
use super::error::{GigyaCallError, GigyaResult};
use super::params::GigyaParams;
use super::site::GigyaSite;
use crate::json_merge::merge;
use crate::passwords::PasswordResult;

/// Opens a registration and returns its token.
pub(super) fn init(site: &mut GigyaSite) -> Map<String, Value> {
    let token = site.open_registration(None);
    Map::from_iter([("regToken".to_owned(), token.into())])
}

/// Creates the account; it is complete once the registration is finalized.
pub(super) fn register(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let token = params.require("regToken")?;
    if site.registration(token)?.is_some() {
        return Err(GigyaCallError::invalid("regToken", "already registered"));
    }
    let profile = params.object("profile")?.unwrap_or_default();
    let data = params.object("data")?.unwrap_or_default();
    check_profile(&profile)?;
    let (email, password) = (params.get("email"), params.get("password"));
    let mut errors = Vec::new();
    match email {
        None => errors.push((400_002, "email", "email is required")),
        Some(email) if !is_address(email) => errors.push((400_006, "email", "Unallowed value for field: email")),
        Some(email) if site.account_by_login(email).is_some() => {
            errors.push((400_003, "email", "email already exists"));
        }
        Some(_) => {}
    }
    match password.map(GigyaSite::check_password_rules) {
        None => errors.push((400_002, "password", "password is required")),
        Some(Err(why)) => errors.push((400_006, "password", why)),
        Some(Ok(())) => {}
    }
    let (Some(email), Some(password), true) = (email, password, errors.is_empty()) else {
        return Err(GigyaCallError::validation(&errors));
    };
    let uid = site.next_id();
    let mut account = new_account(&uid, now);
    merge(&mut account["profile"], profile);
    merge(&mut account["data"], data);
    account["profile"]["email"] = email.into();
    account["emails"]["unverified"] = json!([email]);
    account["loginIDs"]["emails"] = json!([email]);
    site.put(&uid, Some(account), now);
    site.shared.passwords.set(&uid, password);
    site.close_registration(token);
    let token = site.open_registration(Some(uid.clone()));
    if params.flag("finalizeRegistration")?.unwrap_or(false) {
        return finish(site, &token, &uid, now);
    }
    Err(pending(site, 206_001, &uid, &token))
}

pub(super) fn finalize(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let token = params.require("regToken")?;
    let uid = site.registration(token)?;
    let uid = uid.ok_or_else(|| GigyaCallError::invalid("regToken", "nothing registered yet"))?;
    finish(site, token, &uid, now)
}

fn finish(site: &mut GigyaSite, token: &str, uid: &str, now: OffsetDateTime) -> GigyaResult {
    let mut account = site.account(uid)?;
    if account["isRegistered"] != true {
        account["isRegistered"] = true.into();
        set_time(&mut account, "registered", now);
        site.put(uid, Some(account.clone()), now);
    }
    if site.shared.settings.require_verification && account["isVerified"] != true {
        return Err(pending(site, 206_002, uid, token));
    }
    site.close_registration(token);
    open_session(site, uid, now)
}

/// A code that comes with the account and a token to continue with.
fn pending(site: &GigyaSite, code: u64, uid: &str, token: &str) -> GigyaCallError {
    let account = site.account(uid).unwrap_or_default();
    let members = IncludedSections::default().show(&account);
    let error = GigyaCallError::from_code(code).with("regToken", token);
    members
        .into_iter()
        .fold(error, |error, (name, value)| error.with(&name, value))
}

/// The account with its session, which a client must neither store nor show.
fn open_session(site: &mut GigyaSite, uid: &str, now: OffsetDateTime) -> GigyaResult {
    let session = format!("st2.sandbox.{}", site.next_id());
    let mut account = site.account(uid)?;
    set_time(&mut account, "lastLogin", now);
    let mut members = IncludedSections::default().show(&account);
    site.put(uid, Some(account), now);
    let session = json!({"cookieName": "glt_sandbox", "cookieValue": session});
    members.insert("sessionInfo".into(), session);
    Ok(members)
}

/// Signs in by login identifier and password. The error is the same for an unknown identifier and a wrong password.
pub(super) fn login(site: &mut GigyaSite, params: &GigyaParams, now: OffsetDateTime) -> GigyaResult {
    let (login, password) = (params.require("loginID")?, params.require("password")?);
    let account = site.account_by_login(login);
    let account = account.ok_or_else(GigyaCallError::wrong_credentials)?;
    let uid = account["UID"].as_str().unwrap_or_default().to_owned();
    match site.shared.passwords.attempt(&uid, password) {
        PasswordResult::Right => {}
        PasswordResult::Wrong => return Err(GigyaCallError::wrong_credentials()),
        PasswordResult::LockedOut => return Err(GigyaCallError::from_code(403_120)),
    }
    if account["isActive"] == false {
        return Err(GigyaCallError::from_code(403_041));
    }
    if account["tfaStatus"] == "forceOn" {
        return Err(GigyaCallError::from_code(403_101));
    }
    let pending_code = if account["isRegistered"] == false {
        206_001
    } else if site.shared.settings.require_verification && account["isVerified"] == false {
        206_002
    } else {
        return open_session(site, &uid, now);
    };
    let token = site.open_registration(Some(uid.clone()));
    Err(pending(site, pending_code, &uid, &token))
}
