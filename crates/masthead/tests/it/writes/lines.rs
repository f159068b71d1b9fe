//! Lines of the contract `writes.md` that the other tests of this folder do not show: each over a real socket and a real Postgres, for a
//! tenant with the store alone and for one with each provider's stand-in.

use std::{
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use masthead_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

use super::{
    harness::{Answer, DESCRIBED, HERALD, MIRROR, PASSWORD, RETURN_URL, TRIBUNE, WriteServer, email, new_user},
    journey::parameter,
    kinds::{Kind, call_at_provider},
};
use crate::support::{
    http_client::{header, percent_encoded},
    jwt::{self, hs256_token},
    process::SECRET,
    raw_http::FOREVER,
    test_table,
};

/// The tenants with a provider.
pub(super) const WITH_PROVIDER: [&str; 4] = [MIRROR, TRIBUNE, DESCRIBED[0], DESCRIBED[1]];
/// All of them, and one with the store alone.
pub(super) const EVERY: [&str; 5] = [HERALD, MIRROR, TRIBUNE, DESCRIBED[0], DESCRIBED[1]];

const NEW_PASSWORD: &str = "Quince-and-thunder-9";
/// Imported readers: the name, the hash, and the password as it is typed.
const IMPORTED: [(&str, &str, &str); 3] = [
    ("md5", "3cb4e732631f47e6eb961f34554b7cde", "correct horse"),
    // Of the NFC form.
    ("composed", "6f79703165bebac076441595f21c8437", "Ca\u{308}rcassonne 1"),
    // WordPress: trimmed, and with a slash before the apostrophe.
    ("slashed", "$P$6saltsalt3uolGfKeOpREwAnDi2Y3l0", " O'Hara sings "),
];

/// The header of a token with these scopes.
pub(super) fn bearer(scopes: &str) -> String {
    let mut claims = jwt::claims(&["north/*/*"]);
    claims["scope"] = scopes.into();
    format!("Bearer {}", hs256_token(&claims, SECRET))
}

/// Sends a call of the v4 users.
pub(super) fn post(server: &WriteServer, paper: &str, path: &str, body: &Value) -> Answer {
    server.call(paper, &format!("POST /v4/Users{path}"), body)
}

/// Where a user is.
pub(super) fn path_of(id: &str) -> String {
    format!("/v4/Users/{}", percent_encoded(id))
}

/// A name of a reader of this tenant: all tenants share the mailbox.
pub(super) fn own(name: &str, paper: &str) -> String {
    format!("{name}-{paper}")
}

fn has_user(server: &WriteServer, paper: &str, name: &str) -> bool {
    let address = format!(" {} ", email(name));
    server.store_side(paper).iter().any(|user| user.contains(&address))
}

/// §1: "sign-in, forgot-password and verification calls need only `users:authenticate`", and "Every scope is listed in the OpenAPI
/// document."
#[test]
fn login_page_needs_only_users_authenticate() {
    let server = WriteServer::start(&[]);
    let authorization = bearer("users:authenticate");
    let login_page = [("Authorization", &*authorization)];
    for paper in EVERY {
        let name = own("lena", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        let call = |call: &str, body: Value| server.call_with(paper, call, &body, &login_page);
        let sign_in = json!({"loginName": email(&name), "password": PASSWORD});
        call("POST /v4/Users/Authentication", sign_in).expect("S200_06");
        let forgot = json!({"loginName": email(&name), "returnUrl": RETURN_URL});
        call("POST /v4/Users/ForgotPassword", forgot).expect("S200_08");
        let link = parameter(&server.mails(&email(&name), 1)[0].links[0], "encryptedEventId");
        let value = json!({"encryptedEventId": link});
        call("POST /v4/Users/ForgotPassword/Validate", value).expect("S200_09");
        let finish = json!({"encryptedEventId": link, "password": NEW_PASSWORD});
        call("POST /v4/Users/ForgotPassword/Finish", finish).expect("S200_10");
        let code = json!({"email": email(&name), "returnUrl": RETURN_URL});
        call("POST /v4/Users/VerificationCode", code).expect("S200_13");
        let verify = json!({"email": email("nobody"), "verificationCode": "ABCDEF"});
        call("POST /v4/Users/Verification", verify).expect("E400_14");
        let path = path_of(&id);
        for (method, body) in [
            ("POST /v4/Users".to_owned(), new_user("other")),
            (format!("PUT {path}"), json!({"firstName": "X"})),
            (format!("PATCH {path}/Password"), json!({"password": PASSWORD})),
            (format!("PATCH {path}/Email"), json!({"email": email("other")})),
            (format!("DELETE {path}"), Value::Null),
        ] {
            assert_eq!(call(&method, body).status, 403, "{paper}: {method}");
        }
    }
    let document = server.send(HERALD, "GET /openapi.json", &Value::Null, &[]).body;
    for scope in ["users:write", "users:authenticate", "users:tickets", "users:erase"] {
        assert!(document.contains(scope), "{scope}");
    }
}

/// §1: "at most 128 KiB, keys in any case … An unknown key is refused by name … All mistakes of a body are reported in one answer".
#[test]
fn body_is_bounded_and_its_mistakes_come_together() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("bodo", paper);
        let refused = json!({"email": "no address", "passWord": "", "role": "admin", "verifyEmail": "perhaps"});
        let text = post(&server, paper, "", &refused).expect("E400_00").body["message"]["text"].to_string();
        for field in ["email", "password", "role", "verifyEmail"] {
            assert!(text.contains(field), "{paper}: {field}: {text}");
        }
        assert!(!text.contains("no address") && !text.contains("admin"), "{text}");
        let large = json!({"email": email(&name), "metadata": {"note": "x".repeat(129 * 1024)}});
        let large = post(&server, paper, "", &large);
        assert!(matches!(large.status, 400 | 413), "{paper}: {large:?}");
        let any_case =
            json!({"EMAIL": email(&name), "PassWord": PASSWORD, "firstname": "Bodo", "METADATA": {"n": 7, "b": true}});
        let id = post(&server, paper, "", &any_case).expect("S200_03").id();
        let user = server.call(paper, &format!("GET {}", path_of(&id)), &Value::Null);
        assert_eq!(user.body["data"]["firstName"], "Bodo", "{paper}");
        let metadata = &user.body["data"]["metadata"];
        assert_eq!(
            (&metadata["n"], &metadata["b"]),
            (&json!("7"), &json!("true")),
            "{paper}"
        );
        assert_eq!(server.store_side(paper).len(), 1, "{paper}");
    }
}

