//! One line of an import.

use std::{borrow::Cow, collections::BTreeMap};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Problem;
use crate::record::{InvalidField, NewRegistration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    customer_registration_id: Cow<'a, str>,
    #[serde(borrow, default)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    first_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    last_name: Option<Cow<'a, str>>,
    #[serde(default)]
    verified: bool,
    #[serde(borrow, default)]
    password_hash: Option<Cow<'a, str>>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(borrow, default)]
    date_registered: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    change_date: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    last_logout_date: Option<Cow<'a, str>>,
}

/// Reads one line. Errors name the field and never the value, so serde's own text is not passed on.
pub(super) fn parse(line: &str) -> Result<NewRegistration, Problem> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::Malformed("a field is missing, unknown or of the wrong type"),
        _ => Problem::Malformed("the JSON is broken"),
    })?;
    let invalid = |field, problem| Problem::Field(InvalidField { field, problem });
    let email = match line.email.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(text) => Some(Email::from_source(text).map_err(|_| invalid("email", "cannot be an address"))?),
    };
    Ok(NewRegistration {
        crid: CustomerRegistrationId::parse(&line.customer_registration_id).map_err(|_| {
            invalid(
                "customerRegistrationId",
                "must be 1 to 255 bytes without control characters",
            )
        })?,
        email,
        first_name: line.first_name.as_deref().unwrap_or_default().into(),
        last_name: line.last_name.as_deref().unwrap_or_default().into(),
        verified: line.verified,
        password_hash: line.password_hash.as_deref().map(Into::into),
        metadata: Metadata::new(line.metadata).map_err(|_| {
            invalid(
                "metadata",
                "a key is empty, too long or differs from another only in case, or a value holds a NUL",
            )
        })?,
        registered_at: moment("dateRegistered", line.date_registered.as_deref())?,
        changed_at: moment("changeDate", line.change_date.as_deref())?,
        last_logout_at: moment("lastLogoutDate", line.last_logout_date.as_deref())?,
    })
}

fn moment(field: &'static str, text: Option<&str>) -> Result<Option<OffsetDateTime>, Problem> {
    text.map(|text| OffsetDateTime::parse(text, &Rfc3339))
        .transpose()
        .map_err(|_| {
            Problem::Field(InvalidField {
                field,
                problem: "must be a time as in RFC 3339",
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_registration() {
        let new = parse(
            r#"{"customerRegistrationId":"7","email":" Ann@Example.com","firstName":"\u00c1nn","verified":true,
                "metadata":{"city":"Oslo"},"dateRegistered":"2020-01-02T03:04:05.000006Z"}"#,
        )
        .unwrap();
        assert_eq!(new.crid.as_str(), "7");
        assert_eq!(new.email.unwrap().key().as_str(), "ann@example.com");
        assert_eq!(
            (&*new.first_name, &*new.last_name, new.verified),
            ("\u{c1}nn", "", true)
        );
        assert_eq!(new.metadata.get("city"), Some("Oslo"));
        assert_eq!(new.registered_at.unwrap().microsecond(), 6);
    }

    #[test]
    fn a_problem_names_the_field_and_never_the_value() {
        for (line, field) in [
            (r#"{"customerRegistrationId":""}"#, "customerRegistrationId"),
            (r#"{"customerRegistrationId":"secret","email":"secret\u0000"}"#, "email"),
            (
                r#"{"customerRegistrationId":"secret","dateRegistered":"secret"}"#,
                "dateRegistered",
            ),
            (
                r#"{"customerRegistrationId":"secret","metadata":{"a":"secret","A":"secret"}}"#,
                "metadata",
            ),
            (r#"{"customerRegistrationId":"secret","secret":1}"#, "unknown"),
            (r#"{"customerRegistrationId":"secret""#, "broken"),
            (r#"{"email":"secret"}"#, "missing"),
        ] {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains(field), "{told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
