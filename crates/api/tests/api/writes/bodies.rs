//! Bodies: every rule of every field, all mistakes in one answer, and any bytes at all.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::client::Sent;
use crate::fixture::{ApiFixture, TRIBUNE};

const CREATE: (&str, &str) = ("POST", "/v4/Users");
const UPDATE: (&str, &str) = ("PUT", "/v4/Users/7");
const PASSWORD: (&str, &str) = ("PATCH", "/v4/Users/7/Password");
const EMAIL: (&str, &str) = ("PATCH", "/v4/Users/7/Email");
const AUTHENTICATION: (&str, &str) = ("POST", "/v4/Users/Authentication");
const FORGOT: (&str, &str) = ("POST", "/v4/Users/ForgotPassword");
const VALIDATE: (&str, &str) = ("POST", "/v4/Users/ForgotPassword/Validate");
const FINISH: (&str, &str) = ("POST", "/v4/Users/ForgotPassword/Finish");
const VERIFICATION: (&str, &str) = ("POST", "/v4/Users/Verification");
const CODE: (&str, &str) = ("POST", "/v4/Users/VerificationCode");
const CALLS: [(&str, &str); 10] = [
    CREATE,
    UPDATE,
    PASSWORD,
    EMAIL,
    AUTHENTICATION,
    FORGOT,
    VALIDATE,
    FINISH,
    VERIFICATION,
    CODE,
];

async fn check(api: &ApiFixture, (method, target): (&str, &str), body: impl Into<Vec<u8>>, expected: &str) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let refused = api.write(Sent::new(method, target).bytes(body)).await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, "E400_00"),
        "{target} {shown}: {refused:?}"
    );
    assert_eq!(
        refused.message(),
        format!("Invalid InputModel - {expected}"),
        "{target} {shown}"
    );
    assert_eq!(refused.data(), &Value::Null);
}

#[tokio::test]
async fn wrong_value_is_refused_by_name() {
    let api = ApiFixture::new();
    let long_address = format!("{}@example.com", "a".repeat(309));
    assert_eq!(long_address.len(), 321);
    let bad_address = "email: must be a complete e-mail address";
    let unsendable = "email: must be a complete e-mail address, to which mail can be sent";
    let bad_name = |name| format!("{name}: must be a text of at most 255 bytes without control characters");
    let bad_password = "password: must be a text of 1 to 128 characters";
    let bad_url = "returnUrl: must be a text of 1 to 2048 bytes";
    let bad_id = "customerRegistrationId: must be a text of 1 to 255 bytes without invisible characters, and without blanks at its \
                  ends";
    let create = |name: &str, value: Value| {
        let mut body = json!({"email": "ann@example.com", "password": "x"});
        body[name] = value;
        body.to_string()
    };
    for (name, value, text) in [
        ("email", json!(""), bad_address),
        ("email", json!("ann"), bad_address),
        ("email", json!(long_address), bad_address),
        ("email", json!("ann smith@example.com"), unsendable),
        ("email", json!("ann\u{202e}@example.com"), unsendable),
        ("email", json!("a..n@example.com"), unsendable),
        ("email", json!("ann@-example.com"), unsendable),
        ("email", json!(7), bad_address),
        ("email", json!(["ann@example.com"]), bad_address),
        ("email", json!({}), bad_address),
        ("email", Value::Null, "email: is missing"),
        ("password", json!(""), "password: must not be empty"),
        (
            "password",
            json!("p".repeat(129)),
            "password: must be at most 128 characters long",
        ),
        ("password", json!("\u{0}"), bad_password),
        ("password", json!(12345), bad_password),
        ("password", json!(true), bad_password),
        ("firstName", json!("a".repeat(256)), &bad_name("firstName")),
        ("lastName", json!("a\nb"), &bad_name("lastName")),
        ("firstName", json!(1), &bad_name("firstName")),
        ("ignoreProvider", json!(1), "ignoreProvider: must be true or false"),
        ("ignoreProvider", json!("yes"), "ignoreProvider: must be true or false"),
        ("verifyEmail", json!([true]), "verifyEmail: must be true or false"),
        ("returnUrl", json!("u".repeat(2049)), bad_url),
        ("returnUrl", json!(""), bad_url),
        (
            "returnUrl",
            json!("https://evil.example/"),
            "returnUrl: is not among the return addresses that are allowed",
        ),
        ("customerRegistrationId", json!("a\u{1}b"), bad_id),
        ("customerRegistrationId", json!("a".repeat(256)), bad_id),
        ("customerRegistrationId", json!(""), bad_id),
        ("customerRegistrationId", json!(2937), bad_id),
        ("customerRegistrationId", json!(" 2937"), bad_id),
        ("customerRegistrationId", json!("29\u{200b}37"), bad_id),
        ("colour", json!("red"), "colour: is not a field of this call"),
        ("verified", json!(true), "verified: is not a field of this call"),
        ("state", json!("Standard"), "state: is not a field of this call"),
    ] {
        let body = create(name, value);
        check(&api, CREATE, body, text).await;
    }
    assert_eq!(api.written(), (0, 0, 0));
}