/// §1: "Passwords: 1 to 128 characters, at most 512 bytes, taken as they are (no trimming; our own hashes are made of the NFC form)".
#[test]
fn password_is_taken_as_it_is() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("pia", paper);
        let typed = "  Ca\u{308}rcassonne 1 ";
        let mut body = new_user(&name);
        body["password"] = json!(typed);
        post(&server, paper, "", &body).expect("S200_03");
        server.sign_in(paper, &email(&name), typed).expect("S200_06");
        server.sign_in(paper, &email(&name), typed.trim()).expect("E401_01");
        for bad in ["", &"a".repeat(129)] {
            let mut body = new_user("none");
            body["password"] = json!(bad);
            post(&server, paper, "", &body).expect("E400_00");
        }
    }
    let composed = "  C\u{e4}rcassonne 1 ";
    server
        .sign_in(HERALD, &email(&own("pia", HERALD)), composed)
        .expect("S200_06");
    let mut longest = new_user("longest");
    longest["password"] = json!("\u{1f426}".repeat(128));
    post(&server, HERALD, "", &longest).expect("S200_03");
    server
        .sign_in(HERALD, &email("longest"), &"\u{1f426}".repeat(128))
        .expect("S200_06");
}

/// §1: "the same key and body get the stored answer", on POST, PUT and PATCH.
#[test]
fn key_is_honoured_on_post_put_and_patch() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let twice = |call: &str, body: &Value, key: &str| {
            let key = [("Idempotency-Key", key)];
            let first = server.call_with(paper, call, body, &key);
            let again = server.call_with(paper, call, body, &key);
            assert_eq!(
                (first.status, &first.body),
                (again.status, &again.body),
                "{paper}: {call}"
            );
            server
                .call_with(
                    paper,
                    call,
                    &json!({"email": email("x"), "password": "Another-one-1"}),
                    &key,
                )
                .status
        };
        let name = own("kim", paper);
        assert_eq!(twice("POST /v4/Users", &new_user(&name), "k-create"), 422);
        let users = server.call(
            paper,
            &format!("GET /v4/Users?email={}", percent_encoded(&email(&name))),
            &Value::Null,
        );
        let id = users.body["data"][0]["customerRegistrationId"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = path_of(&id);
        twice(&format!("PUT {path}"), &json!({"firstName": "Kim"}), "k-update");
        twice(
            &format!("PATCH {path}/Password"),
            &json!({"password": NEW_PASSWORD}),
            "k-password",
        );
        let moved = email(&own("kim.new", paper));
        assert_eq!(
            twice(&format!("PATCH {path}/Email"), &json!({"email": moved}), "k-email"),
            400,
            "password is no field of it"
        );
        let writes = server.story(paper);
        // A read of a provider may write its answer back, which is a 4004.
        let kinds = if paper == HERALD {
            ["4002", "4004", "4010", "4011"]
        } else {
            ["4602", "4604", "4609", "4610"]
        };
        let count = |kind: &str| writes.iter().filter(|other| *other == kind).count();
        assert_eq!(kinds.map(count), [1; 4], "{paper}: {writes:?}");
    }
}

