//! The writes of the simulated generic provider, and its check of passwords.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::response::{GenericStubError, put, values};
use super::settings::{GenericStubAuth, GenericStubSettings, UserShape};
use crate::http::request::{WireRequest, decode_segment};
use crate::json_merge::merge;
use crate::passwords::{PasswordResult, is_weak};
use crate::stub::StubState;

type Shared = StubState<GenericStubSettings>;
type WriteResult = Result<Value, GenericStubError>;

/// Carries out a write; `None` when the call is none.
pub(super) fn carry_out(shared: &mut Shared, request: &WireRequest, now: OffsetDateTime) -> Option<WriteResult> {
    let settings = shared.settings.clone();
    let (method, path) = (request.method.as_str(), request.path());
    let lists = path == settings.list_path && method == settings.list_method;
    if method == "POST" && path == settings.writes.create_path && !lists {
        return Some(create(shared, members(&settings, request), now));
    }
    if method == "POST" && path == settings.writes.sign_in_path {
        return Some(sign_in(shared, &members(&settings, request)));
    }
    if let Some(id) = id_in(&settings.writes.password_path, path).filter(|_| method == "PUT") {
        return Some(set_password(shared, &id, &members(&settings, request)));
    }
    let id = id_in(&settings.user_path, path)?;
    match method {
        "PATCH" => Some(update(shared, &id, members(&settings, request), now)),
        "DELETE" => Some(delete(shared, &id, now)),
        _ => None,
    }
}

fn id_in(template: &str, path: &str) -> Option<String> {
    let (before, after) = template.split_once("{id}")?;
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && !id.contains('/')).then(|| decode_segment(id))
}

/// The members of a body, without what is required of every call.
fn members(settings: &GenericStubSettings, request: &WireRequest) -> Map<String, Value> {
    let form = || {
        request
            .form_pairs()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect()
    };
    let mut members = request.json_object().unwrap_or_else(form);
    members.retain(|name, _| !settings.required.contains_key(name));
    if let GenericStubAuth::Field { name, .. } = &settings.auth {
        members.remove(name);
    }
    members
}

fn shown(settings: &GenericStubSettings, user: Value) -> Value {
    let mut body = Value::Object(Map::new());
    put(&mut body, &settings.user_pointer, user);
    body
}

fn no_such_user() -> GenericStubError {
    GenericStubError::new(404, "no such user")
}

fn check_password(password: &str) -> Result<(), GenericStubError> {
    if is_weak(password) {
        return Err(GenericStubError::new(422, "The password is too short."));
    }
    Ok(())
}

/// Refuses an address that another user has, in any case.
fn check_address(shared: &Shared, user: &Value, id: &str) -> Result<(), GenericStubError> {
    let Some(email) = user["email"].as_str() else {
        return Ok(());
    };
    let has_it = |other: &Value| {
        let own = values(other, "/email").into_iter().filter_map(Value::as_str);
        own.into_iter().any(|own| own.eq_ignore_ascii_case(email))
    };
    let mut others = shared.users.all().filter(|other| id_of(&shared.settings, other) != id);
    if others.any(|other| has_it(other)) {
        return Err(GenericStubError::new(409, "the address is in use"));
    }
    Ok(())
}

fn id_of<'a>(settings: &GenericStubSettings, user: &'a Value) -> &'a str {
    user.pointer(&settings.id).and_then(Value::as_str).unwrap_or_default()
}

fn create(shared: &mut Shared, mut members: Map<String, Value>, now: OffsetDateTime) -> WriteResult {
    let password = members.remove("password");
    let mut user = Value::Object(members);
    if user["email"].as_str().is_none_or(|email| !email.contains('@')) {
        return Err(GenericStubError::new(400, "email is missing or wrong"));
    }
    if let Some(password) = password.as_ref().and_then(Value::as_str) {
        check_password(password)?;
    }
    let given = id_of(&shared.settings, &user).to_owned();
    let numbered = |number: usize| match shared.settings.shape {
        UserShape::Ssor => format!("{}", 79_000_000 + number),
        UserShape::Firefly => format!("79000000-5a4d-4b0c-8000-{number:012x}"),
    };
    let id = if given.is_empty() {
        // A deleted user leaves a gap, and the number of users is that of another one.
        let mut ids = (shared.users.len() + 1..).map(numbered);
        ids.find(|id| shared.users.get(id).is_none()).unwrap_or_default()
    } else {
        given
    };
    if shared.users.get(&id).is_some() {
        return Err(GenericStubError::new(409, "the id is in use"));
    }
    check_address(shared, &user, &id)?;
    put(&mut user, &shared.settings.id.clone(), id.clone().into());
    shared.put(&id, Some(user.clone()), now);
    if let Some(password) = password.as_ref().and_then(Value::as_str) {
        shared.passwords.set(&id, password);
    }
    Ok(shown(&shared.settings, user))
}

fn update(shared: &mut Shared, id: &str, change: Map<String, Value>, now: OffsetDateTime) -> WriteResult {
    let user = shared.users.get(id).ok_or_else(no_such_user)?;
    let mut user = (**user).clone();
    merge(&mut user, change);
    check_address(shared, &user, id)?;
    shared.put(id, Some(user.clone()), now);
    Ok(shown(&shared.settings, user))
}

fn delete(shared: &mut Shared, id: &str, now: OffsetDateTime) -> WriteResult {
    shared.users.get(id).ok_or_else(no_such_user)?;
    shared.put(id, None, now);
    Ok(Value::Object(Map::new()))
}

fn set_password(shared: &mut Shared, id: &str, members: &Map<String, Value>) -> WriteResult {
    shared.users.get(id).ok_or_else(no_such_user)?;
    let password = members.get("password").and_then(Value::as_str).unwrap_or_default();
    check_password(password)?;
    shared.passwords.set(id, password);
    Ok(Value::Object(Map::new()))
}

/// The codes are those of no HTTP status, so that none is mistaken for one.
fn sign_in(shared: &mut Shared, members: &Map<String, Value>) -> WriteResult {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let wrong = || GenericStubError::new(460, "wrong login or password");
    let is_it = |user: &&std::sync::Arc<Value>| {
        user["email"]
            .as_str()
            .is_some_and(|own| own.eq_ignore_ascii_case(text("login")))
    };
    let user = shared.users.all().find(is_it).ok_or_else(wrong)?.clone();
    let id = id_of(&shared.settings, &user).to_owned();
    match shared.passwords.attempt(&id, text("password")) {
        PasswordResult::Wrong => return Err(wrong()),
        PasswordResult::LockedOut => return Err(GenericStubError::new(462, "locked out")),
        PasswordResult::Right => {}
    }
    for (member, code) in [
        ("blocked", 461),
        ("secondFactor", 463),
        ("passwordExpired", 464),
        ("unverified", 465),
    ] {
        if user[member] == true {
            return Err(GenericStubError::new(code, member));
        }
    }
    Ok(shown(&shared.settings, (*user).clone()))
}
