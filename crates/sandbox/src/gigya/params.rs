//! The parameters of a call: a form in the body, or a query with GET.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::GigyaCallError;
use crate::http::request::WireRequest;
use crate::name_list::contains_name;

/// The parameters of every call.
const COMMON: &str = "apiKey userKey secret sig nonce timestamp format";

/// The supported methods, and the parameters that the adapter sends to each.
const METHODS: [(&str, &str); 8] = [
    ("accounts.getAccountInfo", "UID findBy include"),
    ("accounts.search", "query cursorId openCursor accountTypes"),
    (
        "accounts.setAccountInfo",
        "UID profile data isVerified addLoginEmails removeLoginEmails newPassword securityOverride",
    ),
    ("accounts.deleteAccount", "UID"),
    ("accounts.initRegistration", ""),
    (
        "accounts.register",
        "regToken email password profile data finalizeRegistration",
    ),
    ("accounts.finalizeRegistration", "regToken"),
    ("accounts.login", "loginID password"),
];

/// Parameters by name, decoded.
#[derive(Debug, Default)]
pub(super) struct GigyaParams(BTreeMap<String, String>);

impl GigyaParams {
    /// Parses query and form together. A repeated name is refused: it could be signed as one value and used as the other.
    pub(super) fn parse(request: &WireRequest) -> Result<Self, GigyaCallError> {
        let mut pairs = request.query_pairs();
        if !request.body.is_empty() {
            if !request.has_content_type("application/x-www-form-urlencoded") {
                return Err(GigyaCallError::new(400_001, "the body is not a form"));
            }
            pairs.extend(request.form_pairs());
        }
        let mut all = BTreeMap::new();
        for (name, value) in pairs {
            if all.insert(name.clone(), value).is_some() {
                return Err(GigyaCallError::invalid(&name, "given twice"));
            }
        }
        Ok(Self(all))
    }

    #[cfg(test)]
    pub(super) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.iter().map(own).collect())
    }

    /// Refuses unknown methods, and parameters that the adapter does not send.
    pub(super) fn check_method(&self, method: &str) -> Result<(), GigyaCallError> {
        let Some((_, known)) = METHODS.iter().find(|(known, _)| *known == method) else {
            return Err(GigyaCallError::from_code(405_001));
        };
        let is_known = |name: &str| contains_name(COMMON, name) || contains_name(known, name);
        match self.0.keys().find(|name| !is_known(name)) {
            Some(name) => Err(GigyaCallError::unsupported(name, &format!("no parameter of {method}"))),
            None => Ok(()),
        }
    }

    /// Every parameter, sorted by name, including empty ones.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter with a value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, GigyaCallError> {
        self.get(name).ok_or_else(|| GigyaCallError::missing(name))
    }

    /// `true` or `false`; SAP's PHP library sends 1 and 0.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, GigyaCallError> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(GigyaCallError::invalid(name, "true or false")),
        }
    }

    /// An object, sent as JSON text.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, GigyaCallError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = serde_json::from_str(text).map(Some);
        parsed.map_err(|_| GigyaCallError::invalid(name, "a JSON object"))
    }

    /// Names joined by commas.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map(|text| text.split(',').collect()).unwrap_or_default()
    }
}
