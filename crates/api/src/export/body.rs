//! Parses the body of an export: identifiers and requested attributes, at the root or under `data`.

use std::collections::HashSet;

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey, user_key::UserKey};
use masthead_ports::bulk::LookupKey;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    attributes::AttributeSelection,
    error::{BodyError, ExportError},
};

/// What an identifier names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentifierType {
    CustomerId,
    RegistrationNumber,
    Email,
}

/// The types of identifiers and their meanings, as documented; the last is an extension.
#[rustfmt::skip]
pub(crate) const TYPES: [(&str, IdentifierType, &str); 4] = [
    ("customer_id", IdentifierType::CustomerId, "the `customerRegistrationId`"),
    ("id", IdentifierType::RegistrationNumber, "the number of the registration in the store"),
    ("moengage_id", IdentifierType::RegistrationNumber, "the same as `id`"),
    ("email", IdentifierType::Email, "the whole e-mail address, ignoring case (extension)"),
];

/// Placeholders in the data of jobs: by the contract they never match, even where a user has such an id.
const RESERVED: [&str; 10] = [
    "unknown", "guest", "null", "0", "1", "true", "false", "na", "n/a", "none",
];

/// An identifier, returned as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identifier {
    pub(crate) identifier_type: String,
    pub(crate) identifier: String,
}

/// A parsed body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExportBody {
    /// Each once, in the order of the request.
    pub(super) identifiers: Vec<Identifier>,
    /// The lookup key of each; `None` for a reserved one, which never matches.
    pub(super) keys: Vec<Option<LookupKey>>,
    pub(super) attributes: AttributeSelection,
}

#[derive(Deserialize)]
struct BodyRoot<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    identifiers: Option<&'a RawValue>,
    #[serde(borrow)]
    user_fields_to_export: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct BodyData<'a> {
    #[serde(borrow)]
    identifiers: Option<&'a RawValue>,
    #[serde(borrow)]
    user_fields_to_export: Option<&'a RawValue>,
}

/// Parses a body. Unknown values are skipped without recursion, and repeated keys are refused.
pub(super) fn parse(body: &[u8], most: u32) -> Result<ExportBody, ExportError> {
    let text = std::str::from_utf8(body).map_err(|_| ExportError::Malformed)?;
    let root: BodyRoot<'_> = parse_object(text).ok_or(ExportError::Malformed)?;
    let data = match root.data {
        Some(data) => parse_object::<BodyData<'_>>(data.get())
            .ok_or(ExportError::Invalid("data".into(), BodyError::NotAnObject))?,
        None => BodyData::default(),
    };
    let identifiers = either_place(root.identifiers, data.identifiers)?;
    let fields = either_place(root.user_fields_to_export, data.user_fields_to_export)?;
    let Some(identifiers) = identifiers else {
        let is_empty = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
        return Err(ExportError::Missing(if is_empty { "data" } else { "identifiers" }));
    };
    let (identifiers, keys) = parse_identifiers(identifiers.get(), most)?;
    Ok(ExportBody {
        identifiers,
        keys,
        attributes: fields.map_or(Ok(AttributeSelection::AllSet), |fields| parse_attributes(fields.get()))?,
    })
}

/// Both places are published, but not both at once.
fn either_place<'a>(
    at_root: Option<&'a RawValue>,
    in_data: Option<&'a RawValue>,
) -> Result<Option<&'a RawValue>, ExportError> {
    match (at_root, in_data) {
        (Some(_), Some(_)) => Err(ExportError::Malformed),
        (at_root, in_data) => Ok(at_root.or(in_data)),
    }
}

/// Parses an object; serde alone would also accept a list.
fn parse_object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    if text.trim_ascii_start().starts_with('{') {
        serde_json::from_str(text).ok()
    } else {
        None
    }
}

/// The identifiers and their keys, in the same order.
type IdentifiersAndKeys = (Vec<Identifier>, Vec<Option<LookupKey>>);

fn parse_identifiers(text: &str, most: u32) -> Result<IdentifiersAndKeys, ExportError> {
    let given: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| ExportError::Invalid("identifiers".into(), BodyError::NotAList))?;
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
            parse_object(given.get()).ok_or_else(|| ExportError::Invalid(at(""), BodyError::NotAnIdentifier))?;
        let known = TYPES.iter().find(|(name, ..)| *name == identifier.identifier_type);
        let (_, kind, _) = known.ok_or_else(|| ExportError::Invalid(at(".identifier_type"), BodyError::UnknownType))?;
        if identifier.identifier.is_empty() {
            return Err(ExportError::Invalid(at(".identifier"), BodyError::Empty));
        }
        let key = kind
            .lookup_key(&identifier.identifier)
            .map_err(|error| ExportError::Invalid(at(".identifier"), error))?;
        if seen.insert(identifier.clone()) {
            once.0.push(identifier);
            once.1.push(key);
        }
    }
    Ok(once)
}