#[tokio::test]
async fn missing_and_contradictory_fields_are_refused() {
    let api = ApiFixture::new();
    let time = "lastLogoutDate: must be a moment as in RFC 3339";
    for (body, text) in [
        (json!({"lastLogoutDate": "2026-03-01"}), time),
        (json!({"lastLogoutDate": "2026-03-01T12:00:00"}), time),
        (json!({"lastLogoutDate": 1_772_366_400}), time),
        (
            json!({"lastLogoutDate": "2026-03-01T12:00:00Z", "removeLastLogoutDate": true}),
            "removeLastLogoutDate: must not be true beside lastLogoutDate",
        ),
        (
            json!({"email": "ann@example.com"}),
            "email: is not a field of this call",
        ),
        (json!({"password": "x"}), "password: is not a field of this call"),
        (json!({}), "no field to change is given"),
        (json!({"ignoreProvider": true}), "no field to change is given"),
        (json!({"removeLastLogoutDate": false}), "no field to change is given"),
        (json!({"metadata": {}}), "no field to change is given"),
        (json!({"firstName": null}), "no field to change is given"),
    ] {
        check(&api, UPDATE, body.to_string(), text).await;
    }
    for (call, text) in [
        (PASSWORD, "password: is missing"),
        (EMAIL, "email: is missing"),
        (AUTHENTICATION, "loginName: is missing; password: is missing"),
        (FORGOT, "loginName: is missing"),
        (AUTHENTICATION, "loginName: is missing; password: is missing"),
        (VALIDATE, "encryptedEventId: is missing"),
        (FINISH, "encryptedEventId: is missing; password: is missing"),
        (VERIFICATION, "email: is missing; verificationCode: is missing"),
        (CODE, "email: is missing"),
        (CREATE, "email: is missing"),
    ] {
        check(&api, call, "{}", text).await;
    }
    let code = json!({"email": "ann@example.com", "verificationCode": 123_456});
    check(
        &api,
        VERIFICATION,
        code.to_string(),
        "verificationCode: must be a text of 1 to 512 bytes",
    )
    .await;
    let id = json!({"password": "x"}).to_string();
    let text =
        "customerRegistrationId in the path must be 1 to 255 percent-encoded bytes of UTF-8 without control characters";
    check(&api, ("PATCH", "/v4/Users/a%00b/Password"), id, text).await;
    assert_eq!(api.written(), (0, 0, 0));
}

