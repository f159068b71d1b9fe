//! A reader's life, from the registration to the deletion (docs/writes.md has the same as command lines).

use serde_json::{Value, json};

use super::harness::{HERALD, RETURN_URL, WriteServer};
use crate::support::http_client::percent_encoded;

const FIRST_PASSWORD: &str = "Marmalade-and-rain-7";
const WRONG_PASSWORD: &str = "Wrong-umbrella-8";
const NEW_PASSWORD: &str = "Quince-and-thunder-9";

/// The value of a parameter of a link.
pub(crate) fn parameter(link: &str, name: &str) -> String {
    let (_, rest) = link.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap().to_owned()
}

/// Everything by which a user can be found, each `GET` or search with whether it is of the legacy API.
pub(crate) fn look_ups(id: &str, sealed: &str, address: &str) -> Vec<(String, Value)> {
    let sealed_id = percent_encoded(sealed);
    let get = |target: String| (format!("GET {target}"), Value::Null);
    let search = |body| ("POST /v4/Users/Search".to_owned(), body);
    vec![
        get(format!("/v4/Users/{id}")),
        get(format!("/v4/Users?email={address}")),
        get(format!("/v4/Users?email={}&emailMatch=prefix", &address[..8])),
        get(format!("/v4/Users?customerRegistrationId={id}")),
        get(format!("/v4/Users?encryptedCustomerRegistrationId={sealed_id}")),
        get("/v4/Users?metadata.city=Nowhereville".to_owned()),
        get("/v4/Users".to_owned()),
        search(json!({"email": address})),
        search(json!({"firstName": "Nell", "lastName": "Journeywoman"})),
        get(format!("/User?email={address}")),
        get(format!("/User/{id}/0")),
        get(format!("/User/Encrypted/0?encryptedCustomerRegistrationId={sealed_id}")),
    ]
}

/// The events of the journey, as [`live`] causes them.
pub(crate) const STORY: [&str; 11] = [
    "4003", // registers
    "4906", // cannot sign in yet
    "4002", // verifies
    "4006", // signs in
    "4906", // mistypes the password
    "4009", // forgets it
    "4010", // sets another one
    "4906", // cannot use the old one
    "4006", // signs in
    "4011", // changes the address
    "4905", // is deleted
];

/// What only the reader may learn.
pub(crate) struct Secrets {
    /// The passwords, the link, and the stored hash.
    pub(crate) texts: Vec<String>,
    /// The code, which is so short that it may be part of another text.
    pub(crate) code: String,
}

