//! The providers of development: one entry each, simulated by the sandbox.

use serde_json::{Value, json};

/// A provider, and the settings of a tenant that uses its stand-in.
pub(crate) struct DevProvider {
    /// Its name in `Flow.UserProvider`.
    pub(crate) name: &'static str,
    /// Its name in `masthead-sandbox --provider`.
    pub(crate) stand_in: &'static str,
    /// The usual port of the stand-in; its control address has the next one.
    pub(crate) port: u16,
    /// The setting of a tenant that holds the stand-in's address.
    pub(crate) address: &'static str,
    /// The variable of the server's environment that holds the secret of the tenant of development; its settings name it.
    pub(crate) secret: &'static str,
    /// The other settings of a tenant.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// The id of a user, from a random number.
    pub(crate) id: fn(u64) -> String,
    /// The provider's user of the same person as a registration.
    pub(crate) user: fn(&Value) -> Value,
}

impl DevProvider {
    /// The setting of a tenant that names the variable of the secret.
    pub(crate) fn secret_setting(&self) -> Option<&'static str> {
        let named = self.settings.iter().find(|(_, value)| *value == self.secret);
        named.map(|(name, _)| *name)
    }
}

/// Auth0, with the budget of an enterprise plan in production.
pub(crate) const AUTH0: DevProvider = DevProvider {
    name: "Auth0",
    stand_in: "auth0",
    port: 8180,
    address: "Auth0.BaseUrl",
    secret: "MASTHEAD_SECRET__HARBOR__NEWS__MIRROR__AUTH0",
    settings: &[
        ("Auth0.ClientId", "sandbox-client"),
        ("Auth0.ClientSecretEnv", "MASTHEAD_SECRET__HARBOR__NEWS__MIRROR__AUTH0"),
        ("Auth0.Connection", "Username-Password-Authentication"),
        ("Auth0.PageSize", "100"),
        ("Auth0.LeadingWildcards", "true"),
        ("Auth0.BudgetBurst", "50"),
        ("Auth0.BudgetPerSecond", "16"),
    ],
    id: |random| format!("auth0|{random:024x}"),
    user: auth0_user,
};

