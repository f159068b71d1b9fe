//! The legacy User API: `GET /User?…`, `GET /User/{type}?email=`, `GET /User/{id}/{type}` (contract §3.3).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::error::{self, UsersApiError};
use super::list::{self, state, text};
use super::query::{UserColumn, UserCondition, UserListQuery, is_complete, parse_within};
use super::settings::UsersApiSettings;
use crate::http::request::{WireRequest, decode_segment};
use crate::http::response::StubResponse;
use crate::user_records::UserRecords;

/// The longest page.
const LONGEST: usize = 1_000;

/// The format of a field that shows metadata.
#[derive(Debug, Clone, Copy)]
enum LegacyFormat {
    /// The text; null when unset.
    Text,
    /// Whether the text means yes.
    Flag,
    /// The code of the letter, or the number; null when unset.
    Consent,
}

/// The fields that show metadata, and their keys.
const FIELDS: [(&str, LegacyFormat, &str); 30] = [
    ("Gender", LegacyFormat::Text, "gender"),
    ("Phone", LegacyFormat::Text, "phoneNumber"),
    ("MobilePhone", LegacyFormat::Text, "cellPhone"),
    ("OptInEVantageSubscriberRewards", LegacyFormat::Flag, "eadvan_flag"),
    ("OptInSpecialOffers", LegacyFormat::Flag, "feat_flag"),
    ("OptInContestAndPromotions", LegacyFormat::Flag, "promo_flag"),
    ("OptInPaperlessBilling", LegacyFormat::Flag, "ebill_flag"),
    ("OptInEEdition", LegacyFormat::Flag, "eedition_flag"),
    ("OptInEEditionEmailNotification", LegacyFormat::Flag, "ee_email_flag"),
    ("OptInSubscriberDiscounts", LegacyFormat::Flag, "dealdigger_flag"),
    ("OptInAdvertiserEmails", LegacyFormat::Flag, "ads_flag"),
    ("MemberEvent", LegacyFormat::Flag, "member_event_flag"),
    ("ContentEngagement", LegacyFormat::Flag, "contentEngagement_flag"),
    ("SUBCOM", LegacyFormat::Flag, "subcom_flag"),
    ("Survey", LegacyFormat::Flag, "survey_flag"),
    ("AccountUpdates", LegacyFormat::Flag, "accountUpdates_flag"),
    ("DateOfBirth", LegacyFormat::Text, "dob"),
    ("BirthYear", LegacyFormat::Text, "dobYYYY"),
    ("AcceptsEmailOffers", LegacyFormat::Consent, "acceptsEmailOffers"),
    ("AcceptsEmailAds", LegacyFormat::Consent, "acceptsEmailAds"),
    (
        "AcceptsEmailPromotions",
        LegacyFormat::Consent,
        "acceptsEmailPromotions",
    ),
    ("IsOkToEmail", LegacyFormat::Consent, "isOkToEmail"),
    ("IsOkToPhone", LegacyFormat::Consent, "isOkToPhone"),
    ("IsOkToMail", LegacyFormat::Consent, "isOkToMail"),
    ("AcceptsEENotification", LegacyFormat::Consent, "acceptsEENotification"),
    ("DisplayName", LegacyFormat::Text, "displayName"),
    ("AgreeToTerms", LegacyFormat::Flag, "agreeToTerms"),
    ("OptOutMarketing", LegacyFormat::Flag, "optOutMarketing"),
    ("Photo", LegacyFormat::Text, "photo"),
    ("BounceType", LegacyFormat::Text, "bounceType"),
];

/// Whether a call is for this API.
pub(super) fn is_legacy_call(request: &WireRequest) -> bool {
    request.path() == "/User" || request.path().starts_with("/User/")
}

