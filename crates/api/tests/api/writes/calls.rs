//! Each call, and what it answers.

use masthead_domain::{access::Scope, event::EventKind};
use masthead_testkit::account_writer::AccountFault;
use serde_json::{Value, json};

use super::client::Sent;
use crate::fixture::{ApiFixture, MAIL, RETURN_URL, TRIBUNE};

fn kinds(api: &ApiFixture) -> Vec<EventKind> {
    api.users.events().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn created_user_is_read_by_every_base() {
    for base in [
        "/v4/Users",
        "/Users/",
        "/UsersOrchestrator/v4/Users/",
        "/UsersOrchestrator/Users",
    ] {
        let api = ApiFixture::new();
        let body = json!({
            "EMAIL": " Ann@Example.com ", "Password": "pässword ", "firstName": "Ann", "lastname": "Lee",
            "metadata": {"city": "Århus", "age": 42, "isFan": true, "scale": 1.50, "title": ""},
            "ignoreProvider": "false", "returnUrl": null,
        });
        let created = api.post(base, body).await;
        assert_eq!((created.status, created.code()), (200, "S200_03"), "{created:?}");
        assert_eq!(created.message(), "Create completed.");
        assert_eq!(created.json["meta"], Value::Null);
        let id = created.data()["customerRegistrationId"].as_str().unwrap().to_owned();
        let sealed = created.data()["encryptedCustomerRegistrationId"].as_str().unwrap();
        assert_eq!(created.data().as_object().unwrap().len(), 2);
        let read = Sent::new("GET", format!("/v4/Users/{id}")).by("reader");
        let read = api.write(read).await;
        let user = read.data();
        assert_eq!(user["email"], "Ann@Example.com");
        assert_eq!(user["state"], "Standard");
        assert_eq!(user["encryptedCustomerRegistrationId"], sealed);
        for (key, value) in [
            ("city", "Århus"),
            ("age", "42"),
            ("isFan", "true"),
            ("scale", "1.5"),
            ("title", ""),
        ] {
            assert_eq!(user["metadata"][key], value, "{key}");
        }
        assert_eq!(kinds(&api), [EventKind::SubscribeUserCreate]);
    }
}

#[tokio::test]
async fn number_in_metadata_keeps_its_json_text() {
    let api = ApiFixture::new();
    let body = r#"{"email":"ann@example.com","metadata":{"a":1.50,"b":1E3,"c":123456789012345678901234567890,"d":-0}}"#;
    let created = api.write(Sent::new("POST", "/v4/Users").bytes(body)).await;
    let id = created.data()["customerRegistrationId"].as_str().unwrap().to_owned();
    let read = api
        .write(Sent::new("GET", format!("/v4/Users/{id}")).by("reader"))
        .await;
    let metadata = &read.data()["metadata"];
    for (key, text) in [
        ("a", "1.50"),
        ("b", "1E3"),
        ("c", "123456789012345678901234567890"),
        ("d", "-0"),
    ] {
        assert_eq!(metadata[key], text);
    }
    assert_eq!(read.data()["state"], "Lite");
}

#[tokio::test]
async fn address_in_use_is_e400_08_or_e400_07() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    let again = api.post("/v4/Users", json!({"email": "ANN@example.com"})).await;
    assert_eq!((again.status, again.code()), (400, "E400_08"));
    let pending = json!({"email": "bo@example.com", "password": "x", "verifyEmail": true});
    assert_eq!(api.post("/v4/Users", pending.clone()).await.code(), "S200_04");
    assert_eq!(api.post("/v4/Users", pending).await.code(), "E400_07");
}

