//! Invented users in Auth0's format, the same ones every time.

use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::clock::format_timestamp;
use crate::sample_person::SamplePerson;

const START: OffsetDateTime = datetime!(2019-03-01 08:00:00 UTC);

/// The first `count` invented users; a larger count only adds to a smaller one.
///
/// Every tenth has a social connection and an address with capitals; every twenty-fifth has the address of the user
/// before, in another connection; every fortieth has a second, linked identity; every thirtieth never logged in; every
/// hundredth is blocked.
pub fn sample_users(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(sample_user)
}

/// The invented user with this number; always the same.
#[must_use]
pub fn sample_user(number: usize) -> Value {
    let twin = number % 25 == 24;
    let person = if twin { number - 1 } else { number };
    let invented = SamplePerson::from_number(person);
    let SamplePerson {
        draw,
        given,
        family,
        ref local,
        ..
    } = invented;
    let social = twin || number % 10 == 9;
    let email = invented.email(social && !twin);
    let (provider, connection) = if social {
        ("google-oauth2", "google-oauth2")
    } else {
        ("auth0", "Username-Password-Authentication")
    };
    let own = if social {
        format!("1{number:020}")
    } else {
        format!("5f7c8ec7{number:016x}")
    };
    let born = START + Duration::minutes(i64::try_from(number).unwrap_or(0) * 37);
    let seen = born + Duration::days(i64::try_from(draw % 700).unwrap_or(0));
    let mut user = json!({
        "user_id": format!("{provider}|{own}"),
        "email": email,
        "email_verified": number % 7 != 3,
        "name": format!("{given} {family}"),
        "given_name": given,
        "family_name": family,
        "nickname": local.to_lowercase(),
        "picture": format!("https://pictures.example.com/{number}.png"),
        "identities": [{"connection": connection, "user_id": own, "provider": provider, "isSocial": social}],
        "user_metadata": {"phoneNumber": format!("+1202555{:04}", person % 10_000), "timeZone": "Europe/Madrid"},
        "app_metadata": {"plan": if number.is_multiple_of(3) { "digital" } else { "print" }},
        "created_at": format_timestamp(born),
        "updated_at": format_timestamp(seen),
    });
    if number % 30 != 29 {
        user["last_login"] = format_timestamp(seen).into();
        user["last_ip"] = format!("192.0.2.{}", number % 254 + 1).into();
        user["logins_count"] = (draw % 400 + 1).into();
    }
    if number % 40 == 39
        && let Some(identities) = user["identities"].as_array_mut()
    {
        let profile =
            json!({"email": email.to_lowercase(), "email_verified": true, "name": format!("{given} {family}")});
        identities.push(json!({
            "connection": "facebook", "provider": "facebook", "user_id": format!("10{number:014}"), "isSocial": true,
            "profileData": profile,
        }));
    }
    if number % 100 == 99 {
        user["blocked"] = true.into();
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_contain_the_edge_cases() {
        let users: Vec<Value> = sample_users(200).collect();
        assert_eq!(users[24]["email"], users[23]["email"]);
        assert_ne!(
            users[24]["identities"][0]["connection"],
            users[23]["identities"][0]["connection"]
        );
        assert!(
            users[9]["email"]
                .as_str()
                .unwrap()
                .contains(|char: char| char.is_ascii_uppercase())
        );
        assert_eq!(users[39]["identities"].as_array().unwrap().len(), 2);
        assert!(users[29].get("last_login").is_none());
        assert!(
            users
                .iter()
                .all(|user| user["email"].as_str().unwrap().contains("example"))
        );
        assert!(users.iter().any(|user| !user["name"].as_str().unwrap().is_ascii()));
    }
}
