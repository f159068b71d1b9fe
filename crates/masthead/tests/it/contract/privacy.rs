//! Privacy: after valid, invalid and hostile requests, the log, the metrics and the audit log contain no data of the requested
//! users.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use masthead_dev_postgres::TestDatabase;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{CaseEnvironment, CaseToken, ContractCase, Expectation},
};
use serde_json::json;

use crate::support::process::setting;
use crate::{
    contract::{
        export::basic,
        server::{ContractServer, TenantFixture, token},
    },
    support::{
        http_client,
        process::{self, SEALING_KEY, SECRET},
        raw_http::FOREVER,
    },
    writes::{
        harness::{FEDERATED, HERALD as WRITTEN, WriteServer, email},
        journey,
    },
};

const HERALD: &str = "north/daily/herald";
const COURIER: &str = "south/post/courier";

/// User data and secrets: none of it may be found afterwards, in upper or lower case.
const PERSONAL: [&str; 12] = [
    "quillan",
    "brackwater",
    "zanzibar",
    "hummingbird",
    "5550147",
    "crid-xylophone",
    "auth0|marimba",
    "auth0%7cmarimba",
    "marimba",
    "argon2id",
    SECRET,
    SEALING_KEY,
];

const EMAIL: &str = "Quillan.Brackwater@zanzibar.example";
const CRID: &str = "crid-xylophone-77";

fn loaded() -> Vec<TenantFixture> {
    let person = |crid: &str, email: &str| {
        with_metadata(
            account(crid, email, "Quillan", "Brackwater"),
            &[
                ("phoneNumber", "+475550147"),
                ("address", "Hummingbird Lane 3"),
                ("quillan", "brackwater"),
            ],
        )
    };
    let of = |tenant, settings, accounts| TenantFixture {
        tenant,
        pool: None,
        settings,
        accounts,
    };
    vec![
        of(
            HERALD,
            &[],
            vec![
                person(CRID, EMAIL),
                person("crid-xylophone-78", "zanzibar@zanzibar.example"),
            ],
        ),
        of(
            COURIER,
            &[("Flow.UserProvider", "Auth0")],
            vec![person("auth0|marimba", EMAIL)],
        ),
    ]
}

