//! Isolation of tenants in writes: what belongs to another tenant is answered exactly like what does not exist.

use masthead_testkit::contract_cases::CaseAnswer;
use serde_json::{Value, json};

use super::harness::{COURIER, HERALD, PASSWORD, RETURN_URL, WriteServer, email, new_user};
use crate::support::http_client::percent_encoded;

/// What belongs to a reader and to a registration that waits.
struct Belongings {
    crid: String,
    sealed: String,
    address: String,
    password: String,
    link: String,
    pending_address: String,
    code: String,
}

impl Belongings {
    /// Those of two readers of this tenant.
    fn of(server: &WriteServer, paper: &str) -> Self {
        let created = server.create(paper, "owner").expect("S200_03");
        let address = email("owner");
        let body = json!({"loginName": address, "returnUrl": RETURN_URL});
        server
            .call(paper, "POST /v4/Users/ForgotPassword", &body)
            .expect("S200_08");
        let mut pending = new_user("waiting");
        pending["verifyEmail"] = json!(true);
        pending["returnUrl"] = json!(RETURN_URL);
        server.call(paper, "POST /v4/Users", &pending).expect("S200_04");
        let link = |to: &str| server.mails(to, 1)[0].links[0].rsplit('=').next().unwrap().to_owned();
        Self {
            crid: created.id(),
            sealed: created.body["data"]["encryptedCustomerRegistrationId"]
                .as_str()
                .unwrap()
                .to_owned(),
            link: link(&address),
            code: link(&email("waiting")),
            address,
            password: PASSWORD.to_owned(),
            pending_address: email("waiting"),
        }
    }

    /// What does not exist.
    fn random() -> Self {
        Self {
            crid: "909090909".to_owned(),
            sealed: "bm90aGluZyB0aGF0IGFueWJvZHkgZXZlciBzZWFsZWQ=".to_owned(),
            address: "nobody.x@readers.example".to_owned(),
            password: "Unheard-password-4".to_owned(),
            link: "kS8hT0bX1r9wEw2mQf5yLZc7VdPn4uGa6JiRoHsKtBe".to_owned(),
            pending_address: "nobody.y@readers.example".to_owned(),
            code: "0A1B2C".to_owned(),
        }
    }

    /// Every call that writes, with each of them.
    fn calls(&self) -> Vec<(String, Value)> {
        let path = format!("/v4/Users/{}", percent_encoded(&self.crid));
        let legacy = format!("/User/{}", percent_encoded(&self.crid));
        let call = |call: &str, body: Value| (call.to_owned(), body);
        vec![
            (format!("PUT {path}"), json!({"firstName": "Stolen"})),
            (format!("PUT {path}"), json!({"blocked": true})),
            (
                format!("PATCH {path}/Password"),
                json!({"password": "Stolen-password-5"}),
            ),
            (format!("PATCH {path}/Email"), json!({"email": "thief@readers.example"})),
            (format!("DELETE {path}"), Value::Null),
            (format!("DELETE {path}?ignoreProvider=true"), Value::Null),
            call(
                "POST /v4/Users",
                json!({"email": "thief@readers.example", "encryptedCustomerRegistrationId": self.sealed}),
            ),
            call(
                "POST /v4/Users/Authentication",
                json!({"loginName": self.address, "password": self.password}),
            ),
            call(
                "POST /v4/Users/ForgotPassword",
                json!({"loginName": self.address, "returnUrl": RETURN_URL}),
            ),
            call(
                "POST /v4/Users/ForgotPassword/Validate",
                json!({"encryptedEventId": self.link}),
            ),
            call(
                "POST /v4/Users/ForgotPassword/Finish",
                json!({"encryptedEventId": self.link, "password": "Stolen-password-5"}),
            ),
            call(
                "POST /v4/Users/Verification",
                json!({"email": self.pending_address, "verificationCode": self.code}),
            ),
            call(
                "POST /v4/Users/VerificationCode",
                json!({"email": self.pending_address, "returnUrl": RETURN_URL}),
            ),
            (
                format!("PUT {legacy}"),
                json!({"CreationMode": 0, "FirstName": "Stolen"}),
            ),
            (format!("PUT {legacy}"), json!({"Email": "thief@readers.example"})),
            (format!("PUT {legacy}"), json!({"Password": "Stolen-password-5"})),
            call(
                "POST /Authenticate",
                json!({"LoginName": self.address, "Password": self.password}),
            ),
            call(
                "POST /ForgotPassword",
                json!({"LoginName": self.address, "ReturnUrl": RETURN_URL}),
            ),
            call(
                "POST /User/VerifyEmail",
                json!({"Email": self.pending_address, "VerificationCode": self.code}),
            ),
            call(
                "POST /VerifyEmail/Resend",
                json!({"Email": self.pending_address, "ReturnUrl": RETURN_URL}),
            ),
        ]
    }
}

