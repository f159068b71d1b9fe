//! The legacy calls that write, as views of the same use cases.

use masthead_testkit::account_writer::AccountFault;
use serde_json::{Value, json};

use super::client::{Answer, Sent};
use crate::fixture::{ApiFixture, MAIL, RETURN_URL, TRIBUNE};

/// `Result` of a success.
fn result(answer: &Answer) -> &Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["Errors"], json!([]), "{answer:?}");
    assert_eq!(answer.json["Code"], 200);
    &answer.json["Result"]
}

/// The codes and messages of a refusal, which is 200.
fn errors(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["Result"], Value::Null);
    let errors = answer.json["Errors"].as_array().unwrap();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| {
            assert_eq!(error["Type"], json!({"Id": 0, "Code": "Validation"}));
            let code = text(error, "Code");
            (
                code.trim_start_matches("UsersOrchestrator_").to_owned(),
                text(error, "Message"),
            )
        })
        .collect()
}

fn codes(answer: &Answer) -> Vec<String> {
    errors(answer).into_iter().map(|(code, _)| code).collect()
}

fn new_user(address: &str) -> Value {
    json!({"Email": address, "CreationMode": 0, "VerifyEmail": false, "Password": "correct horse"})
}

#[tokio::test]
async fn created_user_is_read_with_its_fields() {
    let api = ApiFixture::new();
    let mut body = new_user("ann@example.com");
    let fields = json!({
        "FirstName": "Ann", "LastName": "Lee", "PhonaAc": "555", "PhoneEx": "010", "PhoneExt": "9999",
        "MobilePhone": "555-1", "DOB": "1970-01-31", "BirthYear": "1970", "Gender": "F",
        "OptInEEditionEmailNtification": true, "OptInSpecialOffers": false, "MemberEvent": "true",
        "AcceptsEmailOffers": 89, "IsOkToEmail": "78", "IsOkToMail": 7, "AcceptsEENtification": 255,
        "AcceptsTermsOfService": true, "Photo": "p.jpg", "OptOutMarketing": true,
    });
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let created = api.post("/User/", body).await;
    let created = result(&created);
    let keys: Vec<_> = created.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "CustomerRegistrationId",
        "EncryptedCustomerRegistrationId",
        "Mg2RegistrationId",
        "RegistrationVerificationId",
        "Tokens",
    ] {
        assert!(keys.contains(&key), "{keys:?}");
    }
    assert_eq!(keys.len(), 5);
    let id = created["CustomerRegistrationId"].as_str().unwrap();
    assert_eq!(created["Mg2RegistrationId"].to_string(), id);
    let read = api.write(Sent::new("GET", format!("/User/{id}/2")).by("reader")).await;
    let user = &result(&read)["Users"][0];
    for (name, value) in [
        ("Phone", json!("555-010-9999")),
        ("MobilePhone", json!("555-1")),
        ("DateOfBirth", json!("1970-01-31")),
        ("BirthYear", json!("1970")),
        ("Gender", json!("F")),
        ("OptInEEditionEmailNotification", json!(true)),
        ("OptInSpecialOffers", json!(false)),
        ("MemberEvent", json!(true)),
        ("AcceptsEmailOffers", json!(89)),
        ("IsOkToEmail", json!(78)),
        ("IsOkToMail", json!(7)),
        ("AcceptsEENotification", json!(255)),
        ("AgreeToTerms", json!(true)),
        ("Photo", json!("p.jpg")),
        ("OptOutMarketing", json!(true)),
        ("LastName", json!("Lee")),
    ] {
        assert_eq!(user[name], value, "{name}");
    }
    assert_eq!(user["Metadata"]["feat_flag"], "N");
    assert_eq!(user["Metadata"]["isOkToEmail"], "N");
}