#[tokio::test]
async fn given_id_must_be_free() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "customerRegistrationId": "own-1"});
    let created = api.post("/v4/Users", body).await;
    assert_eq!(created.data()["customerRegistrationId"], "own-1");
    let sealed = created.data()["encryptedCustomerRegistrationId"].clone();
    let body = json!({"email": "bo@example.com", "encryptedCustomerRegistrationid": sealed});
    let taken = api.post("/v4/Users", body).await;
    assert_eq!((taken.status, taken.code()), (409, "E409"));
    assert_eq!(taken.message(), "Conflict - the id is in use");
    assert_eq!(taken.header("retry-after"), None);
    let body = json!({"email": "bo@example.com", "encryptedCustomerRegistrationId": "AAAA"});
    let refused = api.post("/v4/Users", body).await;
    assert_eq!(refused.code(), "E400_02");
    assert_eq!(
        refused.message(),
        "Invalid InputModel - encryptedCustomerRegistrationId: cannot be opened"
    );
    let body = json!({"encryptedCustomerRegistrationId": sealed, "customerRegistrationId": "7"});
    let refused = api.post("/v4/Users", body).await;
    assert_eq!(
        refused.message(),
        "Invalid InputModel - email: is missing; encryptedCustomerRegistrationId: is another id than customerRegistrationId"
    );
}

#[tokio::test]
async fn link_to_a_first_password_is_for_tickets_scope() {
    let body = json!({"email": "ann@example.com", "returnUrl": RETURN_URL});
    for (token, shows) in [("writer", false), ("tickets", true)] {
        let api = ApiFixture::new();
        let created = api.write(Sent::new("POST", "/v4/Users").by(token).json(&body)).await;
        assert_eq!(created.code(), "S200_03", "{created:?}");
        let ticket = created.data()["urlPasswordChangeTicket"].as_str();
        assert_eq!(ticket.is_some(), shows, "{token}");
        let value = api.last_link(TRIBUNE.0);
        assert!(ticket.is_none_or(|ticket| ticket.starts_with(RETURN_URL) && ticket.ends_with(&value)));
        let body = json!({"encryptedEventId": value, "password": "new"});
        let finished = api.post("/v4/Users/ForgotPassword/Finish", body).await;
        assert_eq!(finished.code(), "S200_10", "{finished:?}");
    }
}

#[tokio::test]
async fn pending_registration_is_verified_once() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "password": "x", "verifyEmail": true, "returnUrl": RETURN_URL});
    let pending = api.post("/v4/Users", body).await;
    assert_eq!((pending.code(), pending.message()), ("S200_04", "Create pending."));
    assert_eq!(pending.data(), &Value::Null);
    let verify = |code: &str| json!({"email": "ann@example.com", "verificationCode": code});
    let wrong = api.post("/v4/Users/Verification", verify("000000")).await;
    assert_eq!((wrong.status, wrong.code()), (400, "E400_15"));
    assert_eq!(wrong.message(), "The verification code is invalid.");
    let code = api.last_code(TRIBUNE.0);
    let sent = Sent::new("POST", "/v4/Users/Verification/")
        .by("login")
        .json(&verify(&code));
    let verified = api.write(sent).await;
    assert_eq!((verified.status, verified.code()), (200, "S200_07"), "{verified:?}");
    assert!(verified.data()["customerRegistrationId"].is_string());
    let again = api.post("/v4/Users/Verification", verify(&code)).await;
    assert_eq!(again.code(), "E400_16");
    let unknown = json!({"email": "nobody@example.com", "verificationCode": code});
    assert_eq!(api.post("/v4/Users/Verification", unknown).await.code(), "E400_14");
    assert_eq!(
        kinds(&api),
        [EventKind::SubscribeUserCreatePending, EventKind::SubscribeUserCreate]
    );
}

#[tokio::test]
async fn new_code_is_answered_alike_for_every_address() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "verifyEmail": true, "password": "x"});
    api.post("/v4/Users", body).await;
    api.clock.advance(time::Duration::minutes(2));
    let mut answers = Vec::new();
    for address in ["ann@example.com", "nobody@example.com"] {
        let body = json!({"email": address, "returnUrl": RETURN_URL});
        let answer = api.post("/v4/Users/VerificationCode", body).await;
        answers.push((answer.status, answer.text));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].1.contains("S200_13"));
    assert_eq!(api.users.mails().len(), 2);
}

