//! The v4 API: `GET /v4/Users?…` and `POST /v4/Users/Search`, and the format of their responses (contract §2.4).

use serde_json::{Map, Value, json};

use super::error::UsersApiError;
use super::list::{self, UserListPage, state, text};
use super::query::{CountKind, UserListQuery};
use super::settings::UsersApiSettings;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::user_records::UserRecords;

/// The metadata keys of every user, in published order.
const STANDARD_KEYS: &str = "title phoneNumber gender age dob dobYYYY acceptsEmailOffers acceptsEmailAds \
                             acceptsEmailPromotions address city country position isOkToEmail isOkToPhone isOkToMail \
                             workPhone timeZone scoreMember companyName postalCode cellPhone acceptsEENotification \
                             ebill_flag eadvan_flag eedition_flag ee_email_flag promo_flag feat_flag dealdigger_flag \
                             ads_flag member_event_flag contentEngagement_flag subcom_flag survey_flag accountUpdates_flag \
                             photo displayName optOutMarketing agreeToTerms bounceType";

/// The headers of the tenant's three codes.
const TENANT_HEADERS: [&str; 3] = ["x-clientgroupcode", "x-clientcode", "x-papercode"];

/// Admits a call with every header, a valid token and a known tenant.
pub(super) fn admit(settings: &UsersApiSettings, request: &WireRequest) -> Result<(), UsersApiError> {
    let header = |name| {
        let value = request.header(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| UsersApiError::missing_header(name))
    };
    header("authorization")?;
    let source_system = header("x-sourcesystem")?;
    let codes = TENANT_HEADERS.into_iter().map(header).collect::<Result<Vec<_>, _>>()?;
    if request.credentials("bearer") != Some(&settings.token) || !settings.allows_source_system(source_system) {
        return Err(UsersApiError::new(401));
    }
    if codes.join("/") != settings.tenant {
        return Err(UsersApiError::new(403));
    }
    Ok(())
}

/// The parameters of a call: those of its query, or the members of its body.
fn parse_parameters(request: &WireRequest) -> Result<Vec<(String, String)>, UsersApiError> {
    match (request.method.as_str(), request.path()) {
        ("GET", "/v4/Users") => return Ok(request.query_pairs()),
        ("POST", "/v4/Users/Search") => {}
        (_, "/v4/Users" | "/v4/Users/Search") => return Err(UsersApiError::new(405)),
        _ => return Err(UsersApiError::new(404)),
    }
    if !request.has_content_type("application/json") {
        return Err(UsersApiError::new(415));
    }
    let members = request.json_object();
    let members = members.ok_or_else(|| UsersApiError::invalid_input("the body is a JSON object"))?;
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pairs = members.into_iter().map(|(name, value)| Some((name, text(value)?)));
    let pairs: Option<_> = pairs.collect();
    pairs.ok_or_else(|| UsersApiError::invalid_input("a member is not a text"))
}

/// The right response.
pub(super) fn respond(
    settings: &UsersApiSettings,
    records: &UserRecords,
    request: &WireRequest,
) -> Result<StubResponse, UsersApiError> {
    admit(settings, request)?;
    let query = UserListQuery::parse_v4(&parse_parameters(request)?)?;
    let has_provider = settings.user_provider.is_some();
    let page = list::find_page(records.all(), &query, has_provider);
    let users: Vec<Value> = page.users.iter().map(|user| show(user, has_provider)).collect();
    let message = json!({"code": "UsersOrchestrator_S200_02", "text": "Get completed.", "type": "Success"});
    let body = json!({"message": message, "meta": meta(settings, &query, &page), "data": users});
    Ok(StubResponse::json(200, &body))
}

fn meta(settings: &UsersApiSettings, query: &UserListQuery, page: &UserListPage<'_>) -> Value {
    let mut meta = Map::new();
    if query.count != CountKind::None {
        meta.insert("totalRecords".into(), page.total.into());
    }
    // A page that is not full makes the total exact.
    if query.count == CountKind::Estimate && page.users.len() == query.take {
        meta.insert("totalIsEstimate".into(), true.into());
    }
    if let Some(next) = page.next {
        meta.insert("nextCursor".into(), query.cursor(next).into());
    }
    if let Some(provider) = &settings.user_provider {
        let (status, reason) = if query.ignores_provider {
            ("skipped", Value::Null)
        } else {
            ("unavailable", "unavailable".into())
        };
        meta.insert("complete".into(), query.ignores_provider.into());
        meta.insert(
            "sources".into(),
            json!([{"name": provider, "status": status, "reason": reason}, {"name": "Subscribe", "status": "ok"}]),
        );
    }
    Value::Object(meta)
}

/// A user in the format of v4, with every published key.
pub(super) fn show(user: &Value, has_provider: bool) -> Value {
    let mut metadata: Map<String, Value> = STANDARD_KEYS
        .split_whitespace()
        .map(|key| (key.to_owned(), "".into()))
        .collect();
    metadata.extend(user["metadata"].as_object().cloned().unwrap_or_default());
    let id = text(user, "customerRegistrationId");
    json!({
        "customerRegistrationId": id, "encryptedCustomerRegistrationId": format!("sandbox-sealed-{id}"),
        "email": user["email"], "firstName": user["firstName"], "lastName": user["lastName"],
        "state": state(user, has_provider), "metadata": metadata, "verified": user["verified"],
    })
}
