//! Lines of the contract `writes.md` that depend on settings of a tenant, on limits and on time: each over a real socket and a real
//! Postgres.

use std::{thread, time::Duration, time::Instant};

use masthead_sandbox::{Fault, FaultRule, SmtpFault, SmtpStage};
use serde_json::{Value, json};

use super::{
    harness::{
        Answer, COURIER, DESCRIBED, HERALD, MIRROR, PASSWORD, RETURN_URL, TRIBUNE, WriteServer, email, new_user,
    },
    journey::parameter,
    kinds::{Kind, call_at_provider},
    lines::{EVERY, WITH_PROVIDER, bearer, own, path_of, post},
};
use crate::{
    contract::{
        key_sets::KeySetServer,
        rsa::{RsaIssuer, key_set},
    },
    mail::Templates,
    support::{jwt, process::ServerProcess, raw_http::FOREVER},
};

const NEW_PASSWORD: &str = "Quince-and-thunder-9";
const WRONG: &str = "Wrong-password-1";

fn forgot(server: &WriteServer, paper: &str, name: &str) {
    let body = json!({"loginName": email(name), "returnUrl": RETURN_URL});
    post(server, paper, "/ForgotPassword", &body).expect("S200_08");
}

fn register(server: &WriteServer, paper: &str, name: &str) -> Answer {
    let mut pending = new_user(name);
    pending["verifyEmail"] = json!(true);
    pending["returnUrl"] = json!(RETURN_URL);
    post(server, paper, "", &pending)
}

fn verify(server: &WriteServer, paper: &str, name: &str, code: &str) -> Answer {
    let body = json!({"email": email(name), "verificationCode": code});
    post(server, paper, "/Verification", &body)
}

/// The value of the parameter of the link in this mail.
fn mailed(server: &WriteServer, name: &str, number: usize, parameter_name: &str) -> String {
    parameter(&server.mails(&email(name), number)[number - 1].links[0], parameter_name)
}

/// §1: "the tenant switch `Api.IgnoreUnknownParameters` covers bodies too", and §3, update: "Unknown id → E404 (400 by switch)".
#[test]
fn switches_of_the_api_cover_writes() {
    let switches = ["Api.IgnoreUnknownParameters", "Api.MissAs400"];
    let tenants: Vec<_> = EVERY
        .into_iter()
        .flat_map(|paper| switches.map(|switch| (paper, switch, "true")))
        .collect();
    let server = WriteServer::start_with(&tenants, &[]);
    for paper in EVERY.into_iter().chain([COURIER]) {
        let mut body = new_user(&own("ute", paper));
        body["role"] = json!("admin");
        let (created, missed) = if paper == COURIER {
            ("E400_00", 404)
        } else {
            ("S200_03", 400)
        };
        post(&server, paper, "", &body).expect(created);
        let unknown = server.call(paper, "PUT /v4/Users/909", &json!({"firstName": "X"}));
        assert_eq!((unknown.code(), unknown.status), ("E404", missed), "{paper}");
    }
}

/// §1: "honoured … for 24 h", and "Dates are RFC 3339".
#[test]
fn key_is_forgotten_after_a_day() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let id = server.create(paper, &own("kay", paper)).expect("S200_03").id();
        let call = format!("PUT {}", path_of(&id));
        let put = |body: Value| server.call_with(paper, &call, &body, &[("Idempotency-Key", "k-day")]);
        put(json!({"firstName": "Kay"})).expect("S200_05");
        put(json!({"firstName": "Key"})).expect("E422");
        server
            .database
            .run("UPDATE idempotency_keys SET expires_at = expires_at - interval '24 hours'")
            .unwrap();
        put(json!({"firstName": "Key"})).expect("S200_05");
        for (date, code) in [
            ("2026-03-01T12:00:00+02:00", "S200_05"),
            ("01.03.2026 12:00", "E400_00"),
        ] {
            let body = json!({"lastLogoutDate": date});
            server.call(paper, &call, &body).expect(code);
        }
    }
}