#[tokio::test]
async fn metadata_is_an_object_of_texts() {
    let api = ApiFixture::new();
    let object = "metadata: must be an object of texts";
    let many: Map<String, Value> = (0..1001).map(|n| (format!("key{n}"), json!("x"))).collect();
    let large: Map<String, Value> = (0..17).map(|n| (format!("key{n}"), json!("x".repeat(4000)))).collect();
    let large = Value::from(large).to_string();
    for (call, metadata, text) in [
        (UPDATE, "[]", object),
        (UPDATE, &*large, "metadata: must be at most 65536 bytes of JSON in all"),
        (UPDATE, "\"city\"", object),
        (UPDATE, "7", object),
        (UPDATE, "{\"a\":[\"b\"]}", "metadata.a: must be a text"),
        (UPDATE, "{\"a\":{\"b\":\"c\"}}", "metadata.a: must be a text"),
        (UPDATE, "{\"a\":\"\\u0000\"}", "metadata.a: must not contain NUL"),
        (UPDATE, "{\"a\":\"\\ud800\"}", "metadata.a: must be a text"),
        (
            UPDATE,
            "{\"\":\"b\"}",
            "metadata.: must have keys of 1 to 128 bytes without control characters",
        ),
        (
            UPDATE,
            "{\"a\\u0007\":\"b\"}",
            "metadata.a\u{fffd}: must have keys of 1 to 128 bytes without control characters",
        ),
        (
            UPDATE,
            "{\"city\":\"b\",\"CITY\":\"c\"}",
            "metadata.CITY: is given more than once, perhaps in another case",
        ),
        (
            UPDATE,
            "{\"city\":\"b\",\"city\":null}",
            "metadata.city: is given more than once, perhaps in another case",
        ),
        (
            UPDATE,
            "{\"Blocked\":\"true\"}",
            "metadata.Blocked: is set by the field blocked of an update",
        ),
        (UPDATE, &Value::from(many).to_string(), "metadata: may have 1000 keys"),
        (
            UPDATE,
            &json!({"a": "v".repeat(4097)}).to_string(),
            "metadata.a: must be at most 4096 bytes",
        ),
        (CREATE, "{\"city\":null}", "metadata.city: must be a text"),
        (
            CREATE,
            "{\"a\":[],\"b\":{},\"c\":null}",
            "metadata.a: must be a text; metadata.b: must be a text; metadata.c: must be a text",
        ),
    ] {
        let email = if call == CREATE {
            "\"email\":\"ann@example.com\","
        } else {
            ""
        };
        check(&api, call, format!("{{{email}\"metadata\":{metadata}}}"), text).await;
    }
    let key = "k".repeat(129);
    let refused = api
        .write(Sent::new("PUT", "/v4/Users/7").json(&json!({"metadata": {key: "x"}})))
        .await;
    assert_eq!(refused.code(), "E400_00");
    assert_eq!(api.written(), (0, 0, 0));
}

#[tokio::test]
async fn all_mistakes_are_in_one_answer() {
    let api = ApiFixture::new();
    let body =
        r#"{"email":"ann","PASSWORD":"","Email":"bo@example.com","metadata":{"a":[]},"color":1,"returnUrl":"x"}"#;
    check(
        &api,
        CREATE,
        body,
        "email: must be a complete e-mail address; password: must not be empty; email: is given more than once; \
         metadata.a: must be a text; color: is not a field of this call; \
         returnUrl: must be an absolute https address; http only of 127.0.0.1, [::1] and localhost",
    )
    .await;
    let many: Map<String, Value> = (0..100).map(|n| (format!("key{n}"), json!("x"))).collect();
    let refused = api.write(Sent::new("POST", "/v4/Users").json(&many.into())).await;
    assert!(refused.message().ends_with("; and 85 more"), "{}", refused.message());
}

