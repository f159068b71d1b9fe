//! One user by id, the users of an address, and the removal of one: immediately consistent.

use serde_json::Value;
use time::OffsetDateTime;

use super::errors;
use super::params::Params;
use super::tenant::Tenant;
use crate::server::reply::Reply;
use crate::server::request::Request;

/// Refuses what cannot be a user id: every one is `provider|id`.
pub(super) fn checked(id: &str) -> Result<(), Reply> {
    if id.contains('|') {
        return Ok(());
    }
    let message = format!("Object didn't pass validation for format user-id: {id}");
    Err(errors::api(400, &message, Some("invalid_uri")))
}

/// A linked (secondary) identity is no user: its id is not found here.
pub(super) fn by_id(tenant: &Tenant, request: &Request, id: &str) -> Result<Reply, Reply> {
    let params = Params::parse(request, &["fields", "include_fields"])?;
    let projection = params.projection(true)?;
    checked(id)?;
    let user = tenant.users.get(id).ok_or_else(errors::no_such_user)?;
    Ok(Reply::json(200, &projection.of(user)))
}

/// Compares to the letter: the address as it is stored, case included.
pub(super) fn by_email(tenant: &Tenant, request: &Request) -> Result<Reply, Reply> {
    let params = Params::parse(request, &["email", "fields", "include_fields"])?;
    let projection = params.projection(true)?;
    let Some(email) = params.text("email") else {
        return Err(errors::invalid_query("'Missing required property: email'."));
    };
    let shown: Vec<Value> = tenant
        .users
        .by_email(email)
        .into_iter()
        .map(|user| projection.of(user))
        .collect();
    Ok(Reply::json(200, &Value::Array(shown)))
}

/// 204 whether there was such a user or not.
pub(super) fn delete(tenant: &mut Tenant, id: &str, now: OffsetDateTime) -> Result<Reply, Reply> {
    checked(id)?;
    if tenant.users.get(id).is_some() {
        tenant.put(id, None, now);
    }
    Ok(Reply::empty(204))
}