/// §1: "Reads that follow on any replica see it (read-your-writes)."
#[test]
fn write_is_read_at_every_server() {
    let server = WriteServer::start(&[]);
    let other = ServerProcess::start(&server.settings);
    for paper in EVERY {
        let id = server.create(paper, &own("rea", paper)).expect("S200_03").id();
        let path = path_of(&id);
        for round in 0..10 {
            let name = format!("Rea{round}");
            let body = json!({"firstName": name});
            let (written, read) = if round % 2 == 0 {
                (server.address(), other.address)
            } else {
                (other.address, server.address())
            };
            let update = server.try_call(written, paper, &format!("PUT {path}"), &body, &[]);
            update.unwrap().expect("S200_05");
            let shown = server.try_call(read, paper, &format!("GET {path}"), &Value::Null, &[]);
            assert_eq!(shown.unwrap().body["data"]["firstName"], name, "{paper}");
        }
    }
}

/// §2: "a background task does so by itself".
#[test]
fn server_settles_intents_by_itself() {
    let server = WriteServer::start(&[]);
    let sandbox = server.sandbox(MIRROR);
    let (method, path) = call_at_provider(MIRROR, Kind::Create);
    sandbox.inject(
        FaultRule::from(Fault::ResetBeforeHeaders)
            .on(path)
            .method(method)
            .times(1),
    );
    sandbox.inject(FaultRule::from(Fault::ResetBeforeCall).on("/api/v2/users-by-email"));
    let unknown = server.create(MIRROR, "bea").expect("E503");
    assert_eq!(unknown.pending(), &json!(["Auth0"]), "{unknown:?}");
    assert_eq!(server.open_intents().len(), 1);
    sandbox.clear_faults();
    server.make_intents_due();
    let began = Instant::now();
    while !server.open_intents().is_empty() {
        assert!(began.elapsed() < FOREVER, "{:?}", server.open_intents());
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(server.agreed(MIRROR).len(), 1);
}

/// §3, create: "keeps the data … for `Users.PendingHours` (48)".
#[test]
fn pending_registration_ends() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("pat", paper);
        register(&server, paper, &name).expect("S200_04");
        register(&server, paper, &name).expect("E400_07");
        let code = mailed(&server, &name, 1, "verificationCode");
        let life = "SELECT bool_and(abs(extract(epoch FROM expires_at - created_at) - 48 * 3600) < 60) FROM pending_registrations";
        assert_eq!(server.rows(life), ["t"], "{paper}");
        server
            .database
            .run("UPDATE pending_registrations SET expires_at = now() - interval '1 second'")
            .unwrap();
        verify(&server, paper, &name, &code).expect("E400_14");
        register(&server, paper, &name).expect("S200_04");
        let code = mailed(&server, &name, 2, "verificationCode");
        verify(&server, paper, &name, &code).expect("S200_07");
    }
}

/// §3, create: "Exists as `Lite` → E400_08, or with the tenant switch `Users.UpgradeLite` the password is set and a code is sent."
#[test]
fn lite_user_is_upgraded_by_switch() {
    let server = WriteServer::start_with(&[(HERALD, "Users.UpgradeLite", "true")], &[]);
    for paper in [HERALD, COURIER] {
        let name = own("lee", paper);
        let lite = json!({"email": email(&name), "firstName": "Lee"});
        post(&server, paper, "", &lite).expect("S200_03");
        server.sign_in(paper, &email(&name), PASSWORD).expect("E403_02");
        let again = server.create(paper, &name);
        if paper == COURIER {
            again.expect("E400_08");
            server.sign_in(paper, &email(&name), PASSWORD).expect("E403_02");
            continue;
        }
        again.expect("S200_04");
        server.sign_in(paper, &email(&name), PASSWORD).expect("E403_01");
        let mail = server.mails(&email(&name), 1).remove(0);
        let (_, code) = mail.text.split_once("Your code: ").unwrap();
        verify(&server, paper, &name, &code[..6]).expect("S200_07");
        server.sign_in(paper, &email(&name), PASSWORD).expect("S200_06");
    }
}