#[tokio::test]
async fn body_that_is_no_object_is_refused() {
    let api = ApiFixture::new();
    let deep = format!("{{\"email\":{}", "[".repeat(60_000));
    for (body, text) in [
        (&b""[..], "the body is not a JSON object (line 1, column 0)"),
        (b"[]", "the body is not a JSON object (line 1, column 0)"),
        (b"null", "the body is not a JSON object (line 1, column 4)"),
        (b"{\"email\":}", "the body is not a JSON object (line 1, column 10)"),
        (b"{} {}", "the body is not a JSON object (line 1, column 4)"),
        (b"{\"email\":\"\xff\"}", "the body is not UTF-8"),
        (deep.as_bytes(), "the body is not a JSON object (line 1, column 60009)"),
    ] {
        for call in CALLS {
            check(&api, call, body, text).await;
        }
    }
    let closed = format!("{{\"email\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    check(&api, EMAIL, closed, "email: must be a complete e-mail address").await;
    let ignored = format!(
        "{{\"x\":{}{},\"firstName\":\"a\"}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let sent = Sent::new("PUT", "/v4/Users/2937")
        .of("north/daily/times")
        .bytes(ignored);
    assert_eq!(api.write(sent).await.code(), "S200_05");
}

#[tokio::test]
async fn size_and_type_of_a_body_are_bounded() {
    let api = ApiFixture::new();
    let body = |bytes: usize| {
        let empty = json!({"email": "ann@example.com", "metadata": {"a": ""}})
            .to_string()
            .len();
        json!({"email": "ann@example.com", "metadata": {"a": "x".repeat(bytes - empty)}}).to_string()
    };
    assert_eq!(body(128 * 1024).len(), 128 * 1024);
    let refused = api.write(Sent::new("POST", "/v4/Users").bytes(body(128 * 1024))).await;
    assert_eq!(
        refused.message(),
        "Invalid InputModel - metadata.a: must be at most 4096 bytes"
    );
    let refused = api
        .write(Sent::new("POST", "/v4/Users").bytes(body(128 * 1024 + 1)))
        .await;
    assert_eq!((refused.status, refused.code()), (413, "E413"));
    assert_eq!(refused.message(), "Content Too Large - the body may have 131072 bytes");
    for (method, target) in CALLS {
        let refused = api.write(Sent::new(method, target)).await;
        assert_eq!((refused.status, refused.code()), (415, "E415"), "{target}");
    }
}

/// Known names in any case, and arbitrary ones.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "email", "EMAIL", "password", "firstName", "lastName", "metadata", "ignoreProvider", "returnUrl",
            "verifyEmail", "customerRegistrationId", "encryptedCustomerRegistrationId", "verified", "lastLogoutDate",
            "removeLastLogoutDate", "blocked", "loginName", "encryptedEventId", "verificationCode", "token",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "ann@example.com",
            "true",
            "",
            "\0",
            "2026-03-01T12:00:00Z",
            "https://herald.example/account"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name(), inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

#[test]
fn any_body_is_answered_and_a_refused_one_writes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let bodies = prop_oneof![
        vec(any::<u8>(), 0..80),
        vec((name(), any_value()), 0..6).prop_map(|pairs| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| format!("{}:{value}", Value::from(name.clone())));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")).into_bytes()
        }),
        vec((name(), any_value()), 1..6).prop_flat_map(|pairs| {
            let body = Value::Object(pairs.into_iter().collect()).to_string().into_bytes();
            (0..body.len(), Just(body), any::<u8>()).prop_map(|(at, mut body, byte)| {
                body[at] = byte;
                body
            })
        }),
    ];
    let keys = option::of(select(vec!["k1", "\"k2\"", "k 3", ""]));
    proptest!(ProptestConfig::with_cases(512), |(body in bodies, call in select(&CALLS[..]), key in keys)| {
        let api = ApiFixture::new();
        let (method, target) = call;
        let mut sent = Sent::new(method, target).of(TRIBUNE.0).bytes(body);
        if let Some(key) = key {
            sent = sent.with("idempotency-key", key);
        }
        let answer = runtime.block_on(api.write(sent));
        prop_assert!(answer.status < 500, "{answer:?}");
        prop_assert_eq!(answer.json.as_object().map(Map::len), Some(3));
        if answer.status >= 400 {
            prop_assert_eq!(answer.data(), &Value::Null);
            prop_assert!(answer.message().len() < 8_000);
            // A refused sign-in is an event, and nothing else.
            if answer.status == 400 {
                prop_assert_eq!(api.written(), (0, 0, 0), "{:?}", answer);
            }
        }
    });
}

/// Known names of the legacy API, and arbitrary ones.
fn legacy_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "Email", "LoginName", "Password", "CreationMode", "VerifyEmail", "CustomerRegistrationId", "FirstName",
            "PhonaAc", "PhoneEx", "DOB", "OptInEEdition", "AcceptsEENtification", "IsOkToMail", "Photo",
            "VerificationCode", "Token", "ReturnUrl",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

#[test]
fn any_legacy_body_is_answered_and_a_refused_one_writes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let bodies = prop_oneof![
        vec(any::<u8>(), 0..80),
        vec((legacy_name(), any_value()), 0..6).prop_map(|pairs| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| format!("{}:{value}", Value::from(name.clone())));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")).into_bytes()
        }),
    ];
    let calls = select(vec![
        ("POST", "/User"),
        ("POST", "/User/Passwordless"),
        ("PUT", "/User/7"),
        ("POST", "/Authenticate"),
        ("POST", "/AuthenticateByToken"),
        ("POST", "/ForgotPassword"),
        ("POST", "/User/VerifyEmail"),
        ("POST", "/VerifyEmail/Resend"),
    ]);
    proptest!(ProptestConfig::with_cases(384), |(body in bodies, (method, target) in calls)| {
        let api = ApiFixture::new();
        let answer = runtime.block_on(api.write(Sent::new(method, target).bytes(body)));
        match answer.status {
            200 => {
                let errors = answer.json["Errors"].as_array().unwrap();
                prop_assert_eq!(errors.is_empty(), !answer.json["Result"].is_null());
                let is_invalid = errors.iter().any(|error| error["Code"] == "UsersOrchestrator_E400_00");
                prop_assert!(!is_invalid || api.written() == (0, 0, 0), "{:?}", answer);
            }
            400 => prop_assert_eq!(&answer.json, &json!({"error": "request cannot be null."})),
            _ => prop_assert!(false, "{answer:?}"),
        }
    });
}
