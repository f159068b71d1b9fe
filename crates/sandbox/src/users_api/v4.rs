//! The v4 API: `GET /v4/Users?…` and `POST /v4/Users/Search`, and how their answers look (contract §2.4).

use serde_json::{Map, Value, json};

use super::UsersApiSettings;
use super::list::{self, Page, state, text};
use super::question::{Count, Question};
use super::refusal::Refusal;
use crate::people::People;
use crate::server::reply::Reply;
use crate::server::request::Request;

/// The keys that every user's metadata has, in published order.
pub(super) const STANDARD_KEYS: [&str; 41] = [
    "title",
    "phoneNumber",
    "gender",
    "age",
    "dob",
    "dobYYYY",
    "acceptsEmailOffers",
    "acceptsEmailAds",
    "acceptsEmailPromotions",
    "address",
    "city",
    "country",
    "position",
    "isOkToEmail",
    "isOkToPhone",
    "isOkToMail",
    "workPhone",
    "timeZone",
    "scoreMember",
    "companyName",
    "postalCode",
    "cellPhone",
    "acceptsEENotification",
    "ebill_flag",
    "eadvan_flag",
    "eedition_flag",
    "ee_email_flag",
    "promo_flag",
    "feat_flag",
    "dealdigger_flag",
    "ads_flag",
    "member_event_flag",
    "contentEngagement_flag",
    "subcom_flag",
    "survey_flag",
    "accountUpdates_flag",
    "photo",
    "displayName",
    "optOutMarketing",
    "agreeToTerms",
    "bounceType",
];

/// The headers that name the tenant, and the part of it that each names.
const TENANT: [&str; 3] = ["x-clientgroupcode", "x-clientcode", "x-papercode"];

/// Passes a caller with every header, a token and a tenant that it may ask about.
pub(super) fn admitted(settings: &UsersApiSettings, request: &Request) -> Result<(), Refusal> {
    let header = |name| request.header(name).filter(|value| !value.is_empty());
    let [authorization, source_system] =
        ["authorization", "x-sourcesystem"].map(|name| header(name).ok_or_else(|| Refusal::missing(name)));
    let (authorization, source_system) = (authorization?, source_system?);
    let mut codes = Vec::with_capacity(TENANT.len());
    for name in TENANT {
        codes.push(header(name).ok_or_else(|| Refusal::missing(name))?);
    }
    let token = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let knows =
        settings.source_systems.is_empty() || settings.source_systems.iter().any(|known| known == source_system);
    if token.is_none_or(|(_, token)| token != settings.token) || !knows {
        return Err(Refusal::of(401));
    }
    if codes.join("/") != settings.tenant {
        return Err(Refusal::of(403));
    }
    Ok(())
}

/// The parameters of a call: those of its query, or the members of its body.
pub(super) fn parameters(request: &Request) -> Result<Vec<(String, String)>, Refusal> {
    match (request.method.as_str(), request.path()) {
        ("GET", "/v4/Users") => return Ok(request.parameters()),
        ("POST", "/v4/Users/Search") => {}
        (_, "/v4/Users" | "/v4/Users/Search") => return Err(Refusal::of(405)),
        _ => return Err(Refusal::of(404)),
    }
    let kind = request.header("content-type").unwrap_or_default().to_lowercase();
    if kind.split(';').next() != Some("application/json") {
        return Err(Refusal::of(415).saying("Unsupported Media Type"));
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(&request.body) else {
        return Err(Refusal::input("the body is a JSON object"));
    };
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(set) => Some(set.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pairs = members.into_iter().map(|(name, value)| Some((name, text(value)?)));
    pairs
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::input("a member is no text"))
}

/// The right answer.
pub(super) fn answer(settings: &UsersApiSettings, people: &People, request: &Request) -> Result<Reply, Refusal> {
    admitted(settings, request)?;
    let asked = Question::of_v4(&parameters(request)?)?;
    let outside_provider = settings.user_provider.is_some();
    let page = list::page(people.all(), &asked, outside_provider);
    let users: Vec<Value> = page.users.iter().map(|user| shown(user, outside_provider)).collect();
    let message = json!({"code": "UsersOrchestrator_S200_02", "text": "Get completed.", "type": "Success"});
    Ok(Reply::json(
        200,
        &json!({"message": message, "meta": meta(settings, &asked, &page), "data": users}),
    ))
}

fn meta(settings: &UsersApiSettings, asked: &Question, page: &Page<'_>) -> Value {
    let mut meta = Map::new();
    if asked.count != Count::None {
        meta.insert("totalRecords".into(), page.total.into());
    }
    // A page that is not full tells how many there are.
    if asked.count == Count::Estimate && page.users.len() == asked.take {
        meta.insert("totalIsEstimate".into(), true.into());
    }
    if let Some(next) = page.next {
        meta.insert("nextCursor".into(), asked.cursor(next).into());
    }
    if let Some(provider) = &settings.user_provider {
        let (status, reason) = if asked.ignores_provider {
            ("skipped", Value::Null)
        } else {
            ("unavailable", "unavailable".into())
        };
        meta.insert("complete".into(), asked.ignores_provider.into());
        meta.insert(
            "sources".into(),
            json!([{"name": provider, "status": status, "reason": reason}, {"name": "Subscribe", "status": "ok"}]),
        );
    }
    Value::Object(meta)
}

/// A user as v4 shows it: every published key is there.
pub(super) fn shown(user: &Value, outside_provider: bool) -> Value {
    let mut metadata: Map<String, Value> = STANDARD_KEYS
        .map(|key| (key.to_owned(), "".into()))
        .into_iter()
        .collect();
    metadata.extend(user["metadata"].as_object().cloned().unwrap_or_default());
    let id = text(user, "customerRegistrationId");
    json!({
        "customerRegistrationId": id, "encryptedCustomerRegistrationId": format!("sandbox-sealed-{id}"),
        "email": user["email"], "firstName": user["firstName"], "lastName": user["lastName"],
        "state": state(user, outside_provider), "metadata": metadata, "verified": user["verified"],
    })
}