/// §3, update: "A side that refuses → E400_22 with its reason."
#[test]
fn update_that_a_side_refuses_is_e400_22() {
    let server = WriteServer::start(&[]);
    for paper in WITH_PROVIDER {
        let mut body = new_user(&own("rex", paper));
        body["ignoreProvider"] = json!(true);
        let id = post(&server, paper, "", &body).expect("S200_03").id();
        let before = server.store_side(paper);
        let update = json!({"firstName": "Max"});
        server
            .call(paper, &format!("PUT {}", path_of(&id)), &update)
            .expect("E400_22");
        assert_eq!(server.store_side(paper), before, "{paper}");
        server
            .call(paper, &format!("DELETE {}", path_of(&id)), &Value::Null)
            .expect("S200_14");
        assert!(server.open_intents().is_empty(), "{paper}");
    }
}

/// §3: "All reset links of the user end", "ends all other links of the user", and "Links live `Users.ResetMinutes` (60)".
#[test]
fn new_password_ends_every_link() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("lin", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        let link = |number| mailed(&server, &name, number, "encryptedEventId");
        let validate = |link: &str| {
            let body = json!({"encryptedEventId": link});
            post(&server, paper, "/ForgotPassword/Validate", &body)
        };
        forgot(&server, paper, &name);
        validate(&link(1)).expect("S200_09");
        let password = json!({"password": NEW_PASSWORD});
        let changed = server.call(paper, &format!("PATCH {}/Password", path_of(&id)), &password);
        let changed = changed.expect("S200_11");
        assert_eq!(
            [&changed.body["meta"], &changed.body["data"]],
            [&Value::Null; 2],
            "{paper}"
        );
        validate(&link(1)).expect("E400_17");

        forgot(&server, paper, &name);
        forgot(&server, paper, &name);
        let finish = json!({"encryptedEventId": link(2), "password": PASSWORD});
        post(&server, paper, "/ForgotPassword/Finish", &finish).expect("S200_10");
        validate(&link(3)).expect("E400_17");

        forgot(&server, paper, &name);
        let last = link(4);
        validate(&last).expect("S200_09");
        let life = "SELECT bool_and(abs(extract(epoch FROM expires_at - created_at) - 3600) < 60) FROM reset_links WHERE expires_at > now()";
        assert_eq!(server.rows(life), ["t"], "{paper}");
        server
            .database
            .run("UPDATE reset_links SET expires_at = now() - interval '1 second'")
            .unwrap();
        validate(&last).expect("E400_17");
        let finish = json!({"encryptedEventId": last, "password": NEW_PASSWORD});
        post(&server, paper, "/ForgotPassword/Finish", &finish).expect("E400_17");
        server.sign_in(paper, &email(&name), PASSWORD).expect("S200_06");
    }
}

/// §3, PATCH Email: "`verified` stays as it is unless the tenant switch `Users.EmailChangeUnverifies` is on".
#[test]
fn changed_address_is_unverified_by_switch() {
    let server = WriteServer::start_with(&[(HERALD, "Users.EmailChangeUnverifies", "true")], &[]);
    for (paper, code) in [(HERALD, "E403_01"), (COURIER, "S200_06")] {
        let id = server.create(paper, &own("eve", paper)).expect("S200_03").id();
        let moved = email(&own("eve.new", paper));
        let change = format!("PATCH {}/Email", path_of(&id));
        server.call(paper, &change, &json!({"email": moved})).expect("S200_12");
        server.sign_in(paper, &moved, PASSWORD).expect(code);
    }
}