#[tokio::test]
async fn update_answers_the_user_as_reads_show_it() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let target = format!("/v4/Users/{id}");
    let put = |body: Value| api.write(Sent::new("PUT", target.clone()).json(&body));
    let body = json!({
        "lastName": "Lee", "metadata": {"city": "Oslo", "Title": "Dr", "age": 7}, "verified": "TRUE",
        "lastLogoutDate": "2026-03-01T13:00:00.5+01:00", "blocked": true,
    });
    let updated = put(body).await;
    assert_eq!((updated.status, updated.code()), (200, "S200_05"), "{updated:?}");
    let read = api.write(Sent::new("GET", target.clone()).by("reader")).await;
    assert_eq!(updated.data(), read.data());
    assert_eq!(updated.header("etag"), read.header("etag"));
    assert!(read.header("etag").is_some());
    let user = read.data();
    assert_eq!((&user["firstName"], &user["lastName"]), (&json!("Ann"), &json!("Lee")));
    assert_eq!(user["metadata"]["blocked"], "true");
    // A key keeps the spelling in which it was stored first.
    let updated = put(json!({"metadata": {"CITY": null, "title": "Prof"}, "blocked": false, "firstName": ""})).await;
    let metadata = &updated.data()["metadata"];
    assert_eq!(metadata["city"], "");
    assert_eq!(metadata["Title"], "Prof");
    assert_eq!(metadata["age"], "7");
    assert_eq!(metadata.get("blocked"), None);
    assert_eq!(updated.data()["firstName"], "");
    let removed = put(json!({"removeLastLogoutDate": true})).await;
    assert_eq!(removed.code(), "S200_05");
}

#[tokio::test]
async fn unknown_user_is_e404_or_400_by_switch() {
    let api = ApiFixture::new();
    let requests = [
        ("PUT", "/v4/Users/nobody", json!({"firstName": "x"})),
        ("PATCH", "/v4/Users/nobody/Password", json!({"password": "x"})),
        ("PATCH", "/v4/Users/nobody/Email", json!({"email": "x@example.com"})),
    ];
    for (method, target, body) in requests {
        let answer = api.write(Sent::new(method, target).json(&body)).await;
        assert_eq!((answer.status, answer.code()), (404, "E404"), "{target}");
        assert_eq!(answer.message(), "Not Found - there is no such user");
        let times = Sent::new(method, target).of("north/daily/times").json(&body);
        let answer = api.write(times).await;
        assert_eq!((answer.status, answer.code()), (400, "E404"), "{target}");
    }
    let deleted = api.write(Sent::new("DELETE", "/v4/Users/nobody")).await;
    assert_eq!((deleted.status, deleted.code()), (404, "E404"));
}

#[tokio::test]
async fn password_and_address_are_changed() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    api.create(TRIBUNE.0, "bo@example.com").await;
    let patch = |part: &str, body: Value| api.write(Sent::new("PATCH", format!("/Users/{id}/{part}")).json(&body));
    let set = patch("Password", json!({"password": "new"})).await;
    assert_eq!((set.code(), set.message()), ("S200_11", "Update password completed."));
    assert_eq!((&set.json["meta"], set.data()), (&Value::Null, &Value::Null));
    let taken = patch("Email", json!({"email": "BO@example.com"})).await;
    assert_eq!(taken.code(), "E400_08");
    assert_eq!(taken.message(), "The email is already in use by another user");
    let changed = patch("Email/", json!({"email": "ann.lee@example.com"})).await;
    assert_eq!(
        (changed.code(), changed.message()),
        ("S200_12", "Update Email completed.")
    );
    let body = json!({"loginName": "ann.lee@example.com", "password": "new"});
    assert_eq!(api.post("/v4/Users/Authentication", body).await.code(), "S200_06");
}