/// §1: "A client that disconnects does not stop a write that began."
#[test]
fn client_that_disconnects_does_not_stop_a_write() {
    let server = WriteServer::start(&[]);
    for paper in [MIRROR, TRIBUNE] {
        let (method, path) = call_at_provider(paper, Kind::Create);
        let slow = FaultRule::from(Fault::Latency { ms: 1_500 })
            .on(path)
            .method(method)
            .times(1);
        server.sandbox(paper).inject(slow);
        let name = own("dora", paper);
        let body = new_user(&name).to_string();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let authorization = bearer("users:write");
        write!(
            stream,
            "POST /v4/Users HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nX-SourceSystem: CRM\r\nX-ClientGroupCode: north\r\n\
             X-ClientCode: daily\r\nX-PaperCode: {paper}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let began = Instant::now();
        while !server.sandbox(paper).faults().is_empty() {
            assert!(began.elapsed() < FOREVER, "{paper}: the call did not arrive");
            thread::sleep(Duration::from_millis(10));
        }
        drop(stream);
        while !has_user(&server, paper, &name) {
            assert!(began.elapsed() < FOREVER, "{paper}: the write ended with its client");
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(server.agreed(paper).len(), 1);
    }
}

/// §2: "valid | true | our store only".
#[test]
fn ignored_provider_is_not_called() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("igor", paper);
        let mut body = new_user(&name);
        body["ignoreProvider"] = json!(true);
        let id = post(&server, paper, "", &body).expect("S200_03").id();
        let update = json!({"firstName": "Ivor", "ignoreProvider": true});
        server
            .call(paper, &format!("PUT {}", path_of(&id)), &update)
            .expect("S200_05");
        assert_eq!(server.store_side(paper), [format!("{id} {} Ivor", email(&name))]);
        if paper != HERALD {
            assert!(server.provider_side(paper).is_empty(), "{paper}");
        }
        let delete = format!("DELETE {}?ignoreProvider=true", path_of(&id));
        server.call(paper, &delete, &Value::Null).expect("S200_14");
        assert!(server.store_side(paper).is_empty(), "{paper}");
        let of_providers = server.story(paper).into_iter().filter(|kind| kind.starts_with("46"));
        assert_eq!(of_providers.count(), 0, "{paper}");
    }
}

/// §2: "refused | – | 400 with the code below; nothing is written".
#[test]
fn refusal_of_the_provider_writes_nothing() {
    let server = WriteServer::start(&[]);
    for paper in WITH_PROVIDER {
        let name = own("rita", paper);
        let mut body = new_user(&name);
        body["password"] = json!("short");
        let refused = post(&server, paper, "", &body);
        assert_eq!(
            (refused.status, refused.code()),
            (400, "E400_00"),
            "{paper}: {refused:?}"
        );
        assert!(server.agreed(paper).is_empty(), "{paper}");
        let id = server.create(paper, &name).expect("S200_03").id();
        let weak = json!({"password": "short"});
        let refused = server.call(paper, &format!("PATCH {}/Password", path_of(&id)), &weak);
        assert_eq!(refused.status, 400, "{paper}: {refused:?}");
        server.sign_in(paper, &email(&name), PASSWORD).expect("S200_06");
        assert!(server.open_intents().is_empty(), "{paper}");
    }
}

