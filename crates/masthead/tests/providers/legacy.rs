//! The legacy User API of tenants with a provider that answers: which side each type asks, and what a user is then.

use masthead_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::{
    asking::{Client, Told},
    people::{OUR_NAME, THEIR_NAME, crid, email},
    under_test::{AUTH0, FIREFLY, GIGYA, SSOR, Source},
    world::{Paper, World},
};

/// Who a user is, and by whose first name they go.
fn users(told: &Told) -> Vec<(&str, &str)> {
    assert_eq!((told.status, &told.body["Errors"]), (200, &json!([])), "{}", told.body);
    let result = &told.body["Result"];
    let users = result["Users"].as_array().unwrap();
    assert_eq!(result["TotalUsersFound"], users.len());
    let text = |user: &'_ Value, key: &str| -> &str { user[key].as_str().unwrap_or("null") };
    users
        .iter()
        .map(|user| (text(user, "CustomerRegistrationId"), text(user, "FirstName")))
        .collect()
}