#[tokio::test]
async fn sign_in_answers_the_user_or_one_refusal() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let sign_in = |login: &str, password: &str| {
        let body = json!({"LoginName": login, "password": password});
        api.write(Sent::new("POST", "/v4/Users/Authentication").by("login").json(&body))
    };
    let signed_in = sign_in("Ann@example.com", "correct horse").await;
    assert_eq!((signed_in.status, signed_in.code()), (200, "S200_06"), "{signed_in:?}");
    let user = signed_in.data()["user"].as_object().unwrap();
    assert_eq!(
        (&user["customerRegistrationId"], &user["loginPassword"]),
        (&json!(id), &Value::Null)
    );
    let last: Vec<_> = user.keys().map(String::as_str).collect();
    assert!(
        last.contains(&"lastLogoutDate") && last.contains(&"verified") && last.len() == 10,
        "{last:?}"
    );
    let wrong = sign_in("ann@example.com", "wrong").await;
    assert_eq!((wrong.status, wrong.code()), (401, "E401_01"));
    assert_eq!(wrong.message(), "The login name or password is incorrect.");
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer realm=\"reader\""));
    for login in ["nobody@example.com", "nobody"] {
        assert_eq!(sign_in(login, "wrong").await.text, wrong.text);
    }
    let put = |body: Value| api.write(Sent::new("PUT", format!("/Users/{id}")).json(&body));
    put(json!({"lastLogoutDate": "2026-03-01T12:00:00Z", "verified": false})).await;
    assert_eq!(sign_in("ann@example.com", "correct horse").await.code(), "E403_01");
    put(json!({"blocked": true, "verified": true})).await;
    let blocked = sign_in("ann@example.com", "correct horse").await;
    assert_eq!((blocked.status, blocked.code()), (403, "E403_04"));
    put(json!({"blocked": false})).await;
    let signed_in = sign_in("ann@example.com", "correct horse").await;
    assert_eq!(signed_in.data()["user"]["lastLogoutDate"], "2026-03-01T12:00:00.000Z");
    api.post("/v4/Users", json!({"email": "lite@example.com"})).await;
    assert_eq!(sign_in("lite@example.com", "x").await.code(), "E403_02");
}

#[tokio::test]
async fn eleventh_failure_is_e429() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    let body = json!({"loginName": "ann@example.com", "password": "wrong"});
    for _ in 0..10 {
        assert_eq!(
            api.post("/v4/Users/Authentication", body.clone()).await.code(),
            "E401_01"
        );
    }
    let refused = api.post("/v4/Users/Authentication", body).await;
    assert_eq!((refused.status, refused.code()), (429, "E429"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
}

#[tokio::test]
async fn forgotten_password_is_reset_once() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    let start = |login: &str| {
        let body = json!({"loginName": login, "returnUrl": RETURN_URL});
        api.write(Sent::new("POST", "/v4/Users/ForgotPassword").by("login").json(&body))
    };
    let known = start("ann@example.com").await;
    assert_eq!(
        (known.code(), known.message()),
        ("S200_08", "Start ForgotPassword completed.")
    );
    let unknown = start("nobody@example.com").await;
    assert_eq!(known.text.len(), unknown.text.len(), "{}", unknown.text);
    assert_eq!(unknown.code(), "S200_08");
    let value = api.last_link(TRIBUNE.0);
    assert_ne!(
        known.data()["encryptedEventId"],
        value,
        "only callers with users:tickets are answered the link"
    );
    let step = |name: &str, body: Value| {
        let target = format!("/v4/Users/ForgotPassword/{name}");
        api.write(Sent::new("POST", target).by("login").json(&body))
    };
    for answered in [&known, &unknown] {
        let refused = step(
            "Validate",
            json!({"encryptedEventId": answered.data()["encryptedEventId"]}),
        )
        .await;
        assert_eq!((refused.status, refused.code()), (400, "E400_17"));
    }
    let valid = step("Validate", json!({"encryptedEventId": value})).await;
    assert_eq!(valid.code(), "S200_09", "{valid:?}");
    assert!(valid.data()["eventId"].is_number() && valid.data()["expiresAt"].is_string());
    let finish = json!({"encryptedEventId": value, "password": "new"});
    assert_eq!(step("Finish", finish.clone()).await.code(), "S200_10");
    assert_eq!(step("Finish", finish).await.code(), "E400_17");
    let body = json!({"loginName": "ann@example.com", "password": "new"});
    assert_eq!(api.post("/Users/Authentication", body).await.code(), "S200_06");
}

