//! The body of an export: its identifiers and the fields to answer, at the root or under `data`.

use std::collections::HashSet;

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey};
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

/// What stands for no user in a job's data: by the contract these never match, even where a user has one for an id.
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
    /// By what each of them is looked up; `None` for a reserved one, which never matches.
    pub(super) keys: Vec<Option<LookupKey>>,
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
    let (identifiers, keys) = identifiers(given.get(), most)?;
    Ok(Wanted {
        identifiers,
        keys,
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

/// The identifiers and their keys, in two lists of one order.
type Identifiers = (Vec<Identifier>, Vec<Option<LookupKey>>);

fn identifiers(text: &str, most: u32) -> Result<Identifiers, ExportError> {
    let given: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| ExportError::Invalid("identifiers".into(), Fault::NotAList))?;
    if given.is_empty() {
        return Err(ExportError::Missing("identifiers"));
    }
    if u32::try_from(given.len()).map_or(true, |count| count > most) {
        return Err(ExportError::TooMany(most));
    }
    let mut seen = HashSet::with_capacity(given.len());
    let mut once = (Vec::with_capacity(given.len()), Vec::with_capacity(given.len()));
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
        let key = identifier
            .key()
            .map_err(|fault| ExportError::Invalid(at(".identifier"), fault))?;
        if seen.insert(identifier.clone()) {
            once.0.push(identifier);
            once.1.push(key);
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
    /// By what it is looked up; `None` for a reserved one. What is refused here is what no source can hold, by the rule of
    /// the other calls: a user is absent when the sources say so, never by the shape of an identifier.
    fn key(&self) -> Result<Option<LookupKey>, Fault> {
        let text = &*self.identifier;
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
            return Ok(None);
        }
        let key = match &*self.identifier_type {
            "customer_id" => LookupKey::Id(CustomerRegistrationId::parse(text).map_err(|_| Fault::NoCrid)?),
            "email" => LookupKey::Email(EmailKey::parse_lenient(text).map_err(|_| Fault::NoAddress)?),
            // As it is answered, and in no other way: `007` is not 7, nor is it a number that is not there.
            _ => {
                let number: i64 = text.parse().map_err(|_| Fault::NoNumber)?;
                if number < 1 || number.to_string() != text {
                    return Err(Fault::NoNumber);
                }
                LookupKey::Registration(number)
            }
        };
        Ok(Some(key))
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
            assert_eq!(
                wanted.keys,
                [Some(LookupKey::Id(CustomerRegistrationId::parse("7").unwrap()))],
                "{body}"
            );
            assert_eq!(wanted.attributes, Attributes::named(["name".to_owned()]), "{body}");
        }
    }

    #[test]
    fn a_reserved_identifier_is_not_looked_up() {
        for text in RESERVED.into_iter().chain(["GUEST", "True", "N/A"]) {
            for kind in ["customer_id", "id", "email"] {
                assert_eq!(identifier(kind, text).key(), Ok(None), "{kind} {text}");
            }
        }
    }

    #[test]
    fn an_identifier_that_no_source_can_hold_is_refused() {
        for (kind, text, fault) in [
            ("id", "x", Fault::NoNumber),
            ("id", "007", Fault::NoNumber),
            ("id", "+7", Fault::NoNumber),
            ("id", "-7", Fault::NoNumber),
            ("moengage_id", "9223372036854775808", Fault::NoNumber),
            ("email", " ", Fault::NoAddress),
            ("email", "ann\0@example.com", Fault::NoAddress),
            ("email", &"x".repeat(321), Fault::NoAddress),
            ("customer_id", "a\0", Fault::NoCrid),
            ("customer_id", &"x".repeat(256), Fault::NoCrid),
        ] {
            assert_eq!(identifier(kind, text).key(), Err(fault), "{kind} {text}");
        }
    }

    #[test]
    fn an_identifier_of_any_shape_is_looked_up() {
        let email = |text| Ok(Some(LookupKey::Email(EmailKey::from_text(text))));
        for text in [
            "ann",
            "ann@intranet",
            "ann@[192.0.2.1]",
            "a@b@mail.example",
            "\"john doe\"@mail.example",
        ] {
            assert_eq!(identifier("email", text).key(), email(text));
        }
        assert_eq!(identifier("email", "Ann@Example.com").key(), email("ann@example.com"));
        assert_eq!(
            identifier("moengage_id", "9223372036854775807").key(),
            Ok(Some(LookupKey::Registration(i64::MAX)))
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