/// §3, authentication: "Wrong password and unknown user: 401 `E401_01` …, one text", and the errors of a right password.
#[test]
fn right_password_alone_shows_the_state() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("sam", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        let sign_in = |password: &str| server.sign_in(paper, &email(&name), password);
        let wrong = sign_in(WRONG).expect("E401_01");
        let unknown = server.sign_in(paper, &email("nobody"), WRONG).expect("E401_01");
        assert_eq!(wrong.body["message"], unknown.body["message"], "{paper}");
        let put = |body: Value| {
            server
                .call(paper, &format!("PUT {}", path_of(&id)), &body)
                .expect("S200_05")
        };
        let blocked = put(json!({"blocked": true}));
        assert_eq!(blocked.body["data"]["metadata"]["blocked"], "true", "{paper}");
        sign_in(PASSWORD).expect("E403_04");
        sign_in(WRONG).expect("E401_01");
        put(json!({"blocked": false}));
        sign_in(PASSWORD).expect("S200_06");
        if paper == HERALD {
            put(json!({"verified": false}));
            sign_in(PASSWORD).expect("E403_01");
            sign_in(WRONG).expect("E401_01");
            // The user of a link that only the mail has reads the mail of the address.
            forgot(&server, paper, &name);
            let link = mailed(&server, &name, 1, "encryptedEventId");
            let finish = json!({"encryptedEventId": link, "password": NEW_PASSWORD});
            post(&server, paper, "/ForgotPassword/Finish", &finish).expect("S200_10");
            sign_in(NEW_PASSWORD).expect("S200_06");
        }
    }
}

/// §3, authentication: "Its lock-out or MFA demand → 403 `E403_03` with its reason class, never \"incorrect\"", and "A provider that
/// cannot check passwords → 400 naming the setting".
#[test]
fn provider_that_refuses_is_no_wrong_password() {
    let tenants = [
        (DESCRIBED[0], "SSOR.SignIn.LockedOut", "462"),
        (DESCRIBED[1], "Firefly.SignIn.Path", ""),
    ];
    let server = WriteServer::start_with(&tenants, &[]);
    for paper in [MIRROR, TRIBUNE, DESCRIBED[0]] {
        let name = own("lou", paper);
        server.create(paper, &name).expect("S200_03");
        for _ in 0..10 {
            server.sign_in(paper, &email(&name), WRONG).expect("E401_01");
        }
        // Our own count ends before the provider's.
        server.database.run("DELETE FROM sign_in_attempts").unwrap();
        let locked = server.sign_in(paper, &email(&name), PASSWORD).expect("E403_03");
        assert!(locked.body.to_string().contains("locked"), "{paper}: {locked:?}");
    }
    let refused = server.sign_in(DESCRIBED[1], &email("lou"), PASSWORD).expect("E400_00");
    let text = refused.body["message"]["text"].as_str().unwrap();
    assert!(text.contains("Firefly.SignIn.Path"), "{text}");
}

