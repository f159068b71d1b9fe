//! Invented registrations in the format of v4, the same ones every time.

use serde_json::{Value, json};

use crate::sample_person::SamplePerson;

/// The first `count` invented registrations; a larger count only adds to a smaller one.
///
/// Every tenth keeps the capitals of the address; every twentieth lacks names; every seventh is not verified.
pub fn sample_registrations(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(sample_registration)
}

/// The invented registration with this number; always the same.
#[must_use]
pub fn sample_registration(number: usize) -> Value {
    let person = SamplePerson::from_number(number);
    let email = person.email(number % 10 == 9);
    let (given, family) = if number % 20 == 13 {
        ("", "")
    } else {
        (person.given, person.family)
    };
    let verified = number % 7 != 3;
    json!({
        "customerRegistrationId": format!("{}", 40_000_000 + number), "registrationId": 40_000_000 + number,
        "email": email, "firstName": given, "lastName": family,
        "state": if verified { "Standard" } else { "Unverified" }, "verified": verified,
        "metadata": {
            "city": "Nowhereville", "timeZone": "America/New_York", "promo_flag": if number.is_multiple_of(3) { "Y" } else { "" },
        },
        "dateRegistered": format!("2020-{:02}-{:02}T00:00:00.000Z", number % 12 + 1, number % 28 + 1),
    })
}
