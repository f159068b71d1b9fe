//! Query parameters, checked as the Management API checks them.

use super::errors;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;

/// The parameters of one call, each supported and given once.
#[derive(Debug)]
pub(super) struct Auth0Params(Vec<(String, String)>);

impl Auth0Params {
    /// Parses the query; a parameter that the adapter does not send is refused.
    pub(super) fn parse(request: &WireRequest, supported: &[&str]) -> Result<Self, StubResponse> {
        let pairs = request.query_pairs();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !supported.contains(&name.as_str()) {
                return Err(errors::unsupported_query(&format!(
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

    pub(super) fn flag(&self, name: &str) -> Result<bool, StubResponse> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(errors::invalid_query(&format!(
                "'Expected type boolean but found type string' on property {name}."
            ))),
        }
    }

    pub(super) fn number(&self, name: &str, default: u64, most: u64) -> Result<u64, StubResponse> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let what = match text.parse::<i64>().map(u64::try_from) {
            Ok(Ok(number)) if number <= most => return Ok(number),
            Ok(Ok(number)) => format!("Value {number} is greater than maximum {most}"),
            Ok(Err(_)) => format!("Value {text} is less than minimum 0"),
            Err(_) => "Expected type integer but found type string".to_owned(),
        };
        Err(errors::invalid_query(&format!("'{what}' on property {name}.")))
    }
}