/// The parts of a response that a caller sees, without its date and the value that opens nothing.
fn seen(answer: &CaseAnswer) -> (u16, Vec<(String, String)>, Value) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date");
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    if let Some(value) = body.pointer_mut("/data/encryptedEventId") {
        *value = json!(value.as_str().unwrap().len());
    }
    (answer.status, headers, body)
}

#[test]
fn belongings_of_another_tenant_are_worth_nothing() {
    let server = WriteServer::start(&[]);
    let (owned, random) = (Belongings::of(&server, HERALD), Belongings::random());
    let before = (server.store_side(HERALD), server.mailbox.messages().len());
    let id = [("X-RequestId", "foreign")];
    for ((call, body), (random_call, random_body)) in owned.calls().into_iter().zip(random.calls()) {
        let foreign = server.send(COURIER, &call, &body, &id);
        let unknown = server.send(COURIER, &random_call, &random_body, &id);
        assert_eq!(seen(&foreign), seen(&unknown), "{call}");
    }
    assert!(server.store_side(COURIER).is_empty());
    assert_eq!((server.store_side(HERALD), server.mailbox.messages().len()), before);

    // An id is one of its own pool: the same one is free elsewhere.
    let taken = json!({"email": "free@readers.example", "customerRegistrationId": owned.crid});
    server.call(COURIER, "POST /v4/Users", &taken).expect("S200_03");

    // A token of one tenant writes no other, and does not show whether there is one.
    let authorization = format!("Bearer {}", WriteServer::token_for(&["north/daily/courier"]));
    let own = [("Authorization", &*authorization), ("X-RequestId", "foreign")];
    for (call, body) in owned.calls() {
        let refused = server.send(HERALD, &call, &body, &own);
        let nowhere = server.send("nowhere", &call, &body, &own);
        let refusal = if call.contains("/v4/") { 403 } else { 401 };
        assert_eq!(refused.status, refusal, "{call}: {}", refused.body);
        assert_eq!(seen(&refused), seen(&nowhere), "{call}");
    }
    assert_eq!(server.store_side(HERALD), before.0);

    // With their owner they are worth what they were.
    let post = |path: &str, body: Value| server.call(HERALD, &format!("POST /v4/Users{path}"), &body);
    server.sign_in(HERALD, &owned.address, PASSWORD).expect("S200_06");
    post("/ForgotPassword/Validate", json!({"encryptedEventId": owned.link})).expect("S200_09");
    let code = json!({"email": owned.pending_address, "verificationCode": owned.code});
    post("/Verification", code).expect("S200_07");
}

#[test]
fn key_of_another_tenant_is_a_new_one() {
    let server = WriteServer::start(&[]);
    let key = [("Idempotency-Key", "k-1"), ("X-RequestId", "keyed")];
    let other = [("Idempotency-Key", "k-2"), ("X-RequestId", "keyed")];
    server
        .call_with(HERALD, "POST /v4/Users", &new_user("ann"), &key)
        .expect("S200_03");
    // The same key with another content is neither refused nor answered.
    let body = json!({"email": "not an address"});
    let foreign = server.send(COURIER, "POST /v4/Users", &body, &key);
    let unknown = server.send(COURIER, "POST /v4/Users", &body, &other);
    assert_eq!(seen(&foreign), seen(&unknown));
    server
        .call_with(COURIER, "POST /v4/Users", &new_user("ben"), &key)
        .expect("S200_03");
    server
        .call_with(HERALD, "POST /v4/Users", &new_user("ben"), &key)
        .expect("E422");
}
