//! The writes of v4: create, update, password, address, delete and authentication (contract `writes.md` §3).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::error::UsersApiError;
use super::list::text;
use super::settings::UsersApiSettings;
use super::v4;
use crate::http::request::{WireRequest, decode_segment};
use crate::http::response::StubResponse;
use crate::passwords::{PasswordResult, is_weak};
use crate::stub::StubState;

type Shared = StubState<UsersApiSettings>;
type CallResult = Result<Value, UsersApiError>;

/// A write, with the id in its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum V4WriteCall {
    Create,
    Authenticate,
    Update(String),
    Password(String),
    Email(String),
    Delete(String),
}

impl V4WriteCall {
    /// `None` when the call is no write.
    pub(super) fn parse(request: &WireRequest) -> Option<Self> {
        let parts: Vec<&str> = request.path().strip_prefix("/v4/Users")?.split('/').collect();
        match (request.method.as_str(), &*parts) {
            ("POST", [""]) => Some(Self::Create),
            ("POST", ["", "Authentication"]) => Some(Self::Authenticate),
            ("PUT", ["", id]) => Some(Self::Update(decode_segment(id))),
            ("PATCH", ["", id, "Password"]) => Some(Self::Password(decode_segment(id))),
            ("PATCH", ["", id, "Email"]) => Some(Self::Email(decode_segment(id))),
            ("DELETE", ["", id]) => Some(Self::Delete(decode_segment(id))),
            _ => None,
        }
    }
}

/// The right response.
pub(super) fn respond(
    shared: &mut Shared,
    call: V4WriteCall,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<StubResponse, UsersApiError> {
    v4::admit(&shared.settings, request)?;
    let body = request.json_object().unwrap_or_default();
    let (code, data) = match call {
        V4WriteCall::Create => ("S200_03", create(shared, &body, now)?),
        V4WriteCall::Authenticate => ("S200_06", authenticate(shared, &body)?),
        V4WriteCall::Update(id) => ("S200_05", update(shared, &id, &body, now)?),
        V4WriteCall::Password(id) => ("S200_11", set_password(shared, &id, &body, now)?),
        V4WriteCall::Email(id) => ("S200_12", set_email(shared, &id, &body, now)?),
        V4WriteCall::Delete(id) => ("S200_14", delete(shared, &id, now)?),
    };
    let code = format!("UsersOrchestrator_{code}");
    let message = json!({"code": code, "text": "Completed.", "type": "Success"});
    Ok(StubResponse::json(
        200,
        &json!({"message": message, "meta": null, "data": data}),
    ))
}

fn check_names(body: &Map<String, Value>, known: &[&str]) -> Result<(), UsersApiError> {
    match body.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(invalid(&format!("{name} is not a parameter"))),
        None => Ok(()),
    }
}

fn invalid(why: &str) -> UsersApiError {
    let text = format!("Invalid InputModel - {why}");
    UsersApiError::new(400).with_code("E400_00").with_text(text)
}

fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn password(body: &Map<String, Value>) -> Result<Option<&str>, UsersApiError> {
    match member(body, "password") {
        Some(password) if is_weak(password) => Err(invalid("password: The password is too short.")),
        other => Ok(other),
    }
}

fn user(shared: &Shared, id: &str) -> Result<Value, UsersApiError> {
    let found = shared.users.get(id).map(|user| (**user).clone());
    found.ok_or_else(|| UsersApiError::new(404))
}

fn with_address(shared: &Shared, email: &str) -> Option<Arc<Value>> {
    let mut all = shared.users.all();
    all.find(|user| text(user, "email").eq_ignore_ascii_case(email))
        .cloned()
}

fn check_address(shared: &Shared, email: &str, id: &str) -> Result<(), UsersApiError> {
    let other = with_address(shared, email).filter(|other| text(other, "customerRegistrationId") != id);
    match other {
        None => Ok(()),
        Some(other) if other["verified"] == false => Err(UsersApiError::new(400).with_code("E400_07")),
        Some(_) => Err(UsersApiError::new(400).with_code("E400_08")),
    }
}

fn state(shared: &mut Shared, id: &str, user: &mut Value, has_password: bool, now: OffsetDateTime) {
    user["state"] = match (has_password, user["verified"] == true) {
        (false, _) => "Lite",
        (true, false) => "Unverified",
        (true, true) => "Standard",
    }
    .into();
    shared.put(id, Some(user.clone()), now);
}