#[tokio::test]
async fn business_errors_are_200_with_errors() {
    let api = ApiFixture::new();
    result(&api.post("/User", new_user("ann@example.com")).await);
    let taken = api.post("/User", new_user("ann@example.com")).await;
    assert_eq!(
        errors(&taken),
        [(
            "E400_08".to_owned(),
            "The email is already in use by another user".to_owned()
        )]
    );
    let refused = api
        .post("/User", json!({"Email": "ann", "IsOkToMail": 256, "colour": 1}))
        .await;
    let texts: Vec<_> = errors(&refused)
        .into_iter()
        .map(|(code, text)| format!("{code} {text}"))
        .collect();
    let text = |text: &str| format!("E400_00 Invalid InputModel - {text}");
    assert_eq!(
        texts,
        [
            text("Email: must be a complete e-mail address"),
            text("IsOkToMail: must be a whole number from 0 to 255"),
            text("colour: is not a field of this call"),
            text("CreationMode: is missing"),
            text("VerifyEmail: is missing"),
        ]
    );
    let sent = Sent::new("POST", "/User").json(&new_user("bo@example.com"));
    assert_eq!(codes(&api.write(sent.with("idempotency-key", "k")).await), ["E400_00"]);
    for body in ["", "null", " \n"] {
        let refused = api.write(Sent::new("POST", "/User").bytes(body)).await;
        assert_eq!(
            (refused.status, &refused.json["error"]),
            (400, &json!("request cannot be null."))
        );
    }
    assert_eq!(api.users.events().len(), 1);
}

#[tokio::test]
async fn unavailable_side_is_500() {
    let api = ApiFixture::new();
    api.writer.fail_next(AccountFault::NotReached);
    let refused = api
        .write(Sent::new("POST", "/User").of(MAIL.0).json(&new_user("ann@example.com")))
        .await;
    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.json,
        json!({"error": "Something went wrong. Please try again later."})
    );
    assert!(refused.header("retry-after").is_some());
    let fault = masthead_testkit::users::WriteFault::Unavailable;
    api.users.fail_next("create", fault);
    let later = api
        .write(Sent::new("POST", "/User").of(MAIL.0).json(&new_user("ann@example.com")))
        .await;
    result(&later);
    assert_eq!(later.header("x-incomplete"), Some("Subscribe"));
}

#[tokio::test]
async fn creation_mode_selects_the_sides() {
    for (mode, writes) in [(0, 1), (1, 1), (2, 0)] {
        let api = ApiFixture::new();
        let mut body = new_user("ann@example.com");
        body["CreationMode"] = mode.into();
        result(&api.write(Sent::new("POST", "/User").of(MAIL.0).json(&body)).await);
        assert_eq!(api.writer.writes(), writes, "{mode}");
    }
}

#[tokio::test]
async fn passwordless_user_gets_a_link() {
    let api = ApiFixture::new();
    let body = json!({"Email": "ann@example.com", "ReturnUrl": RETURN_URL});
    let created = api
        .write(Sent::new("POST", "/User/Passwordless").by("tickets").json(&body))
        .await;
    let ticket = result(&created)["UrlPasswordChangeTicket"].as_str().unwrap();
    assert!(ticket.ends_with(&api.last_link(TRIBUNE.0)));
    let refused = api.post("/User/Passwordless", new_user("bo@example.com")).await;
    assert_eq!(
        errors(&refused)[0].1,
        "Invalid InputModel - Password: is not a field of this call"
    );
}

#[tokio::test]
async fn pending_user_is_verified() {
    let api = ApiFixture::new();
    let mut body = new_user("ann@example.com");
    body["VerifyEmail"] = true.into();
    let pending = api.post("/User", body).await;
    assert_eq!(result(&pending)["CustomerRegistrationId"], Value::Null);
    api.clock.advance(time::Duration::minutes(2));
    for address in ["ann@example.com", "nobody@example.com"] {
        let resent = api.post("/VerifyEmail/Resend", json!({"Email": address})).await;
        assert_eq!(result(&resent), &json!({"Done": "true"}));
    }
    let verify = |code: &str| {
        let body = json!({"Email": "ann@example.com", "VerificationCode": code});
        api.write(Sent::new("POST", "/User/VerifyEmail").by("login").json(&body))
    };
    assert_eq!(codes(&verify("000000").await), ["E400_15"]);
    let verified = verify(&api.last_code(TRIBUNE.0)).await;
    assert!(result(&verified)["CustomerRegistrationId"].is_string());
}