/// Admits a call with every header, a valid token and a known tenant.
fn admit(settings: &UsersApiSettings, request: &WireRequest) -> Result<(), UsersApiError> {
    let header = |name: &str| {
        let value = request.header(&name.to_lowercase()).filter(|value| !value.is_empty());
        value.ok_or_else(|| UsersApiError::missing_header(name))
    };
    let unauthorized = |what: &str| UsersApiError::new(401).with_text(format!("Invalid {what}."));
    header("Authorization")?;
    let source_system = header("X-SourceSystem")?;
    let tenant = format!("{}/{}", header("X-ClientCode")?, header("X-PaperCode")?);
    let known = settings.tenant.split_once('/').map(|(_, codes)| codes);
    if request.credentials("bearer") != Some(&settings.token) || known != Some(tenant.as_str()) {
        return Err(unauthorized("Authorization"));
    }
    if !settings.allows_source_system(source_system) {
        return Err(unauthorized("X-SourceSystem"));
    }
    Ok(())
}

/// The right response.
pub(super) fn respond(
    settings: &UsersApiSettings,
    records: &UserRecords,
    request: &WireRequest,
) -> Result<StubResponse, UsersApiError> {
    if request.method != "GET" {
        return Err(UsersApiError::new(405));
    }
    admit(settings, request)?;
    let parts: Vec<&str> = request.path().split('/').skip(2).collect();
    let (query, sources) = match parts[..] {
        [] => {
            let query = parse_query(request, &[])?;
            let sources = if query.ignores_provider { "2" } else { "0" };
            (query, sources)
        }
        [sources] => (parse_query(request, &["lookupinuserprovider", "onlyactive"])?, sources),
        [id, sources] if request.query().is_empty() => {
            let query = UserListQuery {
                conditions: vec![UserCondition::Id(decode_segment(id))],
                ..UserListQuery::default()
            };
            (query, sources)
        }
        _ => return Err(UsersApiError::new(404)),
    };
    match (sources, &settings.user_provider) {
        ("2", _) | ("0", None) => Ok(list_response(settings, records, &query)),
        // The provider is never available.
        ("0", Some(provider)) => Ok(list_response(settings, records, &query).with("x-incomplete", provider)),
        ("1", _) => Err(UsersApiError::new(500).with_text("Something went wrong. Please try again later.")),
        _ => Err(UsersApiError::new(404)),
    }
}

/// Parses the parameters of a list; `unknown` ones are invalid.
fn parse_query(request: &WireRequest, unknown: &[&str]) -> Result<UserListQuery, UsersApiError> {
    let whole = request.path() == "/User";
    let mut known = BTreeSet::new();
    let mut query = UserListQuery::default();
    let mut page = 1;
    for (name, value) in request.query_pairs() {
        let name = name.to_lowercase();
        let name = name.strip_prefix("request.").filter(|_| whole).unwrap_or(&name);
        let invalid = || UsersApiError::invalid_input(format!("{name} has an invalid value"));
        if value.is_empty() || unknown.contains(&name) || !known.insert(name.to_owned()) {
            return Err(invalid());
        }
        let flag = || value.to_lowercase().parse::<bool>().map_err(|_| invalid());
        match name {
            "email" => {
                let email = value.trim().to_lowercase();
                let exact = !whole && is_complete(&email);
                query.conditions.push(if exact {
                    UserCondition::EmailIs(email)
                } else {
                    UserCondition::EmailContains(email)
                });
            }
            "onlyactive" if flag()? => query.conditions.push(UserCondition::Active),
            "onlyactive" => {}
            "lookupinuserprovider" => query.ignores_provider = !flag()?,
            "sortby" => {
                query.column = match value.as_str() {
                    "CustomerRegistrationId" => UserColumn::Id,
                    "Email" => UserColumn::Email,
                    "FirstName" => UserColumn::FirstName,
                    "LastName" => UserColumn::LastName,
                    "DateRegistered" => UserColumn::DateRegistered,
                    "ChangeDate" => UserColumn::ChangeDate,
                    _ => return Err(invalid()),
                }
            }
            "sortorder" => {
                query.descending = match value.as_str() {
                    "asc" | "0" => false,
                    "desc" | "1" => true,
                    _ => return Err(invalid()),
                }
            }
            "usersperpage" => query.take = parse_within(&value, 1..=LONGEST).ok_or_else(invalid)?,
            "pagenumber" => page = parse_within(&value, 1..=usize::MAX).ok_or_else(invalid)?,
            _ => return Err(UsersApiError::invalid_input(format!("{name} is not a parameter"))),
        }
    }
    query.set_page(page)?;
    Ok(query)
}

