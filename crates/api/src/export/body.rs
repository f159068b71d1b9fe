//! The body of an export: its identifiers and the fields to answer, at the root or under `data`.

use std::collections::HashSet;

use masthead_domain::{crid::Crid, email::EmailKey};
use masthead_ports::bulk::LookupKey;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    attributes::Attributes,
    error::{ExportError, Fault},
};

/// The kinds of identifier and what each is, as they are printed; the last is ours.
pub(crate) const TYPES: [(&str, &str); 4] = [
    ("customer_id", "the `customerRegistrationId`"),
    ("id", "the number of the registration in the store"),
    ("moengage_id", "the same as `id`"),
    ("email", "the whole e-mail address, ignoring case (ours)"),
];

/// What stands for nobody in a job's data, whoever has it for an id.
const RESERVED: [&str; 10] = [
    "unknown", "guest", "null", "0", "1", "true", "false", "na", "n/a", "none",
];

/// One identifier, as it was given and is given back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Identifier {
    pub(super) identifier_type: String,
    pub(super) identifier: String,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Each once, in the order of the request.
    pub(super) identifiers: Vec<Identifier>,
    pub(super) attributes: Attributes,
}

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    identifiers: Option<&'a RawValue>,
    #[serde(borrow)]
    user_fields_to_export: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    identifiers: Option<&'a RawValue>,
    #[serde(borrow)]
    user_fields_to_export: Option<&'a RawValue>,
}

/// Reads a body. What is deep is never descended into, and keys that are given twice are refused.
pub(super) fn read(body: &[u8], most: u32) -> Result<Wanted, ExportError> {
    let text = std::str::from_utf8(body).map_err(|_| ExportError::Malformed)?;
    let root: Root<'_> = object(text).ok_or(ExportError::Malformed)?;
    let data = match root.data {
        Some(data) => object::<Data<'_>>(data.get()).ok_or(ExportError::Invalid("data".into(), Fault::NotAnObject))?,
        None => Data {
            identifiers: None,
            user_fields_to_export: None,
        },
    };
    let given = only(root.identifiers, data.identifiers)?;
    let fields = only(root.user_fields_to_export, data.user_fields_to_export)?;
    let Some(given) = given else {
        let is_empty = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
        return Err(ExportError::Missing(if is_empty { "data" } else { "identifiers" }));
    };
    Ok(Wanted {
        identifiers: identifiers(given.get(), most)?,
        attributes: fields.map_or(Ok(Attributes::Set), |fields| attributes(fields.get()))?,
    })
}

/// Both places are published, but not both at once.
fn only<'a>(at_root: Option<&'a RawValue>, in_data: Option<&'a RawValue>) -> Result<Option<&'a RawValue>, ExportError> {
    match (at_root, in_data) {
        (Some(_), Some(_)) => Err(ExportError::Malformed),
        (at_root, in_data) => Ok(at_root.or(in_data)),
    }
}

/// An object, and nothing that could be taken for one.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    if text.trim_ascii_start().starts_with('{') {
        serde_json::from_str(text).ok()
    } else {
        None
    }
}

fn identifiers(text: &str, most: u32) -> Result<Vec<Identifier>, ExportError> {
    let given: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| ExportError::Invalid("identifiers".into(), Fault::NotAList))?;
    if given.is_empty() {
        return Err(ExportError::Missing("identifiers"));
    }
    if u32::try_from(given.len()).map_or(true, |count| count > most) {
        return Err(ExportError::TooMany(most));
    }
    let mut seen = HashSet::with_capacity(given.len());
    let mut once = Vec::with_capacity(given.len());
    for (index, given) in given.into_iter().enumerate() {
        let at = |part: &str| format!("identifiers[{index}]{part}").into();
        let identifier: Identifier =
            object(given.get()).ok_or_else(|| ExportError::Invalid(at(""), Fault::NotAnIdentifier))?;
        if !TYPES.iter().any(|(name, _)| *name == identifier.identifier_type) {
            return Err(ExportError::Invalid(at(".identifier_type"), Fault::UnknownType));
        }
        if identifier.identifier.is_empty() {
            return Err(ExportError::Invalid(at(".identifier"), Fault::Empty));
        }
        if seen.insert(identifier.clone()) {
            once.push(identifier);
        }
    }
    Ok(once)
}

fn attributes(text: &str) -> Result<Attributes, ExportError> {
    let names: Vec<String> = serde_json::from_str(text)
        .map_err(|_| ExportError::Invalid("user_fields_to_export".into(), Fault::NotAListOfTexts))?;
    Ok(Attributes::named(names))
}

impl Identifier {
    /// By what it is looked up; `None` where nobody can have it.
    pub(super) fn key(&self) -> Option<LookupKey> {
        let text = &*self.identifier;
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
            return None;
        }
        match &*self.identifier_type {
            "customer_id" => Crid::parse(text).ok().map(LookupKey::Id),
            "email" => EmailKey::parse(text).ok().map(LookupKey::Email),
            // As it is printed, and in no other way: `007` is not 7.
            _ => {
                let number: i64 = text.parse().ok()?;
                (number.to_string() == text).then_some(LookupKey::Registration(number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(kind: &str, text: &str) -> Identifier {
        Identifier {
            identifier_type: kind.to_owned(),
            identifier: text.to_owned(),
        }
    }

    #[test]
    fn identifiers_and_fields_stand_at_the_root_or_under_data() {
        let one = r#"[{"identifier_type":"customer_id","identifier":"7"}]"#;
        for body in [
            format!(r#"{{"identifiers":{one},"user_fields_to_export":["name"]}}"#),
            format!(r#"{{"data":{{"identifiers":{one},"user_fields_to_export":["name"]}}}}"#),
            format!(r#" {{"data":{{"identifiers":{one}}},"user_fields_to_export":["name"],"other":[[]]}}"#),
            format!(r#"{{"identifiers":{one},"data":{{"user_fields_to_export":["name"]}}}}"#),
        ] {
            let wanted = read(body.as_bytes(), 20).unwrap();
            assert_eq!(wanted.identifiers, [identifier("customer_id", "7")], "{body}");
            assert_eq!(wanted.attributes, Attributes::named(["name".to_owned()]), "{body}");
        }
    }

    #[test]
    fn what_is_reserved_or_can_be_nobodys_is_not_looked_up() {
        for text in [
            "unknown", "GUEST", "null", "0", "1", "True", "false", "na", "N/A", "none",
        ] {
            for kind in ["customer_id", "id", "email"] {
                assert_eq!(identifier(kind, text).key(), None, "{kind} {text}");
            }
        }
        for (kind, text) in [
            ("id", "x"),
            ("id", "007"),
            ("id", "+7"),
            ("email", "ann"),
            ("customer_id", "a\0"),
        ] {
            assert_eq!(identifier(kind, text).key(), None, "{kind} {text}");
        }
        assert_eq!(identifier("moengage_id", "7").key(), Some(LookupKey::Registration(7)));
        assert_eq!(
            identifier("email", "Ann@Example.com").key(),
            Some(LookupKey::Email(EmailKey::of("ann@example.com")))
        );
    }

    #[test]
    fn what_is_deep_costs_no_more_than_its_length() {
        let deep = "[".repeat(60_000);
        for body in [
            deep.clone(),
            format!(r#"{{"identifiers":{deep}"#),
            format!(r#"{{"other":{deep}"#),
            format!(r#"{{"identifiers":[{deep}{}]}}"#, "]".repeat(60_000)),
        ] {
            assert!(read(body.as_bytes(), 20).is_err());
        }
    }
}
