//! `InitiateAuth` with the flow `USER_PASSWORD_AUTH`. The texts of refusals are those that users of Cognito report.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::settings::CognitoStubSettings;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::passwords::PasswordResult;
use crate::stub::StubState;

const JSON: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSCognitoIdentityProviderService.InitiateAuth";

/// An exception as the API answers it.
pub(super) fn exception(status: u16, name: &str, message: &str) -> StubResponse {
    let body = json!({"__type": name, "message": message});
    StubResponse::new(status, JSON, body.to_string()).with("x-amzn-errortype", format!("{name}:"))
}

fn refused(name: &str, message: &str) -> StubResponse {
    exception(400, name, message)
}

fn not_authorized(message: &str) -> StubResponse {
    refused("NotAuthorizedException", message)
}

/// The value of an attribute.
pub(super) fn attribute<'a>(user: &'a Value, name: &str) -> Option<&'a str> {
    let all = user["Attributes"].as_array()?;
    all.iter().find(|one| one["Name"] == name)?["Value"].as_str()
}

/// Answers a call.
pub(super) fn initiate_auth(
    pool: &mut StubState<CognitoStubSettings>,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    if request.header("x-amz-target") != Some(TARGET) || !request.has_content_type(JSON) {
        return Err(refused("UnknownOperationException", ""));
    }
    if !pool.calls.take(now).allowed {
        return Err(refused("TooManyRequestsException", "Rate exceeded"));
    }
    let body = request
        .json_object()
        .ok_or_else(|| refused("SerializationException", ""))?;
    let client_id = body.get("ClientId").and_then(Value::as_str).unwrap_or_default();
    if client_id != pool.settings.client_id {
        let text = format!("User pool client {client_id} does not exist.");
        return Err(refused("ResourceNotFoundException", &text));
    }
    if body.get("AuthFlow").and_then(Value::as_str) != Some("USER_PASSWORD_AUTH") || !pool.settings.allows_passwords {
        let text = "USER_PASSWORD_AUTH flow not enabled for this client";
        return Err(refused("InvalidParameterException", text));
    }
    let parameters = body.get("AuthParameters").and_then(Value::as_object);
    let parameters =
        parameters.ok_or_else(|| refused("InvalidParameterException", "Missing required parameter USERNAME"))?;
    let given = |name: &str| parameters.get(name).and_then(Value::as_str);
    let (Some(username), Some(password)) = (given("USERNAME"), given("PASSWORD")) else {
        return Err(refused(
            "InvalidParameterException",
            "Missing required parameter PASSWORD",
        ));
    };
    check_secret_hash(&pool.settings, username, given("SECRET_HASH"))?;
    check_password(pool, username, password, now)
}

fn check_secret_hash(settings: &CognitoStubSettings, username: &str, given: Option<&str>) -> Result<(), StubResponse> {
    let Some(secret) = &settings.client_secret else {
        return Ok(());
    };
    let client = &settings.client_id;
    let Some(given) = given else {
        let text = format!("Client {client} is configured for secret but secret was not received");
        return Err(not_authorized(&text));
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [username.as_bytes(), client.as_bytes()].concat();
    let is_right = STANDARD
        .decode(given)
        .is_ok_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if is_right {
        Ok(())
    } else {
        Err(not_authorized(&format!(
            "Unable to verify secret hash for client {client}"
        )))
    }
}

fn check_password(
    pool: &mut StubState<CognitoStubSettings>,
    username: &str,
    password: &str,
    now: OffsetDateTime,
) -> Result<StubResponse, StubResponse> {
    let wrong = || not_authorized("Incorrect username or password.");
    let found = pool.users.by_address(&username.to_lowercase()).into_iter().next();
    let Some(user) = found.map(|user| (**user).clone()) else {
        return Err(if pool.settings.reveals_unknown_users {
            refused("UserNotFoundException", "User does not exist.")
        } else {
            wrong()
        });
    };
    let id = user["Username"].as_str().unwrap_or_default();
    match pool.passwords.attempt(id, password) {
        PasswordResult::Wrong => return Err(wrong()),
        PasswordResult::LockedOut => return Err(not_authorized("Password attempts exceeded")),
        PasswordResult::Right => {}
    }
    if user["Enabled"] == false {
        return Err(not_authorized("User is disabled."));
    }
    let has_second_factor = user["UserMFASettingList"]
        .as_array()
        .is_some_and(|factors| !factors.is_empty());
    match user["UserStatus"].as_str().unwrap_or_default() {
        "UNCONFIRMED" => Err(refused("UserNotConfirmedException", "User is not confirmed.")),
        "RESET_REQUIRED" => Err(refused(
            "PasswordResetRequiredException",
            "Password reset required for the user",
        )),
        "FORCE_CHANGE_PASSWORD" => Ok(challenge("NEW_PASSWORD_REQUIRED")),
        _ if has_second_factor => Ok(challenge("SOFTWARE_TOKEN_MFA")),
        _ => Ok(tokens(&user, now)),
    }
}

fn answer(members: Map<String, Value>) -> StubResponse {
    StubResponse::new(200, JSON, Value::Object(members).to_string())
}

fn challenge(name: &str) -> StubResponse {
    let parameters = json!({"USER_ID_FOR_SRP": "sandbox"});
    answer(Map::from_iter([
        ("ChallengeName".to_owned(), name.into()),
        ("ChallengeParameters".to_owned(), parameters),
        ("Session".to_owned(), "sandbox-session".into()),
    ]))
}

fn tokens(user: &Value, now: OffsetDateTime) -> StubResponse {
    let result = json!({
        "AccessToken": "sandbox-access-token", "ExpiresIn": 3600, "IdToken": id_token(user, now),
        "RefreshToken": "sandbox-refresh-token", "TokenType": "Bearer",
    });
    answer(Map::from_iter([
        ("AuthenticationResult".to_owned(), result),
        ("ChallengeParameters".to_owned(), json!({})),
    ]))
}

/// An id token of this user; the adapter does not check its signature.
pub(super) fn id_token(user: &Value, now: OffsetDateTime) -> String {
    let claims = json!({
        "sub": attribute(user, "sub"), "cognito:username": user["Username"], "email": attribute(user, "email"),
        "email_verified": attribute(user, "email_verified") == Some("true"), "token_use": "id",
        "iat": now.unix_timestamp(), "exp": now.unix_timestamp() + 3_600,
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"kid":"sandbox","alg":"RS256"}"#);
    format!("{header}.{}.{}", part(&claims.to_string()), part("sandbox"))
}
