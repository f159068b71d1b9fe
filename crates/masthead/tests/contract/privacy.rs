//! Nothing personal stays behind: after requests of every kind, good, bad and hostile, neither log, metrics nor audit log
//! hold anything of the people that were asked for.

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

use crate::{
    export::basic,
    support::{
        served::{self, SEALING_KEY, SECRET},
        wire::FOREVER,
    },
    wire,
    world::{Loaded, World, setting, token},
};

const HERALD: &str = "north/daily/herald";
const COURIER: &str = "south/post/courier";

/// What belongs to people, and what opens doors: none of it may be found afterwards, in any case of letters.
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

fn loaded() -> Vec<Loaded> {
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
    let of = |tenant, settings, accounts| Loaded {
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

/// Requests that name people, in every place where a request can name them.
fn requests(world: &World) -> Vec<ContractCase> {
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
    cases.push(any(&format!("/v4/Users?email={}", world.token(CaseToken::Reader))));
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

/// Exports that name people, in every place where one can name them; with a key that opens, and with some that do not.
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

/// What is no request, or not a whole one.
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
        // Whatever comes, or the end: the server has then seen it all.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn ask(world: &World, case: &ContractCase) -> u16 {
    wire::send(world.address, &case.request(world)).status
}

/// That none of it is in there.
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
fn nothing_personal_is_in_log_metrics_or_events_of_a_whole_run() {
    // Everything that this program and the libraries in it would ever tell.
    let world = World::with(&loaded(), |settings| settings.push(setting("LOG__LEVEL", "trace")));
    let settings = served::settings(&world.database.url().unwrap());
    let key = served::done(&settings, &["workspace", "add", "herald", "--tenant", HERALD], "");
    let all = || [requests(&world), legacy_requests(), exports(&key)].concat();
    let run = |seen: &mut Vec<u16>| {
        let statuses = all().into_iter().map(|case| ask(&world, &case));
        seen.extend(statuses);
    };
    let mut seen = Vec::new();
    run(&mut seen);
    broken(world.address);
    let by_http2 = all().into_iter().map(|case| case.request(&world));
    // A longer target is more than the headers of a stream may hold, and ends it without an answer.
    let by_http2: Vec<_> = by_http2.filter(|request| request.target.len() < 8_000).collect();
    seen.extend(wire::send_by_http2(world.address, &by_http2));
    // Rows that cannot be read, and then a table that is not there: what the database complains of is logged.
    world
        .database
        .run("UPDATE registrations SET metadata = '{\"quillan\":[\"brackwater\"]}', state = 1")
        .unwrap();
    run(&mut seen);
    world
        .database
        .run("ALTER TABLE registrations RENAME TO brackwater")
        .unwrap();
    run(&mut seen);
    world
        .database
        .run("ALTER TABLE brackwater RENAME TO registrations")
        .unwrap();
    for status in [200, 400, 401, 403, 404, 409, 413, 414, 415, 500, 503] {
        assert!(seen.contains(&status), "no {status} among {seen:?}");
    }

    let metrics = wire::get(world.address, "/metrics").body;
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
    // The part of a token that is a secret is its signature; that of another second is another one.
    let mut tokens = kinds
        .map(|kind| token(kind).rsplit('.').next().unwrap().to_owned())
        .to_vec();
    let credentials = basic("herald", &key);
    tokens.extend([key.clone(), credentials.trim_start_matches("Basic ").to_owned()]);
    // An address names a household.
    tokens.push("203.0.113.77".to_owned());
    let (log, database) = world.end();
    assert!(
        log.contains(r#""level":"TRACE""#) && log.lines().count() > seen.len(),
        "{log}"
    );
    clean("metrics", &metrics, &tokens);
    clean("log", &log, &tokens);
    let events = events(&database);
    assert!(events.lines().count() > 100, "{events}");
    clean("audit log", &events, &tokens);
    // No token at all, whatever its second.
    for (what, text) in [("metrics", &metrics), ("log", &log), ("audit log", &events)] {
        assert!(!text.contains("eyJ"), "a token is in the {what}");
    }
}

#[test]
fn nothing_personal_is_told_by_an_import_that_is_refused() {
    let database = TestDatabase::empty().unwrap();
    let settings = served::settings(&database.url().unwrap());
    served::done(&settings, &["migrate"], "");
    served::done(&settings, &["tenant", "add", HERALD], "");
    let line =
        |crid: &str, email: &str| json!({"customerRegistrationId": crid, "email": email, "firstName": "Quillan"});
    let good = line(CRID, EMAIL).to_string();
    served::done(&settings, &["import", "--tenant", HERALD], &good);
    for (what, lines) in [
        ("an address in use", line("crid-xylophone-79", EMAIL).to_string()),
        (
            "an id twice",
            format!("{0}\n{0}", line("crid-xylophone-80", "brackwater@zanzibar.example")),
        ),
        ("broken JSON", format!("{{\"email\":\"{EMAIL}\"")),
        (
            "an unknown field",
            json!({"customerRegistrationId": CRID, "quillan": "brackwater"}).to_string(),
        ),
        ("a bad address", line("crid-xylophone-81", "brackwater\0").to_string()),
        (
            "a bad tenant",
            json!({"tenant": "quillan", "customerRegistrationId": CRID}).to_string(),
        ),
        (
            "no tenant of ours",
            json!({"tenant": 7, "customerRegistrationId": CRID}).to_string(),
        ),
    ] {
        let refused = served::run(&settings, &["import", "--tenant", HERALD], &lines);
        assert_eq!(refused.status.code(), Some(1), "{what}");
        for said in [&refused.stdout, &refused.stderr] {
            clean(what, &String::from_utf8_lossy(said), &[]);
        }
    }
    let events = events(&database);
    assert!(!events.is_empty());
    clean("audit log", &events, &[]);
}