fn parse_attributes(text: &str) -> Result<AttributeSelection, ExportError> {
    let names: Vec<String> = serde_json::from_str(text)
        .map_err(|_| ExportError::Invalid("user_fields_to_export".into(), BodyError::NotAListOfTexts))?;
    Ok(AttributeSelection::from_names(names))
}

impl IdentifierType {
    /// The lookup key of an identifier; `None` for a reserved one. Only texts that no source can hold are refused: the form of an identifier
    /// does not prove that a user is absent.
    fn lookup_key(self, text: &str) -> Result<Option<LookupKey>, BodyError> {
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
            return Ok(None);
        }
        let key = match self {
            Self::CustomerId => LookupKey::User(UserKey::Id(
                CustomerRegistrationId::parse(text).map_err(|_| BodyError::NotAnId)?,
            )),
            Self::Email => LookupKey::User(UserKey::Email(
                EmailKey::parse_lenient(text).map_err(|_| BodyError::NotAnAddress)?,
            )),
            // Only the published form: `007` is refused, not absent.
            Self::RegistrationNumber => {
                let number: i64 = text.parse().map_err(|_| BodyError::NotANumber)?;
                if number < 1 || number.to_string() != text {
                    return Err(BodyError::NotANumber);
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
    fn body_may_use_root_or_data() {
        let one = r#"[{"identifier_type":"customer_id","identifier":"7"}]"#;
        for body in [
            format!(r#"{{"identifiers":{one},"user_fields_to_export":["name"]}}"#),
            format!(r#"{{"data":{{"identifiers":{one},"user_fields_to_export":["name"]}}}}"#),
            format!(r#" {{"data":{{"identifiers":{one}}},"user_fields_to_export":["name"],"other":[[]]}}"#),
            format!(r#"{{"identifiers":{one},"data":{{"user_fields_to_export":["name"]}}}}"#),
        ] {
            let parsed = parse(body.as_bytes(), 20).unwrap();
            assert_eq!(parsed.identifiers, [identifier("customer_id", "7")], "{body}");
            assert_eq!(
                parsed.keys,
                [Some(LookupKey::User(UserKey::Id(
                    CustomerRegistrationId::parse("7").unwrap()
                )))],
                "{body}"
            );
            assert_eq!(
                parsed.attributes,
                AttributeSelection::from_names(["name".to_owned()]),
                "{body}"
            );
        }
    }

    fn lookup_key(kind: &str, text: &str) -> Result<Option<LookupKey>, BodyError> {
        let (_, kind, _) = TYPES.iter().find(|(name, ..)| *name == kind).unwrap();
        kind.lookup_key(text)
    }

    #[test]
    fn reserved_identifier_is_not_looked_up() {
        for text in RESERVED.into_iter().chain(["GUEST", "True", "N/A"]) {
            for kind in ["customer_id", "id", "email"] {
                assert_eq!(lookup_key(kind, text), Ok(None), "{kind} {text}");
            }
        }
    }

    #[test]
    fn impossible_identifier_is_refused() {
        for (kind, text, error) in [
            ("id", "x", BodyError::NotANumber),
            ("id", "007", BodyError::NotANumber),
            ("id", "+7", BodyError::NotANumber),
            ("id", "-7", BodyError::NotANumber),
            ("moengage_id", "9223372036854775808", BodyError::NotANumber),
            ("email", " ", BodyError::NotAnAddress),
            ("email", "ann\0@example.com", BodyError::NotAnAddress),
            ("email", &"x".repeat(321), BodyError::NotAnAddress),
            ("customer_id", "a\0", BodyError::NotAnId),
            ("customer_id", &"x".repeat(256), BodyError::NotAnId),
        ] {
            assert_eq!(lookup_key(kind, text), Err(error), "{kind} {text}");
        }
    }

    #[test]
    fn possible_identifier_is_looked_up() {
        let email = |text| Ok(Some(LookupKey::User(UserKey::Email(EmailKey::from_text(text)))));
        for text in [
            "ann",
            "ann@intranet",
            "ann@[192.0.2.1]",
            "a@b@mail.example",
            "\"john doe\"@mail.example",
        ] {
            assert_eq!(lookup_key("email", text), email(text));
        }
        assert_eq!(lookup_key("email", "Ann@Example.com"), email("ann@example.com"));
        assert_eq!(
            lookup_key("moengage_id", "9223372036854775807"),
            Ok(Some(LookupKey::Registration(i64::MAX)))
        );
    }

    #[test]
    fn deep_nesting_does_not_recurse() {
        let deep = "[".repeat(60_000);
        for body in [
            deep.clone(),
            format!(r#"{{"identifiers":{deep}"#),
            format!(r#"{{"other":{deep}"#),
            format!(r#"{{"identifiers":[{deep}{}]}}"#, "]".repeat(60_000)),
        ] {
            assert!(parse(body.as_bytes(), 20).is_err());
        }
    }
}