/// §3: "`token`: verified against the tenant's trusted issuers …, subject = id", and "A token of another issuer is E400_02".
#[test]
fn token_of_the_issuer_is_its_user() {
    let issuer = RsaIssuer::new(0, "k1");
    let keys = KeySetServer::serving(key_set(&[&issuer]));
    let mut tenants = Vec::new();
    for paper in EVERY {
        tenants.push((paper, "Token.Issuer", "https://readers.example"));
        tenants.push((paper, "Token.Audience", "herald"));
        tenants.push((paper, "Token.JwksUrl", &*keys.url));
    }
    let mut server = WriteServer::start_with(&tenants, &[]);
    let mut tokens = Vec::new();
    for paper in EVERY {
        let id = server.create(paper, &own("toni", paper)).expect("S200_03").id();
        let token_of = |iss: &str| {
            let claims = json!({"iss": iss, "aud": "herald", "sub": id, "iat": jwt::now(), "exp": jwt::now() + 600});
            issuer.token(&claims)
        };
        let (token, foreign) = (
            token_of("https://readers.example"),
            token_of("https://elsewhere.example"),
        );
        let body = json!({"token": token});
        let signed_in = post(&server, paper, "/Authentication", &body).expect("S200_06");
        assert_eq!(
            signed_in.body["data"]["user"]["customerRegistrationId"],
            json!(id),
            "{paper}"
        );
        let legacy = server.call(paper, "POST /AuthenticateByToken", &json!({"Token": token}));
        assert_eq!(legacy.body["Result"]["CustomerRegistrationId"], json!(id), "{paper}");
        let found = post(&server, paper, "/Search", &body).expect("S200_02");
        assert_eq!(found.body["data"][0]["customerRegistrationId"], json!(id), "{paper}");
        let found = server.call(paper, &format!("GET /v4/Users?token={token}"), &Value::Null);
        assert_eq!(
            found.expect("S200_02").body["data"][0]["customerRegistrationId"],
            json!(id)
        );
        let body = json!({"token": foreign});
        post(&server, paper, "/Authentication", &body).expect("E400_02");
        post(&server, paper, "/Search", &body).expect("E400_02");
        tokens.extend([token, foreign]);
    }
    let log = server.stop();
    assert!(
        !tokens.iter().any(|token| log.contains(&**token)),
        "a token is in the log"
    );
}

/// §3, authentication: "per address (X-Forwarded-For of trusted proxies) 100; … Counters are shared by all replicas …, and cannot be
/// used to lock" a reader out at a known address.
#[test]
fn failures_of_an_address_are_counted_by_all_servers() {
    let server = WriteServer::start(&[("HTTP__TRUSTED_PROXIES", "127.0.0.0/8")]);
    let other = ServerProcess::start(&server.settings);
    for name in ["ada", "eva"] {
        server.create(HERALD, name).expect("S200_03");
    }
    let sign_in = |name: &str, password: &str, address: &str| {
        let body = json!({"loginName": email(name), "password": password});
        let to = if name.len().is_multiple_of(2) {
            other.address
        } else {
            server.address()
        };
        let call = "POST /v4/Users/Authentication";
        server
            .try_call(to, HERALD, call, &body, &[("X-Forwarded-For", address)])
            .unwrap()
    };
    // A reader at home, whose account others guess at.
    sign_in("ada", PASSWORD, "203.0.113.7").expect("S200_06");
    for _ in 0..10 {
        sign_in("ada", WRONG, "198.51.100.1").expect("E401_01");
    }
    sign_in("ada", PASSWORD, "198.51.100.2").expect("E429");
    sign_in("ada", PASSWORD, "203.0.113.7").expect("S200_06");
    // Each account may fail ten times: one address tries many, at both servers.
    thread::scope(|scope| {
        for part in 0..10 {
            let sign_in = &sign_in;
            scope.spawn(move || {
                for number in 0..10 {
                    sign_in(&format!("guess{}", 100 * part + number), WRONG, "192.0.2.9").expect("E401_01");
                }
            });
        }
    });
    for name in ["eva", "eve1"] {
        let later = sign_in(name, PASSWORD, "192.0.2.9").expect("E429");
        assert!(later.retry_after.is_some());
    }
    sign_in("eva", PASSWORD, "192.0.2.10").expect("S200_06");
    // After 15 minutes the counters are over.
    server
        .database
        .run("UPDATE sign_in_attempts SET ends_at = ends_at - interval '15 minutes'")
        .unwrap();
    sign_in("ada", PASSWORD, "192.0.2.9").expect("S200_06");
}