/// Requests with user data in every possible place.
fn requests(server: &ContractServer) -> Vec<ContractCase> {
    let any = |target: &str| ContractCase::get(target, Expectation::Status(0));
    let mut cases = Vec::new();
    for base in ["/v4/Users", "/Users/", "/UsersOrchestrator/v4/Users"] {
        for query in [
            "",
            "?",
            "email=quillan.brackwater@zanzibar.example",
            "email=Quillan.Brackwater%40zanzibar.example&emailMatch=prefix",
            "email=brackwater",
            "email=%25quillan_%5C&explain=true",
            "encryptedEmail={{sealed-email:quillan.brackwater@zanzibar.example}}",
            "encryptedEmail=quillan@zanzibar.example",
            "customerRegistrationId=crid-xylophone-77",
            "encryptedCustomerRegistrationId={{sealed-id:crid-xylophone-77}}",
            "firstName=Quillan&lastName=Brackwater",
            "metadata.phoneNumber=%2B475550147",
            "metadata.quillan=brackwater&fields=metadata.quillan",
            "fields=quillan",
            "quillan=brackwater",
            "pageSize=quillan&email=brackwater",
            "email=quillan&email=brackwater",
            "email=quillan%ff",
            "email=quillan%00",
            "cursor=quillan@zanzibar.example",
            "onProviderFailure=quillan",
            "pageNumber=2000000000&email=quillan",
        ] {
            cases.push(any(&format!("{base}?{query}")));
        }
        let id = format!("{}/{CRID}", base.trim_end_matches('/'));
        cases.push(any(&id));
        cases.push(any(&format!("{id}?email=quillan@zanzibar.example")));
        cases.push(any(&format!("{id}-79/?explain=true")));
    }
    for path in [
        "/v4/Users/quillan.brackwater@zanzibar.example",
        "/v4/Users/auth0|marimba",
        "/v4/Users/auth0%7Cmarimba/brackwater",
        "/quillan/brackwater@zanzibar.example",
        "/v4/Users/quillan%ff",
        "/health/quillan",
        "/docs/quillan?brackwater",
    ] {
        cases.push(any(path));
    }
    for body in [
        json!({"email": EMAIL, "explain": true}).to_string(),
        json!({"firstName": "Quillan", "metadata": {"address": "Hummingbird Lane 3"}}).to_string(),
        json!({"quillan": "brackwater"}).to_string(),
        json!({"email": {"quillan": 1}}).to_string(),
        json!({"email": "quillan", "pageSize": "brackwater"}).to_string(),
        format!("{{\"email\":\"{EMAIL}\""),
        format!("{EMAIL} brackwater"),
        format!("{{\"email\":\"{}\"}}", "quillan".repeat(12_000)),
    ] {
        cases.push(ContractCase::search(&body, Expectation::Status(0)));
        let search = ContractCase::search(&body, Expectation::Status(0)).without("Content-Type");
        cases.push(search.with("Content-Type", "text/quillan"));
    }
    let by_id = || any(&format!("/v4/Users/{CRID}"));
    for (name, value) in [
        ("X-RequestId", EMAIL),
        ("X-RequestId", "quillan%40zanzibar.example"),
        ("X-SourceSystem", EMAIL),
        ("X-ClientCode", EMAIL),
        ("X-PaperCode", "quillan brackwater"),
        ("X-MediaGroupCode", EMAIL),
        ("Authorization", EMAIL),
        ("Authorization", "Bearer quillan.brackwater@zanzibar.example"),
        ("Authorization", "Basic cXVpbGxhbjpicmFja3dhdGVy"),
        ("Cookie", "quillan=brackwater"),
        ("User-Agent", "quillan brackwater"),
        ("Referer", "https://zanzibar.example/quillan"),
        ("Forwarded", "for=quillan"),
        ("Quillan", "brackwater"),
    ] {
        cases.push(by_id().with(name, value));
    }
    for kind in [
        CaseToken::WriterOnly,
        CaseToken::OtherTenant,
        CaseToken::Expired,
        CaseToken::Forged,
    ] {
        cases.push(by_id().bearing(kind));
    }
    for target in [
        "/v4/Users/auth0%7Cmarimba",
        "/v4/Users/auth0|marimba?onProviderFailure=fail",
        "/v4/Users?email=quillan.brackwater@zanzibar.example",
        "/v4/Users?email=quillan&onProviderFailure=fail",
        "/v4/Users?email=quillan&ignoreProvider=true",
    ] {
        cases.push(any(target).for_tenant(COURIER));
    }
    cases.push(any(&format!("/v4/Users?email={}", server.token(CaseToken::Reader))));
    cases.push(any(&format!("/v4/Users?email={}", "quillan".repeat(4_000))));
    cases
}

/// The same in the legacy API.
fn legacy_requests() -> Vec<ContractCase> {
    let any = |target: &str| ContractCase::get(target, Expectation::Status(0));
    let mut cases = Vec::new();
    for target in [
        "/User?request.email=quillan.brackwater@zanzibar.example",
        "/User/0?email=quillan",
        "/User/crid-xylophone-77/0",
        "/User/quillan@zanzibar.example/brackwater",
        "/User/Encrypted?encryptedEmail={{sealed-email:quillan.brackwater@zanzibar.example}}",
        "/User/Encrypted/2?encryptedCustomerRegistrationId={{sealed-id:crid-xylophone-77}}",
        "/User?quillan=brackwater",
        "/User?SortBy=quillan&email=brackwater",
    ] {
        cases.push(any(target));
        cases.push(any(target).without("X-ClientGroupCode"));
        cases.push(any(target).for_tenant(COURIER));
    }
    cases
}

/// Exports with user data in every possible place, with valid and invalid keys.
fn exports(key: &str) -> Vec<ContractCase> {
    let identifier = |kind: &str, text: &str| json!({"identifier_type": kind, "identifier": text});
    let all = json!([
        identifier("customer_id", CRID),
        identifier("email", EMAIL),
        identifier("id", "quillan")
    ]);
    let mut cases = Vec::new();
    for body in [
        json!({"identifiers": all}).to_string(),
        json!({"data": {"identifiers": all, "user_fields_to_export": ["quillan", "address", "mobile"]}}).to_string(),
        json!({"identifiers": [identifier("quillan", "brackwater")]}).to_string(),
        json!({"identifiers": [{"quillan": EMAIL}]}).to_string(),
        json!({"quillan": "brackwater"}).to_string(),
        format!("{{\"identifiers\":[{{\"identifier\":\"{EMAIL}\""),
        "quillan".repeat(30_000),
    ] {
        for authorization in [
            basic("herald", key),
            basic("herald", "quillan-brackwater"),
            basic("quillan", key),
            EMAIL.to_owned(),
        ] {
            for target in [
                "/v1/customers/export?app_id=herald",
                "/v1/customers/export?app_id=quillan&brackwater=zanzibar",
                "/v1/users/export/herald?app_id=herald&strict=true",
                "/v1/users/export/quillan.brackwater@zanzibar.example",
            ] {
                let case = ContractCase::search(&body, Expectation::Status(0)).at(target);
                let case = case.with("X-Forwarded-For", "quillan, 203.0.113.77");
                cases.push(case.with("Authorization", &authorization));
            }
        }
    }
    cases
}

