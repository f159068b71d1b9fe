//! Invented accounts in Gigya's format, the same ones every time.

use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::account::{new_account, set_never, set_time};
use crate::sample_person::SamplePerson;

const START: OffsetDateTime = datetime!(2019-03-01 08:00:00 UTC);

/// The first `count` invented accounts; a larger count only adds to a smaller one.
///
/// Every tenth is social and keeps the capitals of its address; every twenty-fifth has the address of the account
/// before it, and no login identifier of its own; every fourth has its age as text; every fifteenth lacks its last name
/// and every twentieth both names; every thirtieth never logged in; every fiftieth is a lite account; every
/// hundredth is not active.
pub fn sample_accounts(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(sample_account)
}

/// The invented account with this number; always the same.
#[must_use]
pub fn sample_account(number: usize) -> Value {
    let twin = number % 25 == 24;
    let index = if twin { number - 1 } else { number };
    let person = SamplePerson::from_number(index);
    let social = twin || number % 10 == 9;
    let email = person.email(social && !twin);
    let verified = number % 7 != 3;
    let born = START + Duration::minutes(i64::try_from(number).unwrap_or(0) * 37);
    let seen = born + Duration::days(i64::try_from(person.draw % 700).unwrap_or(0));
    let mut account = new_account(
        &format!("{:032x}", u128::from(person.draw) << 64 | number as u128),
        born,
    );
    set_time(&mut account, "lastUpdated", seen);
    account["isRegistered"] = true.into();
    set_time(&mut account, "registered", born);
    account["isVerified"] = verified.into();
    if verified {
        set_time(&mut account, "verified", born);
    }
    let age = 20 + person.draw % 60;
    account["profile"] = json!({
        "firstName": person.given, "lastName": person.family, "email": email, "nickname": person.local.to_lowercase(),
        "gender": (["m", "f", "u"][number % 3]), "birthYear": 2026 - age, "country": "US", "zip": format!("{:05}", number % 100_000),
        "age": if number.is_multiple_of(4) { json!(age.to_string()) } else { json!(age) },
        "phones": [{"type": "mobile", "number": format!("+1202555{:04}", index % 10_000)}],
        "photoURL": format!("https://pictures.example.com/{number}.png"), "locale": "en",
    });
    account["data"] =
        json!({"plan": if number.is_multiple_of(3) { "digital" } else { "print" }, "timeZone": "Europe/Madrid"});
    if let Some(profile) = account["profile"].as_object_mut() {
        if number % 20 == 13 {
            profile.remove("firstName");
        }
        if number % 20 == 13 || number % 15 == 7 {
            profile.remove("lastName");
        }
    }
    account["emails"] = if verified {
        json!({"verified": [email], "unverified": []})
    } else {
        json!({"verified": [], "unverified": [email]})
    };
    if social {
        account["loginProvider"] = "googleplus".into();
        account["socialProviders"] = "googleplus".into();
        let identity = json!({
            "provider": "googleplus", "providerUID": format!("1{number:020}"), "email": email, "isLoginIdentity": true,
            "firstName": person.given, "lastName": person.family,
        });
        account["identities"] = json!([identity]);
    }
    if !twin {
        account["loginIDs"] = json!({"emails": [email.to_lowercase()], "unverifiedEmails": []});
    }
    if number % 30 == 29 {
        set_never(&mut account, "lastLogin");
    } else {
        set_time(&mut account, "lastLogin", seen);
    }
    if number % 50 == 49 {
        account["isRegistered"] = false.into();
        account["isLite"] = true.into();
        account["subscriptions"] = json!({"news": {"email": {"isSubscribed": true}}});
    }
    if number % 100 == 99 {
        account["isActive"] = false.into();
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_contain_the_edge_cases() {
        let accounts: Vec<Value> = sample_accounts(200).collect();
        assert_eq!(accounts[24]["profile"]["email"], accounts[23]["profile"]["email"]);
        assert_eq!(accounts[24]["loginIDs"]["emails"], json!([]));
        let social = accounts[9]["profile"]["email"].as_str().unwrap();
        assert!(social.contains(|char: char| char.is_ascii_uppercase()), "{social}");
        assert!(accounts[7]["profile"].get("lastName").is_none() && accounts[13]["profile"].get("firstName").is_none());
        assert!(accounts[4]["profile"]["age"].is_string() && accounts[5]["profile"]["age"].is_number());
        assert_eq!(accounts[29]["lastLogin"], "0001-01-01T00:00:00Z");
        assert!(accounts.iter().any(|account| account["isLite"] == true));
    }
}