/// SSOR, by Masthead's contract for it.
pub(crate) const SSOR: DevProvider = DevProvider {
    name: "SSOR",
    stand_in: "ssor",
    port: 8190,
    address: "SSOR.BaseUrl",
    secret: "MASTHEAD_SECRET__HARBOR__NEWS__COURIER__SSOR",
    settings: &[
        ("SSOR.SecretEnv", "MASTHEAD_SECRET__HARBOR__NEWS__COURIER__SSOR"),
        ("SSOR.Param.product_code", "sandbox"),
        // Writes as the stand-in takes them: the preset has none (docs/generic-provider.md).
        ("SSOR.Create.Path", "/registration/users"),
        ("SSOR.Create.Body", r#"{"password": "{password}"}"#),
        ("SSOR.Create.User", "#"),
        ("SSOR.Update.Method", "PATCH"),
        ("SSOR.Update.Path", "/registration/users/{id}"),
        ("SSOR.Update.User", "#"),
        ("SSOR.SetEmail.Method", "PATCH"),
        ("SSOR.SetEmail.Path", "/registration/users/{id}"),
        ("SSOR.SetEmail.User", "#"),
        ("SSOR.SetPassword.Method", "PUT"),
        ("SSOR.SetPassword.Path", "/registration/users/{id}/password"),
        ("SSOR.SetPassword.Body", r#"{"password": "{password}"}"#),
        ("SSOR.Delete.Path", "/registration/users/{id}"),
        ("SSOR.SignIn.Path", "/registration/sign-in"),
        ("SSOR.SignIn.Body", r#"{"login": "{login}", "password": "{password}"}"#),
        ("SSOR.Envelope.Code", "/code"),
        ("SSOR.Rejected.Message", "/errMsg"),
        ("SSOR.SignIn.Wrong", "460"),
        ("SSOR.SignIn.LockedOut", "462"),
        ("SSOR.BudgetBurst", "50"),
        ("SSOR.BudgetPerSecond", "16"),
    ],
    id: |random| (70_000_000 + random % 1_000_000_000_000).to_string(),
    user: ssor_user,
};

/// Firefly, by Masthead's contract for it.
pub(crate) const FIREFLY: DevProvider = DevProvider {
    name: "Firefly",
    stand_in: "firefly",
    port: 8200,
    address: "Firefly.BaseUrl",
    secret: "MASTHEAD_SECRET__HARBOR__NEWS__GAZETTE__FIREFLY",
    settings: &[
        ("Firefly.SecretEnv", "MASTHEAD_SECRET__HARBOR__NEWS__GAZETTE__FIREFLY"),
        ("Firefly.Param.siteCode", "SAND"),
        ("Firefly.Create.Path", "/v4/users"),
        ("Firefly.Create.Body", r#"{"password": "{password}"}"#),
        ("Firefly.Create.User", "#"),
        ("Firefly.Update.Method", "PATCH"),
        ("Firefly.Update.Path", "/v4/users/{id}"),
        ("Firefly.Update.User", "#"),
        ("Firefly.SetEmail.Method", "PATCH"),
        ("Firefly.SetEmail.Path", "/v4/users/{id}"),
        ("Firefly.SetEmail.User", "#"),
        ("Firefly.SetPassword.Method", "PUT"),
        ("Firefly.SetPassword.Path", "/v4/users/{id}/password"),
        ("Firefly.SetPassword.Body", r#"{"password": "{password}"}"#),
        ("Firefly.Delete.Path", "/v4/users/{id}"),
        ("Firefly.SignIn.Path", "/v4/users/sign-in"),
        (
            "Firefly.SignIn.Body",
            r#"{"login": "{login}", "password": "{password}"}"#,
        ),
        ("Firefly.Rejected.Message", "/meta/message"),
        ("Firefly.SignIn.Wrong", "460"),
        ("Firefly.SignIn.LockedOut", "462"),
        ("Firefly.BudgetBurst", "50"),
        ("Firefly.BudgetPerSecond", "16"),
    ],
    id: |random| format!("{:08x}-5a4d-4b0c-8000-{:012x}", random >> 32, random & 0xffff_ffff_ffff),
    user: firefly_user,
};

/// Gigya, with its adapter's default budget, since SAP publishes no quota.
pub(crate) const GIGYA: DevProvider = DevProvider {
    name: "Gigya",
    stand_in: "gigya",
    port: 8210,
    address: "Gigya.BaseUrl",
    secret: "MASTHEAD_SECRET__HARBOR__NEWS__TRIBUNE__GIGYA",
    settings: &[
        ("Gigya.ApiKey", "3_sandbox-api-key"),
        ("Gigya.UserKey", "sandbox-user-key"),
        ("Gigya.SecretEnv", "MASTHEAD_SECRET__HARBOR__NEWS__TRIBUNE__GIGYA"),
        ("Gigya.BudgetBurst", "50"),
        ("Gigya.BudgetPerSecond", "16"),
    ],
    id: |random| format!("{random:032x}"),
    user: gigya_user,
};

fn ssor_user(registration: &Value) -> Value {
    let text = |key: &str| registration[key].as_str().unwrap_or_default();
    json!({
        "consumerId": text("customerRegistrationId"),
        "userName": text("email"),
        "displayName": text("firstName"),
        "firstName": text("firstName"),
        "lastName": text("lastName"),
        "email": text("email"),
        "linkedIdentifiers": [{"provider": "facebook", "emailAddress": text("email")}],
        "zipCode": "60611",
        "tos": true,
    })
}

fn firefly_user(registration: &Value) -> Value {
    let text = |key: &str| registration[key].as_str().unwrap_or_default();
    json!({
        "userGUID": text("customerRegistrationId"),
        "email": text("email"),
        "emailVerified": registration["verified"],
        "firstName": text("firstName"),
        "lastName": text("lastName"),
        "displayName": text("firstName"),
        "entitlements": {"digital": true},
        "attributes": {"timeZone": "America/New_York"},
    })
}

fn gigya_user(registration: &Value) -> Value {
    let text = |key: &str| registration[key].as_str().unwrap_or_default();
    let (id, email, since) = (text("customerRegistrationId"), text("email"), text("dateRegistered"));
    json!({
        "UID": id,
        "isRegistered": true,
        "isActive": true,
        "isVerified": registration["verified"],
        "loginProvider": "site",
        "loginIDs": {"emails": [email], "unverifiedEmails": []},
        "emails": {"verified": [email], "unverified": []},
        "profile": {
            "email": email,
            "firstName": text("firstName"),
            "lastName": text("lastName"),
            "nickname": text("firstName"),
            "photoURL": format!("https://pictures.example.com/{id}.png"),
        },
        "data": {"timeZone": "Europe/Madrid"},
        "created": since,
        "registered": since,
        "lastUpdated": since,
    })
}

/// Names, address and Auth0's fields; no field that only a newspaper has.
fn auth0_user(registration: &Value) -> Value {
    let text = |key: &str| registration[key].as_str().unwrap_or_default();
    let id = text("customerRegistrationId");
    let subject = id.split_once('|').map_or(id, |(_, subject)| subject);
    let (first, last) = (text("firstName"), text("lastName"));
    json!({
        "user_id": id,
        "email": text("email"),
        "email_verified": registration["verified"],
        "given_name": first,
        "family_name": last,
        "name": format!("{first} {last}"),
        "nickname": first,
        "picture": format!("https://pictures.example.com/{subject}.png"),
        "identities": [{
            "connection": "Username-Password-Authentication", "provider": "auth0", "user_id": subject, "isSocial": false,
        }],
        "user_metadata": {"timeZone": "Europe/Oslo", "title": "Dr"},
        "app_metadata": {"plan": "digital"},
        "created_at": text("dateRegistered"),
        "updated_at": text("dateRegistered"),
        "logins_count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth0_user_matches_the_registration() {
        let registration = json!({
            "customerRegistrationId": "auth0|0a", "email": "zoe@example.com", "firstName": "Zoë", "lastName": "Hale",
            "verified": true, "dateRegistered": "2019-03-01T08:00:00Z", "metadata": {"city": "Ashford"},
        });
        let user = (AUTH0.user)(&registration);
        assert_eq!(user["user_id"], "auth0|0a");
        assert_eq!(user["identities"][0]["user_id"], "0a");
        assert_eq!(
            (&user["email"], &user["name"]),
            (&json!("zoe@example.com"), &json!("Zoë Hale"))
        );
        assert!(!user.to_string().contains("Ashford"), "a field of the newspaper");
    }

    #[test]
    fn settings_name_the_variable_of_the_secret() {
        for provider in [AUTH0, SSOR, FIREFLY, GIGYA] {
            assert!(provider.secret_setting().is_some(), "{}", provider.name);
        }
    }
}