#[tokio::test]
async fn link_is_answered_to_tickets_scope() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    let body = json!({"loginName": "ann@example.com"});
    let sent = Sent::new("POST", "/v4/Users/ForgotPassword").by("tickets").json(&body);
    let answer = api.write(sent).await;
    assert_eq!(answer.data()["encryptedEventId"], api.last_link(TRIBUNE.0));
}

#[tokio::test]
async fn deleted_user_is_absent_at_once() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let target = format!("/v4/Users/{id}/?ignoreProvider=true&PURGE=false");
    let deleted = api.write(Sent::new("DELETE", target.clone())).await;
    assert_eq!((deleted.code(), deleted.data()), ("S200_14", &Value::Null));
    let read = api
        .write(Sent::new("GET", format!("/v4/Users/{id}")).by("reader"))
        .await;
    assert_eq!(read.status, 404);
    assert_eq!(api.write(Sent::new("DELETE", target)).await.code(), "E404");
}

#[tokio::test]
async fn purge_needs_its_own_scope() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let purge = |token| api.write(Sent::new("DELETE", format!("/v4/Users/{id}?purge=true")).by(token));
    let refused = purge("writer").await;
    assert_eq!((refused.status, refused.code()), (403, "E403"));
    assert_eq!(purge("eraser").await.code(), "S200_14");
    for (query, text) in [
        ("purge=1", "purge: must be true or false"),
        ("purge=true&Purge=false", "purge: is given more than once"),
        ("force=true", "force: is not a parameter of this call"),
        ("purge", "purge: must be true or false"),
    ] {
        let refused = api.write(Sent::new("DELETE", format!("/v4/Users/{id}?{query}"))).await;
        assert_eq!(refused.message(), format!("Invalid InputModel - {text}"));
    }
    let refused = api
        .write(Sent::new("POST", "/v4/Users?purge=true").json(&json!({"email": "a@b.example"})))
        .await;
    assert_eq!(
        refused.message(),
        "Invalid InputModel - purge: is not a parameter of this call"
    );
}

#[tokio::test]
async fn names_of_calls_are_ids_too() {
    let api = ApiFixture::new();
    for name in [
        "Authentication",
        "ForgotPassword",
        "Verification",
        "VerificationCode",
        "Search",
    ] {
        let body = json!({"email": format!("{name}@example.com"), "customerRegistrationId": name});
        assert_eq!(api.post("/v4/Users", body).await.code(), "S200_03");
        let target = format!("/v4/Users/{name}");
        let read = api.write(Sent::new("GET", target.clone()).by("reader")).await;
        assert_eq!(read.data()["customerRegistrationId"], name);
        let put = Sent::new("PUT", target.clone()).json(&json!({"firstName": "Ann"}));
        assert_eq!(api.write(put).await.data()["firstName"], "Ann");
        let patch = Sent::new("PATCH", format!("{target}/Password")).json(&json!({"password": "new"}));
        assert_eq!(api.write(patch).await.code(), "S200_11", "{name}");
        assert_eq!(api.write(Sent::new("DELETE", target)).await.code(), "S200_14");
    }
    let refused = api.write(Sent::new("PATCH", "/v4/Users").json(&json!({}))).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD,POST")));
    let refused = api.write(Sent::new("GET", "/v4/Users/7/Password")).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("PATCH")));
}

