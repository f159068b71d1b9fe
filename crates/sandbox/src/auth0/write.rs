//! `POST /users` and `PATCH /users/{id}`.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::payload::{self, Members};
use super::single::checked;
use super::tenant::Tenant;
use super::{errors, timestamp};
use crate::server::reply::Reply;
use crate::server::request::Request;

/// Asked for in a body, and no part of the record.
const NOT_KEPT: [&str; 8] = [
    "connection",
    "password",
    "client_id",
    "verify_email",
    "verify_phone_number",
    "verify_password",
    "user_metadata",
    "app_metadata",
];

/// Root attributes that belong to the identity provider of a social or enterprise connection.
const SYNCED: [&str; 7] = [
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "name",
    "nickname",
    "picture",
];

pub(super) fn create(tenant: &mut Tenant, request: &Request, now: OffsetDateTime) -> Result<Reply, Reply> {
    let members = payload::to_create(request)?;
    let connection = members["connection"].as_str().unwrap_or_default().to_owned();
    let provider = provider(tenant, &connection, &members)?;
    payload::strong(&members)?;
    let own = members.get("user_id").and_then(Value::as_str).map(str::to_owned);
    let own = own.unwrap_or_else(|| tenant.new_id());
    let id = format!("{provider}|{own}");
    let at = timestamp(now);
    let mut user = json!({
        "user_id": id, "created_at": at, "updated_at": at, "email_verified": false,
        "identities": [{"connection": connection, "user_id": own, "provider": provider, "isSocial": false}],
    });
    assign(&mut user, &members, provider == "auth0");
    let email = user["email"].as_str().map(str::to_owned);
    if let Some(email) = &email {
        let local = email.split('@').next().unwrap_or_default().to_owned();
        fill(&mut user, "name", email.clone());
        fill(&mut user, "nickname", local);
        fill(
            &mut user,
            "picture",
            "https://pictures.example.com/avatar.png".to_owned(),
        );
    } else {
        user.as_object_mut().map(|user| user.remove("email_verified"));
    }
    if tenant.users.get(&id).is_some() || email.is_some_and(|email| taken(tenant, &email, &connection, &id)) {
        return Err(errors::api(409, "The user already exists.", Some("auth0_idp_error")));
    }
    tenant.put(&id, Some(user.clone()), now);
    Ok(Reply::json(201, &user))
}

fn provider(tenant: &Tenant, connection: &str, members: &Members) -> Result<&'static str, Reply> {
    let need = |names: &[&str]| {
        let missing = names.iter().find(|name| !members.contains_key(**name));
        missing.map_or(Ok(()), |name| {
            Err(errors::invalid_body(&format!("'Missing required property: {name}'.")))
        })
    };
    if tenant.settings.databases.iter().any(|known| known == connection) {
        need(&["password"])?;
        need(if members.contains_key("username") {
            &["username"]
        } else {
            &["email"]
        })?;
        return Ok("auth0");
    }
    match connection {
        known if !tenant.settings.connections.iter().any(|other| other == known) => Err(errors::api(
            400,
            "The connection does not exist.",
            Some("inexistent_connection"),
        )),
        "email" => need(&["email"]).map(|()| "email"),
        "sms" => need(&["phone_number"]).map(|()| "sms"),
        _ => Err(errors::api(
            400,
            "Users of this connection cannot be created here",
            Some("operation_not_supported"),
        )),
    }
}

pub(super) fn update(tenant: &mut Tenant, request: &Request, id: &str, now: OffsetDateTime) -> Result<Reply, Reply> {
    let members = payload::to_update(request)?;
    checked(id)?;
    let mut user = (**tenant.users.get(id).ok_or_else(errors::no_such_user)?).clone();
    let primary = user["identities"][0].clone();
    let connection = primary["connection"].as_str().unwrap_or_default().to_owned();
    let own = matches!(primary["provider"].as_str(), Some("auth0" | "email" | "sms") | None);
    if !own && let Some(name) = SYNCED.iter().find(|name| members.contains_key(**name)) {
        let text = format!(
            "The following user attributes cannot be updated: {name}. The connection ({connection}) must either be a database connection (using the Auth0 store), a passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each login'. For more information, see https://auth0.com/docs/dashboard/guides/connections/configure-connection-sync"
        );
        return Err(errors::api(400, &text, Some("operation_not_supported")));
    }
    payload::strong(&members)?;
    let email = members.get("email").and_then(Value::as_str).map(str::to_lowercase);
    if email.is_some_and(|email| taken(tenant, &email, &connection, id)) {
        return Err(errors::api(
            400,
            "The specified new email already exists",
            Some("auth0_idp_error"),
        ));
    }
    if members.contains_key("email") && !members.contains_key("email_verified") {
        user["email_verified"] = false.into();
    }
    assign(&mut user, &members, primary["provider"] == "auth0");
    user["updated_at"] = timestamp(now).into();
    tenant.put(id, Some(user.clone()), now);
    Ok(Reply::json(200, &user))
}

/// Auth0's own database keeps addresses in lower case; everybody else's are kept as given.
fn assign(user: &mut Value, members: &Members, lower_case: bool) {
    for (name, value) in members {
        match (name.as_str(), value) {
            ("user_id", _) => {}
            (tree @ ("user_metadata" | "app_metadata"), change) => {
                user[tree] = payload::merged(user.get(tree), change);
            }
            (skipped, _) if NOT_KEPT.contains(&skipped) => {}
            (_, Value::Null) => {
                user.as_object_mut().map(|user| user.remove(name));
            }
            ("email", Value::String(email)) if lower_case => user["email"] = email.to_lowercase().into(),
            (_, value) => user[name.as_str()] = value.clone(),
        }
    }
}

fn fill(user: &mut Value, name: &str, value: String) {
    if user.get(name).is_none() {
        user[name] = value.into();
    }
}

/// Whether somebody else in this connection has the address; other connections do not count.
fn taken(tenant: &Tenant, email: &str, connection: &str, id: &str) -> bool {
    let others = tenant
        .users
        .by_email(email)
        .into_iter()
        .filter(|user| user["user_id"] != id);
    others
        .into_iter()
        .any(|user| user["identities"][0]["connection"] == connection)
}
