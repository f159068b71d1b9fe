//! The parameters of a call: a form in the body, or a query where GET is used.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::server::request::{Request, form};

/// Parameters by name, decoded.
#[derive(Debug, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads query and form together. A name that comes twice could be signed as one and meant as the other: refused.
    pub(super) fn parse(request: &Request) -> Result<Self, Refusal> {
        let mut pairs = request.parameters();
        if !request.body.is_empty() {
            let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
            if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
                return Err(Refusal::new(400_001, "the body is application/x-www-form-urlencoded"));
            }
            let Ok(body) = std::str::from_utf8(&request.body) else {
                return Err(Refusal::new(400_001, "the body is no UTF-8"));
            };
            pairs.extend(form(body));
        }
        let mut all = BTreeMap::new();
        for (name, value) in pairs {
            if all.insert(name.clone(), value).is_some() {
                return Err(Refusal::invalid(&name, "given twice"));
            }
        }
        Ok(Self(all))
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.iter().map(own).collect())
    }

    /// Every parameter, sorted by name, empty ones included.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter that has a value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// `true` or `false`; the PHP library sends 1 and 0.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name, "true or false")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let parse = |text: &str| text.parse().map_err(|_| Refusal::invalid(name, "a number"));
        self.get(name).map(parse).transpose()
    }

    /// An object, sent as JSON text.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Ok(Some(members)),
            _ => Err(Refusal::invalid(name, "a JSON object")),
        }
    }

    /// Names joined by commas, without blanks.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map(|text| text.split(',').collect()).unwrap_or_default()
    }
}