/// §3, create: "No password = passwordless … A change-password link is mailed when `returnUrl` is given, and answered as
/// `data.urlPasswordChangeTicket` to callers with scope `users:tickets`".
#[test]
fn user_without_password_gets_a_link() {
    let server = WriteServer::start(&[]);
    let tickets = bearer("users:write users:tickets");
    for paper in EVERY {
        let name = own("liv", paper);
        let body = json!({"email": email(&name), "firstName": "Liv", "returnUrl": RETURN_URL});
        let created = post(&server, paper, "", &body).expect("S200_03");
        assert_eq!(created.body["data"].get("urlPasswordChangeTicket"), None, "{paper}");
        let expected = if paper == HERALD { "E403_02" } else { "E401_01" };
        server.sign_in(paper, &email(&name), PASSWORD).expect(expected);
        let link = server.mails(&email(&name), 1)[0].links[0].clone();
        let finish = json!({"encryptedEventId": parameter(&link, "encryptedEventId"), "password": PASSWORD});
        post(&server, paper, "/ForgotPassword/Finish", &finish).expect("S200_10");
        server.sign_in(paper, &email(&name), PASSWORD).expect("S200_06");

        let name = own("tom", paper);
        let body = json!({"email": email(&name), "returnUrl": RETURN_URL});
        let shown = server.call_with(paper, "POST /v4/Users", &body, &[("Authorization", &tickets)]);
        let shown = shown.expect("S200_03").body["data"]["urlPasswordChangeTicket"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(shown, server.mails(&email(&name), 1)[0].links[0], "{paper}");
    }
}

/// §3, create: "A given id must be free in our store (E409) or, for a federated tenant, name an account of the provider, which is then
/// linked."
#[test]
fn given_id_is_free_or_links_an_account() {
    let server = WriteServer::start(&[]);
    for paper in WITH_PROVIDER {
        let name = own("gus", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        // Our store loses it, and the provider keeps it.
        let delete = format!("DELETE {}?ignoreProvider=true", path_of(&id));
        server.call(paper, &delete, &Value::Null).expect("S200_14");
        let mut body = new_user(&name);
        body["customerRegistrationId"] = json!(id);
        assert_eq!(post(&server, paper, "", &body).expect("S200_03").id(), id);
        assert_eq!(server.agreed(paper), [format!("{id} {} Nova", email(&name))]);
        body["customerRegistrationId"] = json!("auth0|nobody");
        post(&server, paper, "", &body).expect("E400_00");
    }
    let taken = json!({"email": email("one"), "password": PASSWORD, "customerRegistrationId": "own-id"});
    post(&server, HERALD, "", &taken).expect("S200_03");
    let again = json!({"email": email("two"), "password": PASSWORD, "customerRegistrationId": "own-id"});
    post(&server, HERALD, "", &again).expect("E409");
}

/// §3, update: "merged key by key; `null` removes", "No field → E400_00. Unknown id → E404", "a changed user is 412 `E412`".
#[test]
fn update_merges_and_respects_its_condition() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("ulla", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        let path = path_of(&id);
        let put = |body: Value, headers: &[(&'static str, &str)]| {
            server.call_with(paper, &format!("PUT {path}"), &body, headers)
        };
        put(json!({"metadata": {"city": "Oslo", "title": "Dr"}}), &[]).expect("S200_05");
        put(json!({"metadata": {"city": "Bergen", "title": null}}), &[]).expect("S200_05");
        let read = server.send(paper, &format!("GET {path}"), &Value::Null, &[]);
        let tag = header(&read, "etag").unwrap().to_owned();
        let shown: Value = serde_json::from_str(&read.body).unwrap();
        let metadata = &shown["data"]["metadata"];
        assert_eq!(
            (&metadata["city"], &metadata["title"]),
            (&json!("Bergen"), &json!("")),
            "{paper}"
        );
        put(json!({"lastName": "First"}), &[("If-Match", &tag)]).expect("S200_05");
        put(json!({"lastName": "Second"}), &[("If-Match", &tag)]).expect("E412");
        let after = put(json!({"removeLastLogoutDate": true}), &[]).expect("S200_05");
        assert_eq!(after.body["data"]["lastName"], "First", "{paper}");
        put(json!({}), &[]).expect("E400_00");
        server
            .call(paper, "PUT /v4/Users/nobody", &json!({"firstName": "X"}))
            .expect("E404");
    }
}

/// §3, authentication: "Silence → 503: never "incorrect"", and "A provider that cannot check passwords → 400 naming the setting".
#[test]
fn silence_is_never_a_wrong_password() {
    let server = WriteServer::start(&[]);
    for paper in WITH_PROVIDER {
        let name = own("sue", paper);
        server.create(paper, &name).expect("S200_03");
        server.runtime.block_on(server.sandbox(paper).off()).unwrap();
        server.sign_in(paper, &email(&name), PASSWORD).expect("E503");
        server.sign_in(paper, &email(&name), "Wrong-password-1").expect("E503");
    }
    assert!(
        !server.story(MIRROR).contains(&"4906".to_owned()),
        "no failure is recorded"
    );
}

/// §3, authentication: "per account 10 failures in 15 min … then 429 E429 + Retry-After".
#[test]
fn eleventh_failure_is_answered_later() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("max", paper);
        server.create(paper, &name).expect("S200_03");
        for _ in 0..10 {
            server
                .sign_in(paper, &email(&name), "Wrong-password-1")
                .expect("E401_01");
        }
        let later = server.sign_in(paper, &email(&name), PASSWORD).expect("E429");
        assert!(later.retry_after.is_some(), "{paper}");
        let failures = server.story(paper).into_iter().filter(|kind| kind == "4906").count();
        assert_eq!(failures, 10, "{paper}");
    }
}