/// §3, verification code: "one a minute, ten a day".
#[test]
fn ten_codes_a_day_are_sent() {
    let server = WriteServer::start(&[]);
    for paper in EVERY {
        let name = own("ten", paper);
        register(&server, paper, &name).expect("S200_04");
        let again = || {
            let earlier = "UPDATE verification_codes SET sent_at = sent_at - interval '2 minutes'";
            server.database.run(earlier).unwrap();
            let body = json!({"email": email(&name), "returnUrl": RETURN_URL});
            post(&server, paper, "/VerificationCode", &body).expect("S200_13");
        };
        again();
        server.mails(&email(&name), 2);
        server
            .database
            .run("UPDATE verification_codes SET sent_in_day = 9")
            .unwrap();
        again();
        server.mails(&email(&name), 3);
        again();
        server
            .database
            .run("UPDATE verification_codes SET day_from = day_from - interval '1 day'")
            .unwrap();
        again();
        assert_eq!(server.mails(&email(&name), 4).len(), 4, "{paper}: one was not sent");
    }
}

/// §3, DELETE: "purge after `Users.PurgeDays` (30)", and "a sync does not bring them back": neither does an import.
#[test]
fn deleted_user_is_purged_after_its_days() {
    let mut server = WriteServer::start(&[]);
    let mut deleted = Vec::new();
    for paper in EVERY {
        let name = own("dan", paper);
        let id = server.create(paper, &name).expect("S200_03").id();
        server
            .call(paper, &format!("DELETE {}", path_of(&id)), &Value::Null)
            .expect("S200_14");
        let line = json!({"customerRegistrationId": id, "email": email(&name), "firstName": "Dan", "lastName": "",
                          "verified": true, "metadata": {}});
        let tenant = format!("north/daily/{paper}");
        let imported = server.command_with(&["import", "--tenant", &tenant], &line.to_string());
        assert!(imported.status.success(), "{imported:?}");
        assert!(server.store_side(paper).is_empty(), "{paper}");
        deleted.push(id);
    }
    let days = "UPDATE registrations SET deleted_at = deleted_at - interval '1 day' * CASE WHEN pool % 2 = 0 THEN 29 ELSE 31 END";
    server.database.run(days).unwrap();
    let left = "SELECT count(*) FROM registrations WHERE pool % 2 = ";
    let kept = server.rows(&format!("{left}0"));
    // A server purges when it starts, and from time to time.
    server.stop();
    server.start_again();
    let began = Instant::now();
    while server.rows(&format!("{left}1")) != ["0"] {
        assert!(began.elapsed() < FOREVER, "nothing is purged");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.rows(&format!("{left}0")), kept);
    for (paper, id) in EVERY.into_iter().zip(deleted) {
        server
            .call(paper, &format!("GET {}", path_of(&id)), &Value::Null)
            .expect("E404");
    }
}