#[tokio::test]
async fn changed_user_is_e412() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let target = format!("/v4/Users/{id}");
    let read = api.write(Sent::new("GET", target.clone()).by("reader")).await;
    let tag = read.header("etag").unwrap().to_owned();
    let put = |tag: &str, name: &str| {
        let sent = Sent::new("PUT", target.clone()).with("if-match", tag);
        api.write(sent.json(&json!({"firstName": name})))
    };
    let first = put(&tag, "One").await;
    assert_eq!(first.code(), "S200_05");
    let second = put(&tag, "Two").await;
    assert_eq!((second.status, second.code()), (412, "E412"));
    assert_eq!(put(first.header("etag").unwrap(), "Two").await.code(), "S200_05");
    assert_eq!(put("*", "Three").await.code(), "S200_05");
    assert_eq!(put("W/\"x\"", "Four").await.code(), "E412");
    let absent = Sent::new("PUT", "/v4/Users/nobody")
        .with("if-match", "*")
        .json(&json!({"firstName": "x"}));
    assert_eq!(api.write(absent).await.code(), "E404");
}

#[tokio::test]
async fn known_representation_is_304() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let target = format!("/v4/Users/{id}");
    let get = |tag: &str| api.write(Sent::new("GET", target.clone()).by("reader").with("if-none-match", tag));
    let read = get("\"other\"").await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.status, 200);
    let known = get(&format!("\"other\", W/{tag}")).await;
    assert_eq!((known.status, &*known.text), (304, ""));
    assert_eq!(known.header("etag"), Some(&*tag));
}

#[tokio::test]
async fn provider_is_written_unless_it_is_ignored() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "password": "x"});
    let created = api.write(Sent::new("POST", "/v4/Users").of(MAIL.0).json(&body)).await;
    assert_eq!(created.code(), "S200_03", "{created:?}");
    assert_eq!(api.writer.writes(), 1);
    let id = created.data()["customerRegistrationId"]
        .as_str()
        .unwrap()
        .replace('|', "%7C");
    let put = |body: Value| api.write(Sent::new("PUT", format!("/v4/Users/{id}")).of(MAIL.0).json(&body));
    assert_eq!(
        put(json!({"firstName": "A", "ignoreProvider": true})).await.code(),
        "S200_05"
    );
    assert_eq!(api.writer.writes(), 1);
    let updated = put(json!({"firstName": "B"})).await;
    assert_eq!(updated.code(), "S200_05");
    assert_eq!(api.writer.writes(), 2);
    let body = json!({"loginName": "ann@example.com", "password": "x"});
    let sent = Sent::new("POST", "/v4/Users/Authentication").of(MAIL.0).json(&body);
    assert_eq!(api.write(sent).await.code(), "S200_06");
}

#[tokio::test]
async fn refusal_of_the_provider_is_passed_on() {
    let api = ApiFixture::new();
    api.writer.fail_next(AccountFault::Refused("Password is too weak"));
    let body = json!({"email": "ann@example.com", "password": "x"});
    let sent = Sent::new("POST", "/v4/Users").of(MAIL.0).json(&body);
    let refused = api.write(sent.clone()).await;
    assert_eq!(refused.code(), "E400_00");
    assert_eq!(refused.message(), "Invalid InputModel - Password is too weak");
    let created = api.write(sent).await;
    let id = created.data()["customerRegistrationId"]
        .as_str()
        .unwrap()
        .replace('|', "%7C");
    for (words, text) in [("", ""), ("no such city", " no such city")] {
        api.writer.fail_next(AccountFault::Refused(words));
        let put = Sent::new("PUT", format!("/v4/Users/{id}")).of(MAIL.0);
        let refused = api.write(put.json(&json!({"firstName": "x"}))).await;
        assert_eq!(refused.code(), "E400_22");
        let text = if words.is_empty() {
            " the provider refuses the values"
        } else {
            text
        };
        assert_eq!(
            refused.message(),
            format!("There was an error trying to update the user.{text}")
        );
    }
}

#[tokio::test]
async fn side_that_does_not_answer_is_e503() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "password": "x"});
    let sent = Sent::new("POST", "/v4/Users").of(MAIL.0).json(&body);
    api.writer.fail_next(AccountFault::NotReached);
    let refused = api.write(sent.clone()).await;
    assert_eq!((refused.status, refused.code()), (503, "E503"));
    assert_eq!(refused.json["meta"], Value::Null);
    assert!(refused.header("retry-after").is_some());
    api.writer.fail_next(AccountFault::LostAfter);
    api.writer.fail_look_ups(true);
    let unknown = api.write(sent).await;
    assert_eq!(unknown.code(), "E503");
    assert_eq!(unknown.json["meta"], json!({"complete": false, "pending": ["Auth0"]}));
}

