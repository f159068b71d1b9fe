//! Invented users of SSOR and Firefly, the same ones every time, in the formats of Masthead's contract.

use serde_json::{Value, json};

use super::settings::UserShape;
use crate::sample_person::SamplePerson;

/// Part of every value that opens a session (`masterId`, `PUID`, `atyponId`, `sessionKey`, `loginToken`), so that a
/// test can prove that none was returned, stored or logged.
pub const SESSION_GRADE: &str = "session-grade";

/// The first `count` invented users in this format; a larger count only adds to a smaller one.
///
/// Every tenth keeps the capitals of the address; every twenty-fifth has the address of the user before; every twelfth
/// of SSOR has it only as a linked identifier; every twentieth lacks names.
pub fn sample_generic_users(shape: UserShape, count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(move |number| sample_generic_user(shape, number))
}

/// The invented user with this number; always the same.
#[must_use]
pub fn sample_generic_user(shape: UserShape, number: usize) -> Value {
    let index = if number % 25 == 24 { number - 1 } else { number };
    let person = SamplePerson::from_number(index);
    let email = person.email(number % 10 == 9);
    let phone = format!("+1202555{:04}", index % 10_000);
    let mut user = match shape {
        UserShape::Ssor => json!({
            "consumerId": format!("{}", 70_000_000 + number),
            "masterId": format!("{SESSION_GRADE}-master-{number:x}"), "PUID": format!("{SESSION_GRADE}-puid-{number:x}"),
            "userName": person.local.to_lowercase(), "displayName": format!("{} {}", person.given, person.family),
            "firstName": person.given, "lastName": person.family, "email": email,
            "linkedIdentifiers": [{"provider": "facebook", "emailAddress": email}],
            "zipCode": format!("{:05}", number % 100_000), "gender": (["M", "F", "U"][number % 3]),
            "birthDate": format!("{:02}/{:02}", number % 12 + 1, number % 28 + 1), "birthYear": 1950 + person.draw % 55,
            "tos": true,
        }),
        UserShape::Firefly => json!({
            "userGUID": format!("{:08x}-5a4d-4b0c-8000-{number:012x}", person.draw & 0xFFFF_FFFF),
            "atyponId": format!("{SESSION_GRADE}-atypon-{number:x}"), "sessionKey": format!("{SESSION_GRADE}-key-{number:x}"),
            "email": email, "emailVerified": number % 7 != 3,
            "firstName": person.given, "lastName": person.family, "displayName": format!("{} {}", person.given, person.family),
            "phone": phone, "entitlements": {"digital": number.is_multiple_of(3), "ad_free": false, "print_replica": false},
            "userLicenseType": if number.is_multiple_of(3) { "subscriber" } else { "registered" },
            "zuoraAccountNumbers": [format!("A{number:08}")], "attributes": {"timeZone": "America/New_York"},
        }),
    };
    if let Some(members) = user.as_object_mut() {
        if shape == UserShape::Ssor && number % 12 == 11 {
            members.remove("email");
        }
        if number % 20 == 13 {
            for name in ["firstName", "lastName", "displayName"] {
                members.remove(name);
            }
        }
    }
    user
}