/// §4: "Mail: text and HTML, per tenant from templates on disk …, in the tenant's languages, with the paper's name", "written to the
/// outbox in the transaction of the change", "then dead letter", and "a retry is the same message".
#[test]
fn mail_is_of_its_tenant_and_retried_as_itself() {
    let templates = Templates::new(
        "writes",
        &[
            ("verification.subject", "Bestätigen Sie Ihre Adresse bei {{ paper }}"),
            ("verification.txt", "Ihr Code: {{ code }}\n{{ link }}\n"),
            (
                "verification.html",
                "<p>Ihr Code: {{ code }}</p><a href=\"{{ link }}\">Bestätigen</a>",
            ),
        ],
    );
    let tenants = [
        (HERALD, "Mail.Language", "de"),
        (HERALD, "Mail.PaperName", "Der Herold"),
    ];
    let (_, folder) = templates.setting();
    let server = WriteServer::start_with(&tenants, &[("MAIL__TEMPLATES_DIR", &folder)]);
    // The answer to the first delivery is lost.
    server.mailbox.inject(SmtpFault::Close.at(SmtpStage::Message).times(1));
    register(&server, HERALD, "ina").expect("S200_04");
    let sealed = "SELECT count(*) FROM mail_outbox WHERE attempts > 0 AND sealed NOT LIKE '%ina%'";
    let began = Instant::now();
    while server.rows(sealed) != ["1"] {
        assert!(began.elapsed() < FOREVER, "it is not kept");
        thread::sleep(Duration::from_millis(50));
    }
    // Again and again: the end of the first attempt may be written later than the first of these, and put the next one off.
    let due = "UPDATE mail_outbox SET next_attempt_at = now() WHERE attempts = 1";
    let began = Instant::now();
    let mails = loop {
        server.database.run(due).unwrap();
        let mails = server.mails(&email("ina"), 1);
        if mails.len() == 2 {
            break mails;
        }
        assert!(began.elapsed() < FOREVER, "it is not sent again");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(mails[0].message_id, mails[1].message_id);
    for mail in &mails {
        assert_eq!(mail.subject, "Bestätigen Sie Ihre Adresse bei Der Herold");
        assert!(mail.text.contains("Ihr Code: ") && mail.html.contains("<p>Ihr Code: "));
    }
    register(&server, COURIER, "ian").expect("S200_04");
    assert!(server.mails(&email("ian"), 1)[0].text.contains("Your code: "));

    // After a day a mail that fails is a dead letter without its content.
    server
        .mailbox
        .inject(SmtpFault::Reply { code: 451 }.at(SmtpStage::Message));
    register(&server, COURIER, "ivy").expect("S200_04");
    let began = Instant::now();
    while server.rows("SELECT count(*) FROM mail_outbox WHERE dead_at IS NOT NULL AND sealed = ''") != ["1"] {
        assert!(began.elapsed() < FOREVER, "it is no dead letter");
        let later = "UPDATE mail_outbox SET queued_at = now() - interval '25 hours', next_attempt_at = now()
                      WHERE dead_at IS NULL AND attempts > 0 AND next_attempt_at > now() + interval '20 seconds'";
        server.database.run(later).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
}

/// §4: "No `smtp` settings → calls that need mail are 503 naming the setting".
#[test]
fn call_that_needs_mail_names_the_setting() {
    let server = WriteServer::start(&[("SMTP__HOST", "")]);
    for paper in EVERY {
        let name = own("mia", paper);
        let link = json!({"email": email(&name), "returnUrl": RETURN_URL});
        let login = json!({"loginName": email(&name), "returnUrl": RETURN_URL});
        for refused in [
            register(&server, paper, &name),
            post(&server, paper, "", &link),
            post(&server, paper, "/ForgotPassword", &login),
            post(&server, paper, "/VerificationCode", &link),
        ] {
            let refused = refused.expect("E503_01");
            assert!(refused.body.to_string().contains("smtp"), "{paper}: {refused:?}");
        }
        assert!(server.store_side(paper).is_empty(), "{paper}");
        server.create(paper, &name).expect("S200_03");
    }
}

/// §5: "CreationMode\* (0 both, 1 provider, 2 store)". The store follows a provider at the next read, so that 1 is written as 0.
#[test]
fn creation_mode_chooses_the_sides() {
    let server = WriteServer::start(&[]);
    let caller = bearer("users:read users:write");
    for paper in EVERY {
        for mode in 0..3 {
            let address = email(&own(&format!("mode{mode}"), paper));
            let body = json!({"Email": address, "CreationMode": mode, "VerifyEmail": false, "Password": PASSWORD,
                              "FirstName": "Mo"});
            let created = server.call_with(paper, "POST /User", &body, &[("Authorization", &caller)]);
            assert_eq!(
                (created.status, &created.body["Errors"]),
                (200, &json!([])),
                "{paper}: {created:?}"
            );
            let has = |users: Vec<String>| users.iter().any(|user| user.contains(&format!(" {address} ")));
            assert!(has(server.store_side(paper)), "{paper} {mode}");
            if paper != HERALD {
                assert_eq!(has(server.provider_side(paper)), mode != 2, "{paper} {mode}");
            }
        }
    }
}