#[tokio::test]
async fn store_that_follows_later_is_pending() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com", "password": "x"});
    let fault = masthead_testkit::users::WriteFault::Unavailable;
    api.users.fail_next("create", fault);
    let created = api.write(Sent::new("POST", "/v4/Users").of(MAIL.0).json(&body)).await;
    assert_eq!(created.code(), "S200_03");
    assert_eq!(
        created.json["meta"],
        json!({"complete": false, "pending": ["Subscribe"]})
    );
    assert!(created.data()["customerRegistrationId"].is_string());
}

#[tokio::test]
async fn call_that_needs_mail_names_the_setting() {
    let api = ApiFixture::without_mail();
    let bodies = [
        ("/v4/Users", json!({"email": "ann@example.com", "verifyEmail": true})),
        ("/v4/Users/ForgotPassword", json!({"loginName": "ann@example.com"})),
        ("/v4/Users/VerificationCode", json!({"email": "ann@example.com"})),
    ];
    for (target, body) in bodies {
        let refused = api.post(target, body).await;
        assert_eq!((refused.status, refused.code()), (503, "E503_01"), "{target}");
        assert!(refused.message().contains("`smtp`"));
    }
    assert_eq!(api.written(), (0, 0, 0));
}

#[tokio::test]
async fn each_call_needs_its_scope() {
    let api = ApiFixture::new();
    let writes = [
        ("POST", "/v4/Users"),
        ("PUT", "/v4/Users/7"),
        ("PATCH", "/v4/Users/7/Password"),
        ("PATCH", "/v4/Users/7/Email"),
        ("DELETE", "/v4/Users/7"),
    ];
    let login = [
        "/v4/Users/Authentication",
        "/v4/Users/ForgotPassword",
        "/v4/Users/ForgotPassword/Validate",
        "/v4/Users/ForgotPassword/Finish",
        "/v4/Users/Verification",
        "/v4/Users/VerificationCode",
    ];
    let login = login.map(|target| ("POST", target));
    for (calls, tokens) in [
        (&writes[..], &["reader", "login", "admin", "other"][..]),
        (&login[..], &["reader", "admin", "other"][..]),
    ] {
        for (method, target) in calls {
            for token in tokens {
                let refused = api.write(Sent::new(method, *target).by(token).json(&json!({}))).await;
                assert_eq!((refused.status, refused.code()), (403, "E403"), "{token} {target}");
            }
            let refused = api
                .write(Sent::new(method, *target).by("expired").json(&json!({})))
                .await;
            assert_eq!(refused.code(), "E401", "{target}");
        }
    }
    for (method, target) in login {
        for token in ["login", "writer"] {
            let accepted = api.write(Sent::new(method, target).by(token).json(&json!({}))).await;
            assert_eq!(accepted.code(), "E400_00", "{token} {target}");
        }
    }
    let read = api.write(Sent::new("GET", "/v4/Users/7").by("writer")).await;
    assert_eq!(read.code(), "E403");
    assert_eq!(Scope::ALL.len(), 11);
    assert_eq!(api.written(), (0, 0, 0));
}

#[tokio::test]
async fn switches_of_the_tenant_shape_answers() {
    let api = ApiFixture::new();
    let body = json!({"email": "new@example.com", "password": "x", "colour": "red"});
    let created = api
        .write(Sent::new("POST", "/v4/Users?x=y").of("north/daily/times").json(&body))
        .await;
    assert_eq!(created.json["message"]["type"], 0, "{created:?}");
    let id = created.data()[0]["customerRegistrationId"].as_str().unwrap();
    let put = Sent::new("PUT", format!("/v4/Users/{id}")).of("north/daily/times");
    let updated = api.write(put.json(&json!({"firstName": "Ann"}))).await;
    assert_eq!(updated.data()[0]["firstName"], "Ann");
}
