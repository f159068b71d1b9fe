//! A reader's life in the legacy API.

use serde_json::{Value, json};

use super::harness::{Answer, HERALD, RETURN_URL, WriteServer, email};

const PASSWORD: &str = "Opening-password-1";
const NEW_PASSWORD: &str = "Closing-password-2";

/// The result of a call that has no errors.
#[track_caller]
fn result(answer: &Answer) -> Value {
    assert_eq!((answer.status, &answer.body["Errors"]), (200, &json!([])), "{answer:?}");
    answer.body["Result"].clone()
}

/// The text of the errors of a call, which are inside a 200.
#[track_caller]
fn errors(answer: &Answer) -> String {
    let errors = answer.body["Errors"].as_array().unwrap();
    assert!(answer.status == 200 && !errors.is_empty(), "{answer:?}");
    errors.iter().map(Value::to_string).collect()
}

#[test]
fn reader_lives_in_the_legacy_api() {
    let mut server = WriteServer::start(&[]);
    let call = |call: &str, body: Value| server.call(HERALD, call, &body);
    let address = email("lea");
    let registration = json!({
        "Email": address, "CreationMode": 0, "VerifyEmail": true, "Password": PASSWORD, "FirstName": "Lea",
        "LastName": "Reader", "PhonaAc": "555", "PhoneEx": "010", "PhoneExt": "9999", "BirthYear": "1970",
        "AcceptsEmailOffers": 89, "OptInEEditionEmailNtification": true,
    });
    let pending = result(&call("POST /User", registration.clone()));
    assert_eq!(pending["CustomerRegistrationId"], Value::Null);
    let again = errors(&call("POST /User", registration));
    assert!(again.contains("awaiting verification"), "{again}");
    let mail = server.mails(&address, 1).remove(0);
    let (_, code) = mail.text.split_once("Your code: ").unwrap();

    let wrong = call(
        "POST /User/VerifyEmail",
        json!({"Email": address, "VerificationCode": "zzzzzz"}),
    );
    assert!(errors(&wrong).contains("verification code"), "{wrong:?}");
    let verify = json!({"Email": address, "VerificationCode": code[..6]});
    let id = result(&call("POST /User/VerifyEmail", verify))["CustomerRegistrationId"].clone();
    let id = id.as_str().unwrap();

    let sign_in =
        |login: &str, password: &str| call("POST /Authenticate", json!({"LoginName": login, "Password": password}));
    let signed_in = result(&sign_in(&address, PASSWORD));
    assert_eq!(
        (
            &signed_in["Authenticated"],
            &signed_in["CookieContent"],
            &signed_in["CustomerRegistrationId"]
        ),
        (&json!(true), &json!([]), &json!(id))
    );
    assert!(errors(&sign_in(&address, "wrong")).contains("incorrect"));

    let forgot = json!({"LoginName": address, "ReturnUrl": RETURN_URL});
    assert_eq!(
        result(&call("POST /ForgotPassword", forgot))["PasswordResetLinkSent"],
        true
    );
    let link = server.mails(&address, 2).remove(1).links.remove(0);
    let (_, value) = link.split_once("encryptedEventId=").unwrap();
    let finish = json!({"encryptedEventId": value, "password": NEW_PASSWORD});
    call("POST /v4/Users/ForgotPassword/Finish", finish).expect("S200_10");

    // Address, password and profile in one call.
    let moved = email("lea-new");
    let update = json!({"Email": moved, "Password": PASSWORD, "FirstName": "Leah", "Gender": "F"});
    assert_eq!(result(&call(&format!("PUT /User/{id}"), update))["Updated"], true);
    assert!(result(&sign_in(&moved, PASSWORD))["Authenticated"] == true);
    assert!(errors(&sign_in(&address, PASSWORD)).contains("incorrect"));
    assert_eq!(server.mails(&address, 3).len(), 3, "a notice to the old address");
    let found = result(&call(&format!("GET /User?email={moved}"), Value::Null));
    let user = &found["Users"][0];
    assert_eq!(
        (&user["FirstName"], &user["Gender"], &user["BirthYear"]),
        (&json!("Leah"), &json!("F"), &json!("1970"))
    );

    let passwordless = json!({"Email": email("leo"), "CreationMode": 0, "VerifyEmail": false, "ReturnUrl": RETURN_URL});
    let created = result(&call("POST /User/Passwordless", passwordless));
    assert!(created["Mg2RegistrationId"].is_i64() && created["CustomerRegistrationId"].is_string());
    assert_eq!(
        server.mails(&email("leo"), 1)[0].links.len(),
        1,
        "a link to set a password"
    );
    let resent = result(&call("POST /VerifyEmail/Resend", json!({"Email": email("nobody")})));
    assert_eq!(resent["Done"], "true");
    assert!(!server.stop().contains("panicked"));
}
