//! Invented users in the format of `ListUsers`, the same ones every time.

use serde_json::{Value, json};

use crate::sample_person::SamplePerson;

/// The first `count` invented users; a larger count only adds to a smaller one.
pub fn sample_cognito_users(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(sample_cognito_user)
}

/// The invented user with this number; always the same.
#[must_use]
pub fn sample_cognito_user(number: usize) -> Value {
    let person = SamplePerson::from_number(number);
    let id = format!("5f7c8ec7-0000-4000-8000-{number:012x}");
    json!({
        "Username": id,
        "Attributes": [
            {"Name": "sub", "Value": id},
            {"Name": "email", "Value": person.email(false)},
            {"Name": "email_verified", "Value": if number % 7 == 3 { "false" } else { "true" }},
            {"Name": "given_name", "Value": person.given},
            {"Name": "family_name", "Value": person.family},
        ],
        "Enabled": number % 100 != 99,
        "UserStatus": "CONFIRMED",
    })
}
