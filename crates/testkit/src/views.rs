//! Conversions between the representations of one user in the three APIs.

use serde_json::{Map, Value, json};

/// Converts a legacy record to the form of v4.
#[must_use]
pub fn legacy_as_v4(legacy: &Value) -> Value {
    let text = |key: &str| legacy[key].as_str().unwrap_or_default();
    json!({
        "customerRegistrationId": legacy["CustomerRegistrationId"],
        "encryptedCustomerRegistrationId": legacy["EncryptedCustomerRegistrationId"],
        "email": legacy["Email"],
        "firstName": text("FirstName"),
        "lastName": text("LastName"),
        "state": legacy["UserState"]["UserStateCode"],
        "metadata": legacy["Metadata"],
        "verified": legacy["Verified"],
    })
}

/// Converts a v4 record to the form of an export without named fields; [`exported_without_store`] removes the export fields
/// that v4 does not have.
#[must_use]
pub fn v4_as_exported(v4: &Value) -> Value {
    let text = |key: &str| v4[key].as_str().unwrap_or_default();
    let metadata = |key: &str| v4["metadata"][key].as_str().unwrap_or_default();
    let name = format!("{} {}", text("firstName"), text("lastName"));
    let mut exported = v4["metadata"].as_object().cloned().unwrap_or_default();
    for (key, value) in [
        ("customer_id", text("customerRegistrationId")),
        ("name", name.trim()),
        ("first_name", text("firstName")),
        ("last_name", text("lastName")),
        ("email", text("email")),
        ("mobile", metadata("cellPhone")),
        ("gender", metadata("gender")),
        ("birthday", metadata("dob")),
    ] {
        exported.insert(key.to_owned(), value.into());
    }
    exported.retain(|_, value| value != "");
    json!({"user_attributes": exported})
}

/// Exported users without their number and dates, which v4 has no field for.
#[must_use]
pub fn exported_without_store(users: &Value) -> Value {
    let mut users = users.clone();
    for user in users.as_array_mut().into_iter().flatten() {
        let attributes = user["user_attributes"].as_object_mut();
        attributes.into_iter().for_each(forget_store);
    }
    users
}

fn forget_store(attributes: &mut Map<String, Value>) {
    for key in ["id", "first_seen", "last_seen"] {
        attributes.remove(key);
    }
}