fn list_response(settings: &UsersApiSettings, records: &UserRecords, query: &UserListQuery) -> StubResponse {
    let has_provider = settings.user_provider.is_some();
    let page = list::find_page(records.all(), query, has_provider);
    let users: Vec<Value> = page.users.iter().map(|user| show(user, has_provider)).collect();
    let result = json!({"Users": users, "TotalUsersFound": page.total});
    error::legacy_envelope(&json!([]), &result)
}

/// A user in the format of this API.
pub(super) fn show(user: &Value, has_provider: bool) -> Value {
    let metadata = user["metadata"].as_object().cloned().unwrap_or_default();
    let unset_is_null = |member: &str| Some(text(user, member)).filter(|text| !text.is_empty());
    let state = state(user, has_provider);
    let number = ["Lite", "Unverified", "Standard"]
        .iter()
        .position(|known| *known == state);
    let id = text(user, "customerRegistrationId");
    let mut shown = json!({
        "RegistrationId": user["registrationId"], "LoginName": unset_is_null("email"), "LoginPassword": null,
        "CustomerRegistrationId": id, "EncryptedCustomerRegistrationId": format!("sandbox-sealed-{id}"),
        "FirstName": unset_is_null("firstName"), "LastName": unset_is_null("lastName"), "Email": unset_is_null("email"),
        "Verified": user["verified"], "DateRegistered": unset_is_null("dateRegistered"),
        "ChangeDate": unset_is_null("changeDate"), "AddDate": unset_is_null("dateRegistered"),
        "LastLogoutDate": unset_is_null("lastLogoutDate"), "Photos": [], "IsSocial": false, "VerificationCode": null,
        "AuthSystem": {"AuthSystemId": 1, "AuthSystemCode": "MG2", "AuthSystemName": "MG2"},
        "UserState": {"UserStateId": number.map(|place| place + 1), "UserStateCode": state},
        "UrlPasswordChangeTicket": null,
    });
    for (field, format, key) in FIELDS {
        shown[field] = show_metadata(format, text(&user["metadata"], key));
    }
    shown["Metadata"] = Value::Object(metadata);
    shown
}

fn show_metadata(format: LegacyFormat, value: &str) -> Value {
    match format {
        LegacyFormat::Flag => ["Y", "y", "true", "1"].contains(&value).into(),
        LegacyFormat::Text if value.is_empty() => Value::Null,
        LegacyFormat::Text => value.into(),
        LegacyFormat::Consent => match value.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() => (*letter).into(),
            _ => value.parse::<u8>().map_or(Value::Null, Value::from),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_has_the_format_of_its_field() {
        for (format, value, wanted) in [
            (LegacyFormat::Text, "", Value::Null),
            (LegacyFormat::Text, "Oslo", json!("Oslo")),
            (LegacyFormat::Flag, "y", json!(true)),
            (LegacyFormat::Flag, "", json!(false)),
            (LegacyFormat::Consent, "N", json!(78)),
            (LegacyFormat::Consent, "1", json!(1)),
            (LegacyFormat::Consent, "", Value::Null),
        ] {
            assert_eq!(show_metadata(format, value), wanted, "{format:?} {value:?}");
        }
    }

    #[test]
    fn user_has_state_number_and_metadata() {
        let user = json!({"customerRegistrationId": "7", "state": "Lite", "metadata": {"promo_flag": "Y", "own": "x"}});
        let user = show(&user, false);
        assert_eq!(user["UserState"], json!({"UserStateId": 1, "UserStateCode": "Lite"}));
        assert_eq!(
            (
                &user["OptInContestAndPromotions"],
                &user["Metadata"]["own"],
                &user["Email"]
            ),
            (&json!(true), &json!("x"), &Value::Null)
        );
        assert_eq!(
            show(&json!({"state": "Lite"}), true)["UserState"]["UserStateCode"],
            "Standard"
        );
    }
}