/// Sends invalid and incomplete requests.
fn broken(address: SocketAddr) {
    for text in [
        "quillan brackwater@zanzibar.example\r\n\r\n",
        "GET /v4/Users?email=quillan brackwater HTTP/1.1\r\n\r\n",
        "BRACKWATER /v4/Users/quillan HTTP/1.1\r\nhost: zanzibar.example\r\nconnection: close\r\n\r\n",
        "GET http://quillan:brackwater@zanzibar.example/v4/Users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /v4/Users/quillan HTTP/1.1\r\nhost: x\r\nquillan\x01: brackwater\r\n\r\n",
        "POST /v4/Users/Search HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{\"email\":\"quillan",
        "POST /v4/Users/Search HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nquillan\r\nbrackwater",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nquillan brackwater and then some more of it",
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(FOREVER)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        if !text.contains("connection: close") {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        // After the response or the end, the server has read everything.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn send(server: &ContractServer, case: &ContractCase) -> u16 {
    http_client::send(server.address, &case.request(server)).status
}

/// Checks that the text contains none of it.
fn clean(what: &str, text: &str, tokens: &[String]) {
    let lowered = text.to_lowercase();
    let held = PERSONAL.iter().copied().chain(tokens.iter().map(String::as_str));
    for personal in held {
        let personal = personal.to_lowercase();
        let line = lowered.lines().find(|line| line.contains(&personal));
        assert_eq!(line, None, "{personal} is in the {what}");
    }
}

/// The audit log, every column.
fn events(database: &TestDatabase) -> String {
    let events = database.run("SELECT events::text FROM events").unwrap();
    events + &database.run("SELECT outbox::text FROM outbox").unwrap()
}

#[test]
fn log_metrics_and_events_contain_no_user_data() {
    // All levels of this program and its libraries.
    let server = ContractServer::start_with(&loaded(), |settings| settings.push(setting("LOG__LEVEL", "trace")));
    let settings = process::settings(&server.database.url().unwrap());
    let key = process::run_ok(&settings, &["workspace", "add", "herald", "--tenant", HERALD], "");
    let all = || [requests(&server), legacy_requests(), exports(&key)].concat();
    let run = |seen: &mut Vec<u16>| {
        let statuses = all().into_iter().map(|case| send(&server, &case));
        seen.extend(statuses);
    };
    let mut seen = Vec::new();
    run(&mut seen);
    broken(server.address);
    let by_http2 = all().into_iter().map(|case| case.request(&server));
    // A longer target exceeds the header limit of a stream, which ends it without a response.
    let by_http2: Vec<_> = by_http2.filter(|request| request.target.len() < 8_000).collect();
    seen.extend(http_client::send_http2(server.address, &by_http2));
    // Unreadable rows, and then a missing table: errors of the database are logged.
    server
        .database
        .run("UPDATE registrations SET metadata = '{\"quillan\":[\"brackwater\"]}', state = 1")
        .unwrap();
    run(&mut seen);
    server
        .database
        .run("ALTER TABLE registrations RENAME TO brackwater")
        .unwrap();
    run(&mut seen);
    server
        .database
        .run("ALTER TABLE brackwater RENAME TO registrations")
        .unwrap();
    for status in [200, 400, 401, 403, 404, 409, 413, 414, 415, 500, 503] {
        assert!(seen.contains(&status), "no {status} among {seen:?}");
    }

    let metrics = http_client::get(server.address, "/metrics").body;
    assert!(
        metrics.contains("masthead_http_request_duration_seconds_count"),
        "{metrics}"
    );
    let kinds = [
        CaseToken::Reader,
        CaseToken::WriterOnly,
        CaseToken::OtherTenant,
        CaseToken::Expired,
        CaseToken::Forged,
    ];
    // The secret part of a token is its signature, which differs each second.
    let mut tokens = kinds
        .map(|kind| token(kind).rsplit('.').next().unwrap().to_owned())
        .to_vec();
    let credentials = basic("herald", &key);
    tokens.extend([key.clone(), credentials.trim_start_matches("Basic ").to_owned()]);
    // An IP address is personal data.
    tokens.push("203.0.113.77".to_owned());
    let (log, database) = server.stop();
    assert!(
        log.contains(r#""level":"TRACE""#) && log.lines().count() > seen.len(),
        "{log}"
    );
    clean("metrics", &metrics, &tokens);
    clean("log", &log, &tokens);
    let events = events(&database);
    assert!(events.lines().count() > 100, "{events}");
    clean("audit log", &events, &tokens);
    // No token at all, of any second.
    for (what, text) in [("metrics", &metrics), ("log", &log), ("audit log", &events)] {
        assert!(!text.contains("eyJ"), "a token is in the {what}");
    }
}

#[test]
fn refused_import_prints_no_user_data() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["migrate"], "");
    process::run_ok(&settings, &["tenant", "add", HERALD], "");
    let line =
        |crid: &str, email: &str| json!({"customerRegistrationId": crid, "email": email, "firstName": "Quillan"});
    let good = line(CRID, EMAIL).to_string();
    process::run_ok(&settings, &["import", "--tenant", HERALD], &good);
    for (what, lines) in [
        ("an address in use", line("crid-xylophone-79", EMAIL).to_string()),
        (
            "an id twice",
            format!("{0}\n{0}", line("crid-xylophone-80", "brackwater@zanzibar.example")),
        ),
        ("broken JSON", format!("{{\"email\":\"{EMAIL}\"")),
        (
            "an unusual name",
            json!({"customerRegistrationId": "crid-xylophone-82", "firstName": "Quillan".repeat(50)}).to_string(),
        ),
        ("a bad address", line("crid-xylophone-81", "brackwater\0").to_string()),
        (
            "a bad tenant",
            json!({"tenant": "quillan", "customerRegistrationId": CRID}).to_string(),
        ),
        (
            "no such tenant",
            json!({"tenant": 7, "customerRegistrationId": CRID}).to_string(),
        ),
    ] {
        for policy in ["reject", "merge"] {
            let arguments = ["import", "--tenant", HERALD, "--report", "--on-duplicate", policy];
            let refused = process::run(&settings, &arguments, &format!("{good}\n{lines}"));
            let code = refused.status.code().unwrap();
            assert!([0, 3].contains(&code), "{what} {policy}: {code}");
            for messages in [&refused.stdout, &refused.stderr] {
                clean(what, &String::from_utf8_lossy(messages), &[]);
            }
        }
    }
    let events = events(&database);
    assert!(!events.is_empty());
    clean("audit log", &events, &[]);
}

/// Whether a text contains a code: as a word of its own that is no number of a JSON member, nor the fraction of one.
fn has_code(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + code.len()..].chars().next();
        !before.is_some_and(|char| char.is_alphanumeric() || ":.".contains(char))
            && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Calls that have a secret in the wrong place, or of the wrong form.
fn hostile_writes(server: &WriteServer, secret: &str) {
    let address = email("hostile");
    for (call, body) in [
        ("POST /v4/Users", json!({"email": secret, "password": secret})),
        ("POST /v4/Users", json!({"email": address, "password": [secret]})),
        (
            "POST /v4/Users",
            json!({"email": address, "password": secret.repeat(40)}),
        ),
        (
            "POST /v4/Users",
            json!({"email": address, "password": secret, "colour": 1}),
        ),
        (
            "POST /v4/Users",
            json!({"email": address, "password": secret, "verified": secret}),
        ),
        (
            "POST /v4/Users",
            json!({"email": address, "password": secret, "returnUrl": secret}),
        ),
        (
            "POST /v4/Users",
            json!({"email": address, "encryptedCustomerRegistrationId": secret}),
        ),
        ("POST /v4/Users", json!(secret)),
        ("PUT /v4/Users/nobody", json!({"password": secret})),
        ("PUT /v4/Users/nobody", json!({"lastLogoutDate": secret})),
        ("PATCH /v4/Users/nobody/Password", json!({"password": secret})),
        (
            "PATCH /v4/Users/nobody/Password",
            json!({"password": {"password": secret}}),
        ),
        (
            "POST /v4/Users/Authentication",
            json!({"loginName": secret, "password": secret}),
        ),
        ("POST /v4/Users/Authentication", json!({"token": secret})),
        (
            "POST /v4/Users/ForgotPassword/Finish",
            json!({"encryptedEventId": secret, "password": secret}),
        ),
        (
            "POST /v4/Users/Verification",
            json!({"email": secret, "verificationCode": secret}),
        ),
        ("POST /Authenticate", json!({"LoginName": secret, "Password": secret})),
        (
            "POST /User",
            json!({"Email": address, "CreationMode": secret, "Password": secret}),
        ),
    ] {
        let answer = server.send(WRITTEN, call, &body, &[]);
        assert!(!answer.body.contains(secret), "{call} {body}: {}", answer.body);
    }
}

#[test]
fn secrets_of_writes_are_nowhere() {
    const PASSWORDS: [&str; 2] = ["Tamarisk-and-frost-3", "Saffron-and-hail-4"];
    const HOSTILE: &str = "Nettle-and-fog-6";
    // All levels of this program and its libraries.
    let mut server = WriteServer::start(&[("LOG__LEVEL", "trace")]);
    let secrets = journey::live(&server, WRITTEN, "nell.j@zanzibar.example", "nell.new@zanzibar.example");
    for paper in FEDERATED {
        let address = "quillan@zanzibar.example";
        let new = json!({"email": address, "password": PASSWORDS[0], "firstName": "Quillan", "lastName": "Brackwater"});
        let id = server.call(paper, "POST /v4/Users", &new).expect("S200_03").id();
        server.sign_in(paper, address, PASSWORDS[0]).expect("S200_06");
        server.sign_in(paper, address, HOSTILE).expect("E401_01");
        let path = format!("PATCH /v4/Users/{}/Password", http_client::percent_encoded(&id));
        server
            .call(paper, &path, &json!({"password": PASSWORDS[1]}))
            .expect("S200_11");
        server.sandbox(paper).inject(masthead_sandbox::Fault::Html);
        assert_eq!(
            server.call(paper, &path, &json!({"password": PASSWORDS[0]})).status,
            503
        );
    }
    hostile_writes(&server, HOSTILE);

    let metrics = http_client::get(server.address(), "/metrics").body;
    assert!(metrics.contains("masthead_password_hashes_total"), "{metrics}");
    let bodies = server.bodies().join("\n");
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    let read = |table: &String| server.rows(&format!("SELECT t::text FROM {table} AS t")).join("\n");
    let tables: Vec<_> = server
        .rows(tables)
        .into_iter()
        .map(|table| (read(&table), table))
        .collect();
    let log = server.stop();
    assert!(log.contains(r#""level":"TRACE""#), "{log}");
    assert!(bodies.contains("nell.new@zanzibar.example"), "{bodies}");
    let mut learned = secrets.texts.clone();
    learned.extend([&PASSWORDS[..], &[HOSTILE]].concat().into_iter().map(str::to_owned));
    let places = [("log", &log), ("metrics", &metrics), ("responses", &bodies)];
    let tables = tables.iter().map(|(rows, table)| (&**table, rows));
    for (what, text) in places.into_iter().chain(tables) {
        let lowered = text.to_lowercase();
        for secret in &learned {
            // The hash of a password has its column.
            if what == "registrations" && secret.starts_with('$') {
                continue;
            }
            let at = lowered.find(&secret.to_lowercase());
            let around = at.map(|at| &lowered[at.saturating_sub(300)..(at + 100).min(lowered.len())]);
            assert_eq!(around, None, "{secret} is in the {what}");
        }
        assert!(!has_code(text, &secrets.code), "{} is in the {what}", secrets.code);
    }
    // Nor personal data.
    for (what, text) in [("log", &log), ("metrics", &metrics)] {
        let text = text.to_lowercase();
        for personal in ["zanzibar", "journeywoman", "nowhereville", "brackwater", "quillan"] {
            let at = text.find(personal);
            let around = at.map(|at| &text[at.saturating_sub(300)..(at + 100).min(text.len())]);
            assert_eq!(around, None, "{personal} is in the {what}");
        }
    }
}