/// §3, forgot password: "also for an unknown address, alike in text, status, size …; mail only to a known one".
#[test]
fn forgotten_password_is_answered_alike() {
    let server = WriteServer::start(&[]);
    let id = [("X-RequestId", "alike")];
    for paper in EVERY {
        let name = own("fay", paper);
        server.create(paper, &name).expect("S200_03");
        let forgot = |address: &str| {
            let body = json!({"loginName": address, "returnUrl": RETURN_URL});
            let answer = server.send(paper, "POST /v4/Users/ForgotPassword", &body, &id);
            let mut shown: Value = serde_json::from_str(&answer.body).unwrap();
            let value = shown["data"]["encryptedEventId"].take();
            assert_eq!(value.as_str().unwrap().len(), 43);
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            (answer.status, shown, headers, answer.body.len())
        };
        let unknown = email(&own("nobody", paper));
        assert_eq!(forgot(&email(&name)), forgot(&unknown), "{paper}");
        server.mails(&email(&name), 1);
        assert!(
            !server
                .mailbox
                .messages()
                .iter()
                .any(|mail| mail.envelope_to == [unknown.clone()])
        );
        assert_eq!(
            server.story(paper).iter().filter(|kind| *kind == "4009").count(),
            2,
            "{paper}"
        );
    }
}

/// §3, verification: "E400_15 wrong code (five tries, then a new code is needed)"; "one a minute … answers alike for unknown addresses".
#[test]
fn five_wrong_tries_end_a_code() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("vera", paper);
        let mut pending = new_user(&name);
        pending["verifyEmail"] = json!(true);
        pending["returnUrl"] = json!(RETURN_URL);
        post(&server, paper, "", &pending).expect("S200_04");
        let code = parameter(&server.mails(&email(&name), 1)[0].links[0], "verificationCode");
        let verify = |code: &str| {
            post(
                &server,
                paper,
                "/Verification",
                &json!({"email": email(&name), "verificationCode": code}),
            )
        };
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..5 {
            verify(wrong).expect("E400_15");
        }
        verify(&code).expect("E400_15");
        let again = |address: &str| {
            let body = json!({"email": address, "returnUrl": RETURN_URL});
            post(&server, paper, "/VerificationCode", &body).expect("S200_13").body["message"].clone()
        };
        // Within a minute no other code is sent, and nothing shows it.
        assert_eq!(again(&email(&name)), again(&email("nobody")));
        server
            .database
            .run("UPDATE verification_codes SET sent_at = sent_at - interval '2 minutes'")
            .unwrap();
        again(&email(&name));
        let code = parameter(&server.mails(&email(&name), 2)[1].links[0], "verificationCode");
        verify(&code).expect("S200_07");
        verify(&code).expect("E400_16");
        assert!(has_user(&server, paper, &name));
    }
}