/// Lives the life of a reader with this address at a store-only tenant.
pub(crate) fn live(server: &WriteServer, paper: &str, address: &str, moved_to: &str) -> Secrets {
    let post = |path: &str, body: Value| server.call(paper, &format!("POST /v4/Users{path}"), &body);

    // Registers, and reads the mail.
    let registration = json!({
        "email": address, "password": FIRST_PASSWORD, "firstName": "Nell", "lastName": "Journeywoman",
        "metadata": {"city": "Nowhereville"}, "verifyEmail": true, "returnUrl": RETURN_URL,
    });
    let pending = post("", registration.clone()).expect("S200_04");
    assert_eq!(pending.body["data"], Value::Null);
    server.sign_in(paper, address, FIRST_PASSWORD).expect("E401_01");
    post("", registration).expect("E400_07");
    let mail = server.mails(address, 1).remove(0);
    let code = parameter(&mail.links[0], "verificationCode");
    assert!(code.len() == 6 && code.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')));
    assert!(mail.links[0].starts_with(RETURN_URL) && mail.text.contains(&format!("Your code: {code}")));
    assert!(!mail.links[0].contains(address), "nothing personal");

    // Verifies by the code.
    let verify = |code: &str| post("/Verification", json!({"email": address, "verificationCode": code}));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    verify(wrong).expect("E400_15");
    let verified = verify(&code).expect("S200_07");
    let id = verified.id();
    let sealed = verified.body["data"]["encryptedCustomerRegistrationId"]
        .as_str()
        .unwrap();
    verify(&code).expect("E400_16");

    // Signs in, and fails to.
    let signed_in = server.sign_in(paper, address, FIRST_PASSWORD).expect("S200_06");
    let user = &signed_in.body["data"]["user"];
    assert_eq!(
        (
            &user["customerRegistrationId"],
            &user["firstName"],
            &user["loginPassword"]
        ),
        (&json!(id), &json!("Nell"), &Value::Null)
    );
    server.sign_in(paper, address, WRONG_PASSWORD).expect("E401_01");

    // Forgets the password, and resets it by the link of the mail.
    let forgot = post(
        "/ForgotPassword",
        json!({"loginName": address, "returnUrl": RETURN_URL}),
    )
    .expect("S200_08");
    let decoy = forgot.body["data"]["encryptedEventId"].as_str().unwrap().to_owned();
    let mail = server.mails(address, 2).remove(1);
    let link = parameter(&mail.links[0], "encryptedEventId");
    let validate = |value: &str| post("/ForgotPassword/Validate", json!({"encryptedEventId": value}));
    let finish = |value: &str| {
        let body = json!({"encryptedEventId": value, "password": NEW_PASSWORD});
        post("/ForgotPassword/Finish", body)
    };
    assert_ne!(decoy, link, "the link travels by mail alone");
    validate(&decoy).expect("E400_17");
    finish(&decoy).expect("E400_17");
    let valid = validate(&link).expect("S200_09");
    assert!(valid.body["data"]["expiresAt"].is_string());
    finish(&link).expect("S200_10");
    validate(&link).expect("E400_17");
    finish(&link).expect("E400_17");
    server.sign_in(paper, address, FIRST_PASSWORD).expect("E401_01");
    server.sign_in(paper, address, NEW_PASSWORD).expect("S200_06");
    let hash = server.rows(&format!("SELECT password_hash FROM registrations WHERE crid = '{id}'"));
    assert!(hash[0].starts_with("$argon2id$"), "{hash:?}");

    // Changes the address; the old one gets a notice.
    let change = server.call(
        paper,
        &format!("PATCH /v4/Users/{id}/Email"),
        &json!({"email": moved_to}),
    );
    change.expect("S200_12");
    let notice = server.mails(address, 3).remove(2);
    assert!(
        notice.text.contains("was changed") && !notice.text.contains(moved_to),
        "{}",
        notice.text
    );

    // Is found by every route, and then by none.
    let found = |(call, body): &(String, Value)| {
        let answer = server.call(paper, call, body);
        (answer.body.to_string().contains(&format!("\"{id}\"")), answer.status)
    };
    for look_up in look_ups(&id, sealed, moved_to) {
        assert_eq!(found(&look_up), (true, 200), "{look_up:?}");
    }
    assert!(!found(&(format!("GET /v4/Users?email={address}"), Value::Null)).0);
    server
        .call(paper, &format!("DELETE /v4/Users/{id}"), &Value::Null)
        .expect("S200_14");
    for look_up in look_ups(&id, sealed, moved_to) {
        assert!(!found(&look_up).0, "{look_up:?} finds a deleted user");
    }
    let gone = server.call(paper, &format!("GET /v4/Users/{id}"), &Value::Null);
    gone.expect("E404");
    let again = server.call(paper, &format!("DELETE /v4/Users/{id}"), &Value::Null);
    again.expect("E404");
    let passwords = [FIRST_PASSWORD, WRONG_PASSWORD, NEW_PASSWORD].map(str::to_owned);
    Secrets {
        texts: [&passwords[..], &[link, hash[0].clone()]].concat(),
        code,
    }
}

#[test]
fn reader_lives_from_registration_to_deletion() {
    let mut server = WriteServer::start(&[]);
    live(&server, HERALD, "nell.j@readers.example", "nell.new@readers.example");
    assert!(!server.stop().contains("panicked"));
    assert_eq!(server.story(HERALD), STORY);
    // Nothing is left to send or to settle, and nothing of the codes and links.
    for table in ["mail_outbox", "write_intents", "pending_registrations", "reset_links"] {
        assert_eq!(server.rows(&format!("SELECT count(*) FROM {table}")), ["0"], "{table}");
    }
}
