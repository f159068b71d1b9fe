//! The legacy User API: `GET /User?…`, `GET /User/{type}?email=`, `GET /User/{id}/{type}` (contract §3.3).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::UsersApiSettings;
use super::list::{self, state, text};
use super::question::{Column, Condition, Question, is_complete, within};
use super::refusal::Refusal;
use crate::people::People;
use crate::server::reply::Reply;
use crate::server::request::{Request, segment};

/// The most users of a page.
const LONGEST: usize = 1_000;

/// How a field shows the metadata that is under its key.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// The text; null when unset.
    Text,
    /// Whether it is a yes.
    Flag,
    /// The code of a letter, or the number; null when unset.
    Consent,
}

/// The fields that show metadata, and its keys.
const FIELDS: [(&str, Form, &str); 30] = [
    ("Gender", Form::Text, "gender"),
    ("Phone", Form::Text, "phoneNumber"),
    ("MobilePhone", Form::Text, "cellPhone"),
    ("OptInEVantageSubscriberRewards", Form::Flag, "eadvan_flag"),
    ("OptInSpecialOffers", Form::Flag, "feat_flag"),
    ("OptInContestAndPromotions", Form::Flag, "promo_flag"),
    ("OptInPaperlessBilling", Form::Flag, "ebill_flag"),
    ("OptInEEdition", Form::Flag, "eedition_flag"),
    ("OptInEEditionEmailNotification", Form::Flag, "ee_email_flag"),
    ("OptInSubscriberDiscounts", Form::Flag, "dealdigger_flag"),
    ("OptInAdvertiserEmails", Form::Flag, "ads_flag"),
    ("MemberEvent", Form::Flag, "member_event_flag"),
    ("ContentEngagement", Form::Flag, "contentEngagement_flag"),
    ("SUBCOM", Form::Flag, "subcom_flag"),
    ("Survey", Form::Flag, "survey_flag"),
    ("AccountUpdates", Form::Flag, "accountUpdates_flag"),
    ("DateOfBirth", Form::Text, "dob"),
    ("BirthYear", Form::Text, "dobYYYY"),
    ("AcceptsEmailOffers", Form::Consent, "acceptsEmailOffers"),
    ("AcceptsEmailAds", Form::Consent, "acceptsEmailAds"),
    ("AcceptsEmailPromotions", Form::Consent, "acceptsEmailPromotions"),
    ("IsOkToEmail", Form::Consent, "isOkToEmail"),
    ("IsOkToPhone", Form::Consent, "isOkToPhone"),
    ("IsOkToMail", Form::Consent, "isOkToMail"),
    ("AcceptsEENotification", Form::Consent, "acceptsEENotification"),
    ("DisplayName", Form::Text, "displayName"),
    ("AgreeToTerms", Form::Flag, "agreeToTerms"),
    ("OptOutMarketing", Form::Flag, "optOutMarketing"),
    ("Photo", Form::Text, "photo"),
    ("BounceType", Form::Text, "bounceType"),
];

/// Whether a call is one of this API's.
pub(super) fn is_asked(request: &Request) -> bool {
    request.path() == "/User" || request.path().starts_with("/User/")
}

/// Passes a caller that proves itself.
fn admitted(settings: &UsersApiSettings, request: &Request) -> Result<(), Refusal> {
    let header = |name, shown| {
        let value = request.header(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refusal::missing(shown))
    };
    let authorization = header("authorization", "Authorization")?;
    let source_system = header("x-sourcesystem", "X-SourceSystem")?;
    let (client, paper) = (
        header("x-clientcode", "X-ClientCode")?,
        header("x-papercode", "X-PaperCode")?,
    );
    let token = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let own = settings.tenant.split_once('/').map(|(_, own)| own);
    if token.is_none_or(|(_, token)| token != settings.token) || own != Some(&*format!("{client}/{paper}")) {
        return Err(Refusal::of(401).saying("Invalid Authorization."));
    }
    if !settings.source_systems.is_empty() && !settings.source_systems.iter().any(|known| known == source_system) {
        return Err(Refusal::of(401).saying("Invalid X-SourceSystem."));
    }
    Ok(())
}

/// The right answer.
pub(super) fn answer(settings: &UsersApiSettings, people: &People, request: &Request) -> Result<Reply, Refusal> {
    if request.method != "GET" {
        return Err(Refusal::of(405));
    }
    admitted(settings, request)?;
    let parts: Vec<&str> = request.path().split('/').skip(2).collect();
    let (asked, sources) = match parts[..] {
        [] => {
            let asked = question(request, &[])?;
            let sources = if asked.ignores_provider { "2" } else { "0" };
            (asked, sources)
        }
        [sources] => (question(request, &["lookupinuserprovider", "onlyactive"])?, sources),
        [id, sources] if request.query().is_empty() => {
            let asked = Question {
                conditions: vec![Condition::Id(segment(id))],
                ..Question::default()
            };
            (asked, sources)
        }
        _ => return Err(Refusal::of(404)),
    };
    match (sources, &settings.user_provider) {
        ("2", _) | ("0", None) => Ok(found(settings, people, &asked)),
        // The provider is never heard.
        ("0", Some(provider)) => Ok(found(settings, people, &asked).with("x-incomplete", provider)),
        ("1", _) => Err(Refusal::of(500).saying("Something went wrong. Please try again later.")),
        _ => Err(Refusal::of(404)),
    }
}

