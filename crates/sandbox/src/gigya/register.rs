//! `accounts.initRegistration`, `register`, `finalizeRegistration` and `login`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::account::{self, Include, checked_profile, is_address, merge, stamp};
use super::admission::Caller;
use super::params::Params;
use super::read::shown;
use super::refusal::{Outcome, Refusal};
use super::site::Site;

/// A token that lives an hour.
pub(super) fn init(site: &mut Site, now: OffsetDateTime) -> Map<String, Value> {
    let token = site.open_registration(None, now);
    Map::from_iter([("regToken".to_owned(), token.into())])
}

/// Makes the account; it counts only once the registration is finalized.
pub(super) fn register(site: &mut Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Outcome {
    let token = params.need("regToken")?.to_owned();
    if site.registration(&token, now)?.uid.is_some() {
        return Err(Refusal::invalid("regToken", "already registered"));
    }
    let profile = params.object("profile")?.unwrap_or_default();
    let data = params.object("data")?.unwrap_or_default();
    checked_profile(&profile)?;
    let include = Include::parse(&params.list("include"))?;
    let finalize = params.flag("finalizeRegistration")?.unwrap_or(false);
    let (email, username, password) = (params.get("email"), params.get("username"), params.get("password"));
    let mut flaws = Vec::new();
    match (email, username) {
        (None, None) => flaws.push((400_002, "email", "email or username is required")),
        (Some(email), _) if !is_address(email) => flaws.push((400_006, "email", "Unallowed value for field: email")),
        (Some(email), _) if site.by_login(email).is_some() => flaws.push((400_003, "email", "email already exists")),
        _ => {}
    }
    if username.is_some_and(|username| site.by_login(username).is_some()) {
        flaws.push((400_003, "username", "username already exists"));
    }
    match password.map(|password| site.strong(password)) {
        None => flaws.push((400_002, "password", "password is required")),
        Some(Err(why)) => flaws.push((400_006, "password", why)),
        Some(Ok(())) => {}
    }
    if !flaws.is_empty() {
        return Err(Refusal::validation(&flaws));
    }
    let uid = site.new_id();
    let mut account = account::fresh(&uid, now);
    merge(&mut account["profile"], profile);
    merge(&mut account["data"], data);
    if let Some(email) = email {
        account["profile"]["email"] = email.into();
        account["emails"]["unverified"] = json!([email]);
        account["loginIDs"]["emails"] = json!([email]);
    }
    if let Some(username) = username {
        account["loginIDs"]["username"] = username.into();
    }
    site.put(&uid, Some(account), now);
    if let Some(password) = password {
        site.set_password(&uid, password);
    }
    site.close_registration(&token);
    let token = site.open_registration(Some(uid.clone()), now);
    if finalize {
        return finish(site, caller, &token, &uid, &include, now);
    }
    Err(pending(site, caller, 206_001, &uid, &token, &include, now))
}

pub(super) fn finalize(site: &mut Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Outcome {
    let token = params.need("regToken")?.to_owned();
    let include = Include::parse(&params.list("include"))?;
    let uid = site.registration(&token, now)?.uid;
    let uid = uid.ok_or_else(|| Refusal::invalid("regToken", "nothing registered yet"))?;
    finish(site, caller, &token, &uid, &include, now)
}

fn finish(site: &mut Site, caller: &Caller, token: &str, uid: &str, include: &Include, now: OffsetDateTime) -> Outcome {
    let mut account = site.account(uid)?;
    if account["isRegistered"] != true {
        account["isRegistered"] = true.into();
        stamp(&mut account, "registered", now);
        site.put(uid, Some(account.clone()), now);
    }
    if site.settings.require_verification && account["isVerified"] != true {
        return Err(pending(site, caller, 206_002, uid, token, include, now));
    }
    site.close_registration(token);
    entered(site, caller, uid, include, now)
}

/// A code that comes with the account's data and the token to go on with.
fn pending(
    site: &Site,
    caller: &Caller,
    code: u64,
    uid: &str,
    token: &str,
    include: &Include,
    now: OffsetDateTime,
) -> Refusal {
    let members = shown(site, caller, uid, include, now).unwrap_or_default();
    let refusal = members
        .into_iter()
        .fold(Refusal::plain(code), |refusal, (name, value)| {
            refusal.with(&name, value)
        });
    refusal.with("regToken", token)
}

/// An account that is in, with its session, which nobody may store or show.
fn entered(site: &mut Site, caller: &Caller, uid: &str, include: &Include, now: OffsetDateTime) -> Outcome {
    let session = format!("st2.sandbox.{}", site.new_id());
    let mut account = site.account(uid)?;
    stamp(&mut account, "lastLogin", now);
    site.put(uid, Some(account), now);
    let mut members = shown(site, caller, uid, include, now)?;
    members.insert(
        "sessionInfo".into(),
        json!({"cookieName": "glt_sandbox", "cookieValue": session}),
    );
    members.insert("newUser".into(), Value::Bool(false));
    Ok(members)
}

/// By login identifier and password. An unknown identifier and a wrong password are told apart by nobody.
pub(super) fn login(site: &mut Site, caller: &Caller, params: &Params, now: OffsetDateTime) -> Outcome {
    let (login, password) = (params.need("loginID")?, params.need("password")?);
    let include = Include::parse(&params.list("include"))?;
    let account = site.by_login(login);
    let account = account.ok_or_else(|| Refusal::new(403_042, "invalid loginID or password"))?;
    let uid = account["UID"].as_str().unwrap_or_default().to_owned();
    site.log_in(&uid, password, now)?;
    if account["isActive"] == false {
        return Err(Refusal::plain(403_041));
    }
    let unfinished = if account["isRegistered"] == false {
        Some(206_001)
    } else if site.settings.require_verification && account["isVerified"] == false {
        Some(206_002)
    } else {
        None
    };
    if let Some(code) = unfinished {
        let token = site.open_registration(Some(uid.clone()), now);
        return Err(pending(site, caller, code, &uid, &token, &include, now));
    }
    entered(site, caller, &uid, &include, now)
}