#[tokio::test]
async fn update_carries_address_and_password() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    api.create(TRIBUNE.0, "bo@example.com").await;
    let put = |body: Value| api.write(Sent::new("PUT", format!("/User/{id}")).json(&body));
    let body = json!({"Email": "ann.lee@example.com", "Password": "new", "FirstName": "Anna", "Gender": "F"});
    let updated = put(body).await;
    assert_eq!(
        result(&updated),
        &json!({"CustomerRegistrationId": id, "Updated": true})
    );
    let sign_in = |name: &str, password: &str| {
        let body = json!({name: "ann.lee@example.com", "Password": password});
        api.write(Sent::new("POST", "/Authenticate").by("login").json(&body))
    };
    for name in ["LoginName", "Email"] {
        let signed_in = sign_in(name, "new").await;
        let signed_in = result(&signed_in);
        assert_eq!(signed_in["Authenticated"], true);
        assert_eq!(signed_in["CookieContent"], json!([]));
        assert_eq!(signed_in["CustomerRegistrationId"], id);
        assert!(signed_in["EncryptedCustomerRegistrationId"].is_string());
    }
    assert_eq!(codes(&sign_in("LoginName", "wrong").await), ["E401_01"]);
    assert_eq!(codes(&put(json!({"Email": "bo@example.com"})).await), ["E400_08"]);
    assert_eq!(codes(&put(json!({})).await), ["E400_00"]);
    let absent = api
        .write(Sent::new("PUT", "/User/nobody").json(&json!({"FirstName": "x"})))
        .await;
    assert_eq!(codes(&absent), ["E404"]);
}

#[tokio::test]
async fn forgotten_password_is_answered_alike() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    for address in ["ann@example.com", "nobody@example.com"] {
        let sent = Sent::new("POST", "/ForgotPassword/")
            .by("login")
            .json(&json!({"Email": address}));
        assert_eq!(result(&api.write(sent).await), &json!({"PasswordResetLinkSent": true}));
    }
    assert_eq!(api.users.mails().len(), 1);
}

#[tokio::test]
async fn legacy_calls_need_the_scopes_of_v4() {
    let api = ApiFixture::new();
    for (method, target, tokens) in [
        ("POST", "/User", &["reader", "login", "other"][..]),
        ("POST", "/User/Passwordless", &["reader", "login"]),
        ("PUT", "/User/7", &["reader", "login"]),
        ("POST", "/Authenticate", &["reader"]),
        ("POST", "/AuthenticateByToken", &["reader"]),
        ("POST", "/ForgotPassword", &["reader"]),
        ("POST", "/User/VerifyEmail", &["reader"]),
        ("POST", "/VerifyEmail/Resend", &["reader"]),
    ] {
        for token in tokens {
            let refused = api.write(Sent::new(method, target).by(token).json(&json!({}))).await;
            assert_eq!(
                (refused.status, &refused.json["error"]),
                (401, &json!("Invalid Authorization.")),
                "{target}"
            );
        }
    }
    let refused = api.write(Sent::new("DELETE", "/User/7")).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD,PUT")));
    let refused = api.write(Sent::new("GET", "/Authenticate")).await;
    assert_eq!(
        (refused.status, &refused.json["error"]),
        (405, &json!("Method Not Allowed."))
    );
    // A name of a call is no type, and may be an id.
    let read = api
        .write(Sent::new("GET", "/User/Passwordless?email=a").by("reader"))
        .await;
    assert_eq!(codes(&read), ["E400_02"]);
    let read = api.write(Sent::new("GET", "/User/VerifyEmail/0").by("reader")).await;
    assert_eq!(result(&read)["TotalUsersFound"], 0);
}