fn create(shared: &mut Shared, body: &Map<String, Value>, now: OffsetDateTime) -> CallResult {
    check_names(
        body,
        &[
            "email",
            "password",
            "firstName",
            "lastName",
            "metadata",
            "ignoreProvider",
            "customerRegistrationId",
        ],
    )?;
    let email = member(body, "email").filter(|email| email.contains('@'));
    let email = email.ok_or_else(|| invalid("email is required"))?;
    let password = password(body)?.map(str::to_owned);
    let id = member(body, "customerRegistrationId")
        .map_or_else(|| format!("49{:06}", shared.users.len() + 1), str::to_owned);
    if shared.users.get(&id).is_some() {
        return Err(UsersApiError::new(409));
    }
    check_address(shared, email, &id)?;
    let mut user = json!({
        "customerRegistrationId": id, "email": email, "firstName": member(body, "firstName").unwrap_or_default(),
        "lastName": member(body, "lastName").unwrap_or_default(), "verified": false,
        "metadata": body.get("metadata").cloned().unwrap_or_else(|| json!({})),
    });
    state(shared, &id, &mut user, password.is_some(), now);
    if let Some(password) = password {
        shared.passwords.set(&id, &password);
    }
    Ok(json!({"customerRegistrationId": id, "encryptedCustomerRegistrationId": format!("sandbox-sealed-{id}")}))
}

fn update(shared: &mut Shared, id: &str, body: &Map<String, Value>, now: OffsetDateTime) -> CallResult {
    check_names(
        body,
        &[
            "firstName",
            "lastName",
            "metadata",
            "ignoreProvider",
            "verified",
            "blocked",
            "lastLogoutDate",
            "removeLastLogoutDate",
        ],
    )?;
    let mut changed = user(shared, id)?;
    if let Some(blocked) = body.get("blocked").and_then(Value::as_bool) {
        changed["metadata"]["blocked"] = if blocked { "true".into() } else { Value::Null };
    }
    for name in ["firstName", "lastName", "verified"] {
        if let Some(value) = body.get(name) {
            changed[name] = value.clone();
        }
    }
    for (key, value) in body.get("metadata").and_then(Value::as_object).into_iter().flatten() {
        changed["metadata"][key.as_str()] = value.clone();
    }
    if let Some(metadata) = changed["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    let has_password = text(&changed, "state") != "Lite";
    state(shared, id, &mut changed, has_password, now);
    Ok(v4::show(&changed, shared.settings.user_provider.is_some()))
}

fn set_password(shared: &mut Shared, id: &str, body: &Map<String, Value>, now: OffsetDateTime) -> CallResult {
    check_names(body, &["password"])?;
    let mut changed = user(shared, id)?;
    let password = password(body)?.ok_or_else(|| invalid("password is required"))?;
    shared.passwords.set(id, password);
    state(shared, id, &mut changed, true, now);
    Ok(Value::Null)
}

fn set_email(shared: &mut Shared, id: &str, body: &Map<String, Value>, now: OffsetDateTime) -> CallResult {
    check_names(body, &["email"])?;
    let mut changed = user(shared, id)?;
    let email = member(body, "email").ok_or_else(|| invalid("email is required"))?;
    check_address(shared, email, id)?;
    changed["email"] = email.into();
    shared.put(id, Some(changed), now);
    Ok(Value::Null)
}

fn delete(shared: &mut Shared, id: &str, now: OffsetDateTime) -> CallResult {
    user(shared, id)?;
    shared.put(id, None, now);
    Ok(Value::Null)
}

fn authenticate(shared: &mut Shared, body: &Map<String, Value>) -> CallResult {
    check_names(body, &["loginName", "password"])?;
    let wrong = || {
        let error = UsersApiError::new(401).with_code("E401_01");
        error.with_text("The login name or password is incorrect.")
    };
    let forbidden = |code: &str| UsersApiError::new(403).with_code(code);
    let found = with_address(shared, member(body, "loginName").unwrap_or_default()).ok_or_else(wrong)?;
    let id = text(&found, "customerRegistrationId").to_owned();
    match shared
        .passwords
        .attempt(&id, member(body, "password").unwrap_or_default())
    {
        PasswordResult::Wrong => return Err(wrong()),
        PasswordResult::LockedOut => return Err(UsersApiError::too_many_requests(60)),
        PasswordResult::Right => {}
    }
    if found["metadata"]["blocked"] == "true" {
        return Err(forbidden("E403_04"));
    }
    if found["metadata"]["secondFactor"] == "true" {
        return Err(forbidden("E403_03").with_text("second_factor_needed"));
    }
    if found["verified"] == false {
        return Err(forbidden("E403_01"));
    }
    let mut shown = v4::show(&found, shared.settings.user_provider.is_some());
    shown["loginPassword"] = Value::Null;
    shown["lastLogoutDate"] = Value::Null;
    Ok(json!({"user": shown}))
}
