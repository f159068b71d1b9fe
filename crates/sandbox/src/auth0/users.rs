//! Reads by id and by address, which are immediately consistent, and the writes of users.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::errors;
use super::params::Auth0Params;
use super::payload::{self, UserMembers};
use super::tenant::Auth0Tenant;
use crate::clock::format_timestamp;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;

/// Database connections: their users have a lower-case e-mail and a password, and their profiles can be changed.
pub(super) const DATABASES: [&str; 2] = ["Username-Password-Authentication", "imported-readers"];

/// Members of a body that are not stored as they are.
const NOT_STORED: [&str; 4] = ["connection", "password", "verify_email", "user_id"];

/// Root attributes that the identity provider of a social or enterprise connection writes.
const SYNCED: &str = "email email_verified family_name given_name name nickname picture";

/// Refuses what cannot be a user id: every id is `provider|id`.
fn check_id(id: &str) -> Result<(), StubResponse> {
    if id.contains('|') {
        return Ok(());
    }
    let message = format!("Object didn't pass validation for format user-id: {id}");
    Err(errors::api_error(400, &message, Some("invalid_uri")))
}

/// The id of a linked (secondary) identity is not found here.
pub(super) fn find_by_id(tenant: &Auth0Tenant, request: &WireRequest, id: &str) -> Result<StubResponse, StubResponse> {
    Auth0Params::parse(request, &[])?;
    check_id(id)?;
    let user = tenant.shared.users.get(id).ok_or_else(errors::user_not_found)?;
    Ok(StubResponse::json(200, user))
}

/// Compares exactly: the address as it is stored, with its case.
pub(super) fn find_by_email(tenant: &Auth0Tenant, request: &WireRequest) -> Result<StubResponse, StubResponse> {
    let params = Auth0Params::parse(request, &["email"])?;
    let email = params.text("email");
    let email = email.ok_or_else(|| errors::invalid_query("'Missing required property: email'."))?;
    Ok(StubResponse::json(200, &json!(tenant.shared.users.by_address(email))))
}

/// Responds with 204 whether the user existed or not.
pub(super) fn delete(tenant: &mut Auth0Tenant, id: &str, now: OffsetDateTime) -> Result<StubResponse, StubResponse> {
    check_id(id)?;
    if tenant.shared.users.get(id).is_some() {
        tenant.shared.put(id, None, now);
    }
    Ok(StubResponse::empty(204))
}

pub(super) fn create(
    tenant: &mut Auth0Tenant,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    let members = payload::parse_create(request)?;
    let connection = members["connection"].as_str().unwrap_or_default().to_owned();
    let provider = creating_provider(&connection, &members)?;
    payload::check_password(&members)?;
    let own_id = members.get("user_id").and_then(Value::as_str).map(str::to_owned);
    let own_id = own_id.unwrap_or_else(|| tenant.next_user_id());
    let id = format!("{provider}|{own_id}");
    let at = format_timestamp(now);
    let email = members["email"].as_str().unwrap_or_default();
    let mut user = json!({
        "user_id": id, "created_at": at, "updated_at": at, "email_verified": false, "name": email.to_lowercase(),
        "nickname": email.split('@').next(), "picture": "https://pictures.example.com/avatar.png",
        "identities": [{"connection": connection, "user_id": own_id, "provider": provider, "isSocial": false}],
    });
    assign(&mut user, &members, provider == "auth0");
    let email = user["email"].as_str().unwrap_or_default();
    if tenant.shared.users.get(&id).is_some() || is_taken(tenant, email, &connection, &id) {
        return Err(errors::api_error(
            409,
            "The user already exists.",
            Some("auth0_idp_error"),
        ));
    }
    tenant.shared.put(&id, Some(user.clone()), now);
    set_password(tenant, &id, &members);
    Ok(StubResponse::json(201, &user))
}

/// The provider part of a new user's id: users of database connections and of passwordless e-mail can be created.
fn creating_provider(connection: &str, members: &UserMembers) -> Result<&'static str, StubResponse> {
    let (required, provider): (&[&str], _) = match connection {
        _ if DATABASES.contains(&connection) => (&["password", "email"], "auth0"),
        "email" => (&["email"], "email"),
        _ => {
            let code = Some("inexistent_connection");
            return Err(errors::api_error(400, "The connection does not exist.", code));
        }
    };
    match required.iter().find(|name| !members.contains_key(**name)) {
        Some(name) => Err(errors::invalid_body(&format!("'Missing required property: {name}'."))),
        None => Ok(provider),
    }
}

pub(super) fn update(
    tenant: &mut Auth0Tenant,
    request: &WireRequest,
    id: &str,
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    let members = payload::parse_update(request)?;
    check_id(id)?;
    let mut user = (**tenant.shared.users.get(id).ok_or_else(errors::user_not_found)?).clone();
    let primary = user["identities"][0].clone();
    let connection = primary["connection"].as_str().unwrap_or_default().to_owned();
    let is_own = matches!(primary["provider"].as_str(), Some("auth0" | "email") | None);
    if !is_own && let Some(name) = SYNCED.split(' ').find(|name| members.contains_key(*name)) {
        let text = format!(
            "The following user attributes cannot be updated: {name}. The connection ({connection}) must either be a database connection (using the Auth0 store), a passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each login'. For more information, see https://auth0.com/docs/dashboard/guides/connections/configure-connection-sync"
        );
        return Err(errors::api_error(400, &text, Some("operation_not_supported")));
    }
    payload::check_password(&members)?;
    let email = members.get("email").and_then(Value::as_str).map(str::to_lowercase);
    if email.is_some_and(|email| is_taken(tenant, &email, &connection, id)) {
        let code = Some("auth0_idp_error");
        return Err(errors::api_error(400, "The specified new email already exists", code));
    }
    if members.contains_key("email") && !members.contains_key("email_verified") {
        user["email_verified"] = false.into();
    }
    assign(&mut user, &members, primary["provider"] == "auth0");
    user["updated_at"] = format_timestamp(now).into();
    tenant.shared.put(id, Some(user.clone()), now);
    set_password(tenant, id, &members);
    Ok(StubResponse::json(200, &user))
}

fn set_password(tenant: &mut Auth0Tenant, id: &str, members: &UserMembers) {
    if let Some(password) = members.get("password").and_then(Value::as_str) {
        tenant.shared.passwords.set(id, password);
    }
}

/// Stores members of a body. Auth0's own database keeps addresses in lower case; other connections keep them as given.
fn assign(user: &mut Value, members: &UserMembers, lower_case: bool) {
    for (name, value) in members {
        match (name.as_str(), value) {
            (tree @ ("user_metadata" | "app_metadata"), change) => {
                user[tree] = payload::merge_metadata(user.get(tree), change);
            }
            (skipped, _) if NOT_STORED.contains(&skipped) => {}
            (_, Value::Null) => {
                user.as_object_mut().map(|user| user.remove(name));
            }
            ("email", Value::String(email)) if lower_case => user["email"] = email.to_lowercase().into(),
            (_, value) => user[name.as_str()] = value.clone(),
        }
    }
}

/// Whether another user of this connection has the address; other connections do not count.
fn is_taken(tenant: &Auth0Tenant, email: &str, connection: &str, id: &str) -> bool {
    let same = tenant.shared.users.by_address(email).into_iter();
    let mut others = same.filter(|user| user["user_id"] != id);
    others.any(|user| user["identities"][0]["connection"] == connection)
}
