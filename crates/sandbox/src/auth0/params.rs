//! Query parameters, checked as the Management API checks them.

use serde_json::{Map, Value};

use super::errors;
use crate::server::reply::Reply;
use crate::server::request::Request;

/// What `fields` may name where one user (or an address) is asked for.
const SHOWN: [&str; 19] = [
    "phone_number",
    "email",
    "email_verified",
    "picture",
    "username",
    "user_id",
    "name",
    "nickname",
    "created_at",
    "identities",
    "app_metadata",
    "user_metadata",
    "last_ip",
    "last_login",
    "logins_count",
    "updated_at",
    "blocked",
    "family_name",
    "given_name",
];

/// The parameters of one call, each known by name and given once.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(request: &Request, known: &[&str]) -> Result<Self, Reply> {
        let pairs = request.parameters();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(errors::invalid_query(&format!(
                    "'Additional properties not allowed: {name}'."
                )));
            }
            if pairs[..index].iter().any(|(before, _)| before == name) {
                let text = format!("'Expected type string but found type array' on property {name}.");
                return Err(errors::invalid_query(&text));
            }
        }
        Ok(Self(pairs))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Reply> {
        match self.text(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(errors::invalid_query(&format!(
                "'Expected type boolean but found type string' on property {name}."
            ))),
        }
    }

    pub(super) fn number(&self, name: &str, default: u64, most: u64, about: &str) -> Result<u64, Reply> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let Ok(number) = text.parse::<i64>() else {
            let text = format!("'Expected type integer but found type string' on property {name} ({about}).");
            return Err(errors::invalid_query(&text));
        };
        let wrong =
            |what: &str| errors::invalid_query(&format!("'Value {number} is {what}' on property {name} ({about})."));
        let number = u64::try_from(number).map_err(|_| wrong("less than minimum 0"))?;
        if number > most {
            Err(wrong(&format!("greater than maximum {most}")))
        } else {
            Ok(number)
        }
    }

    /// Which root fields to show.
    pub(super) fn projection(&self, only_known: bool) -> Result<Projection, Reply> {
        let including = self.flag("include_fields", true)?;
        let Some(text) = self.text("fields") else {
            return Ok(Projection {
                fields: Vec::new(),
                including: false,
            });
        };
        let fields: Vec<String> = text.split(',').map(|field| field.trim().to_owned()).collect();
        let wrong = |field: &String| field.is_empty() || (only_known && !SHOWN.contains(&field.as_str()));
        if fields.iter().any(wrong) {
            return Err(errors::invalid_query(
                "'String does not match pattern' on property fields.",
            ));
        }
        Ok(Projection { fields, including })
    }
}

/// Which root fields of a user to show.
#[derive(Debug)]
pub(super) struct Projection {
    fields: Vec<String>,
    including: bool,
}

impl Projection {
    pub(super) fn of(&self, user: &Value) -> Value {
        let Some(members) = user.as_object() else {
            return user.clone();
        };
        let shown = members
            .iter()
            .filter(|(name, _)| self.fields.contains(name) == self.including);
        Value::Object(
            shown
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>(),
        )
    }
}