/// Reads the parameters of a list, all but these.
fn question(request: &Request, unknown: &[&str]) -> Result<Question, Refusal> {
    let whole = request.path() == "/User";
    let mut known = BTreeSet::new();
    let mut asked = Question::default();
    let mut page = 1;
    for (name, value) in request.parameters() {
        let name = name.to_lowercase();
        let name = name.strip_prefix("request.").filter(|_| whole).unwrap_or(&name);
        let refused = || Refusal::input(format!("{name} has a value that it cannot have"));
        if value.is_empty() || unknown.contains(&name) || !known.insert(name.to_owned()) {
            return Err(refused());
        }
        let set = || value.to_lowercase().parse::<bool>().map_err(|_| refused());
        match name {
            "email" => {
                let email = value.trim().to_lowercase();
                let exact = !whole && is_complete(&email);
                asked.conditions.push(if exact {
                    Condition::EmailIs(email)
                } else {
                    Condition::EmailContains(email)
                });
            }
            "onlyactive" if set()? => asked.conditions.push(Condition::Active),
            "onlyactive" => {}
            "lookupinuserprovider" => asked.ignores_provider = !set()?,
            "sortby" => {
                asked.column = match value.as_str() {
                    "CustomerRegistrationId" => Column::Id,
                    "Email" => Column::Email,
                    "FirstName" => Column::FirstName,
                    "LastName" => Column::LastName,
                    "DateRegistered" => Column::DateRegistered,
                    "ChangeDate" => Column::ChangeDate,
                    _ => return Err(refused()),
                }
            }
            "sortorder" => {
                asked.descending = match value.as_str() {
                    "asc" | "0" => false,
                    "desc" | "1" => true,
                    _ => return Err(refused()),
                }
            }
            "usersperpage" => asked.take = within(&value, 1..=LONGEST).ok_or_else(refused)?,
            "pagenumber" => page = within(&value, 1..=usize::MAX).ok_or_else(refused)?,
            _ => return Err(Refusal::input(format!("{name} is no parameter"))),
        }
    }
    asked.turn_to(page)?;
    Ok(asked)
}

fn found(settings: &UsersApiSettings, people: &People, asked: &Question) -> Reply {
    let outside_provider = settings.user_provider.is_some();
    let page = list::page(people.all(), asked, outside_provider);
    let users: Vec<Value> = page.users.iter().map(|user| shown(user, outside_provider)).collect();
    let result = json!({"Users": users, "TotalUsersFound": page.total});
    Reply::json(
        200,
        &json!({"Code": 200, "Errors": [], "Result": result, "SessionId": "sandbox", "RequestId": "sandbox"}),
    )
}

/// A user as this API shows it.
pub(super) fn shown(user: &Value, outside_provider: bool) -> Value {
    let metadata = user["metadata"].as_object().cloned().unwrap_or_default();
    let unset_is_null = |member: &str| Some(text(user, member)).filter(|text| !text.is_empty());
    let state = state(user, outside_provider);
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
    for (field, form, key) in FIELDS {
        shown[field] = view(form, text(&user["metadata"], key));
    }
    shown["Metadata"] = Value::Object(metadata);
    shown
}

fn view(form: Form, kept: &str) -> Value {
    match form {
        Form::Flag => ["Y", "y", "true", "1"].contains(&kept).into(),
        Form::Text if kept.is_empty() => Value::Null,
        Form::Text => kept.into(),
        Form::Consent => match kept.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() => (*letter).into(),
            _ => kept.parse::<u8>().map_or(Value::Null, Value::from),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_shown_in_the_form_of_its_field() {
        for (form, kept, wanted) in [
            (Form::Text, "", Value::Null),
            (Form::Text, "Oslo", json!("Oslo")),
            (Form::Flag, "y", json!(true)),
            (Form::Flag, "", json!(false)),
            (Form::Consent, "N", json!(78)),
            (Form::Consent, "1", json!(1)),
            (Form::Consent, "", Value::Null),
        ] {
            assert_eq!(view(form, kept), wanted, "{form:?} {kept:?}");
        }
    }

    #[test]
    fn a_user_has_its_number_of_state_and_its_metadata_beside_the_fields() {
        let user = json!({"customerRegistrationId": "7", "state": "Lite", "metadata": {"promo_flag": "Y", "own": "x"}});
        let told = shown(&user, false);
        assert_eq!(told["UserState"], json!({"UserStateId": 1, "UserStateCode": "Lite"}));
        assert_eq!(
            (
                &told["OptInContestAndPromotions"],
                &told["Metadata"]["own"],
                &told["Email"]
            ),
            (&json!(true), &json!("x"), &Value::Null)
        );
        assert_eq!(shown(&user, true)["UserState"]["UserStateCode"], "Standard");
    }
}