/// §3, DELETE: "soft delete now, purge after `Users.PurgeDays` (30), `?purge=true` with scope `users:erase` at once".
#[test]
fn deletion_is_soft_unless_it_purges() {
    let server = WriteServer::start(&[]);
    let eraser = bearer("users:write users:erase");
    let rows = |id: &str| server.rows(&format!("SELECT count(*) FROM registrations WHERE crid = '{id}'"))[0].clone();
    for paper in EVERY {
        // A stand-in may give the id of a deleted user to the next one.
        let [soft, purged] = ["del", "pur"].map(|name| server.create(paper, &own(name, paper)).expect("S200_03").id());
        server
            .call(paper, &format!("DELETE {}", path_of(&soft)), &Value::Null)
            .expect("S200_14");
        assert_eq!(rows(&soft), "1", "{paper}");
        let call = format!("DELETE {}?purge=true", path_of(&purged));
        assert_eq!(server.call(paper, &call, &Value::Null).status, 403, "{paper}");
        assert_eq!(rows(&purged), "1", "{paper}");
        server
            .call_with(paper, &call, &Value::Null, &[("Authorization", &eraser)])
            .expect("S200_14");
        assert_eq!(rows(&purged), "0", "{paper}");
        for id in [soft, purged] {
            server
                .call(paper, &format!("GET {}", path_of(&id)), &Value::Null)
                .expect("E404");
        }
    }
}

/// §4: "`returnUrl` must match the tenant's `Users.ReturnUrls` …; otherwise E400_00", "Mail: text and HTML", "One `Message-ID` per event".
#[test]
fn links_lead_where_the_tenant_allows() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("lou", paper);
        server.create(paper, &name).expect("S200_03");
        for elsewhere in [
            "https://evil.example/account",
            "http://herald.example/account",
            "https://herald.example.evil.example/account",
            "https://herald.example/other",
        ] {
            for (path, body) in [
                ("", json!({"email": email("x"), "returnUrl": elsewhere})),
                (
                    "/ForgotPassword",
                    json!({"loginName": email(&name), "returnUrl": elsewhere}),
                ),
                (
                    "/VerificationCode",
                    json!({"email": email(&name), "returnUrl": elsewhere}),
                ),
            ] {
                let refused = post(&server, paper, path, &body).expect("E400_00");
                let text = refused.body["message"]["text"].as_str().unwrap().to_owned();
                assert!(text.contains("returnUrl") && !text.contains("evil"), "{paper}: {text}");
            }
        }
        let forgot = json!({"loginName": email(&name), "returnUrl": RETURN_URL});
        for _ in 0..2 {
            post(&server, paper, "/ForgotPassword", &forgot).expect("S200_08");
        }
        let mails = server.mails(&email(&name), 2);
        assert_ne!(mails[0].message_id, mails[1].message_id);
        for mail in &mails {
            let link = &mail.links[0];
            assert!(link.starts_with(RETURN_URL) && !link.contains(&name), "{link}");
            let value = parameter(link, "encryptedEventId");
            assert!(mail.text.contains(&value) && mail.html.contains(&value), "{paper}");
        }
    }
}

/// §3, hashes: "every family … verifies and is replaced by Argon2id at the next success", and §1: "An imported hash is tried with the
/// bytes as typed first, then with the forms its origin used".
#[test]
fn imported_hash_is_replaced_at_the_next_sign_in() {
    let server = WriteServer::start(&[]);
    for (name, hash, typed) in IMPORTED {
        let line = json!({
            "customerRegistrationId": name, "email": email(name), "firstName": "Imogen", "lastName": "", "verified": true,
            "passwordHash": hash, "metadata": {},
        });
        let output = server.command_with(&["import", "--tenant", "north/daily/herald"], &line.to_string());
        assert!(output.status.success(), "{output:?}");
        let hash = || {
            server.rows(&format!(
                "SELECT password_hash FROM registrations WHERE crid = '{name}'"
            ))[0]
                .clone()
        };
        let sign_in = |typed: &str| server.sign_in(HERALD, &email(name), typed);
        sign_in("Wrong-password-1").expect("E401_01");
        assert!(!hash().starts_with("$argon2id$"), "{name}");
        sign_in(typed).expect("S200_06");
        assert!(hash().starts_with("$argon2id$"), "{name}: {}", hash());
        sign_in(typed).expect("S200_06");
    }
}

/// Every line of the contract has a test of these folders, and the table names no other.
#[test]
fn every_line_has_a_test() {
    let rows = test_table::rows("writes-tests.md");
    assert!(rows.len() > 60, "{}", rows.len());
    for row in rows {
        assert!(!row.tests.is_empty(), "no test: {}", row.line);
        for test in row.tests {
            test_table::check_test(&format!("masthead::it::{test}"));
        }
    }
}
