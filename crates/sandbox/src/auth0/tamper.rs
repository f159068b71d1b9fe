//! Spoils the meaning of a right answer.

use serde_json::Value;

use super::sample::sample_user;
use super::tenant::Tenant;
use crate::fault::Fault;
use crate::server::reply::Reply;

pub(super) fn tampered(tenant: &Tenant, fault: &Fault, mut reply: Reply) -> Reply {
    if reply.status >= 300 {
        return reply;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return reply;
    };
    match fault {
        Fault::OtherUser => other(tenant, &mut body),
        Fault::Shuffled => edit(&mut body, |users| users.reverse()),
        Fault::Missing => edit(&mut body, |users| {
            if !users.is_empty() {
                users.remove(0);
            }
        }),
        Fault::Duplicated => edit(&mut body, |users| users.extend(users.first().cloned())),
        _ => return reply,
    }
    reply.body = body.to_string().into_bytes();
    reply
}

fn edit(body: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    let list = if body.is_array() {
        Some(body)
    } else {
        body.get_mut("users")
    };
    if let Some(Value::Array(users)) = list {
        change(users);
    }
}

fn other(tenant: &Tenant, body: &mut Value) {
    if body.get("user_id").is_some() {
        *body = another(tenant, body);
    } else {
        edit(body, |users| {
            for user in users {
                *user = another(tenant, user);
            }
        });
    }
}

fn another(tenant: &Tenant, user: &Value) -> Value {
    let known = user["user_id"].as_str().and_then(|id| tenant.users.other_than(id));
    known.map_or_else(|| sample_user(999_999), |other| (**other).clone())
}
