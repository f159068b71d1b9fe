//! After an erasure nothing of the person is in a dump of the database, and nothing brings the person back.

use std::process::Command;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, Sealing as _};
use masthead_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

use super::harness::{Answer, COURIER, HERALD, MIRROR, RETURN_URL, WriteServer};
use crate::support::{
    http_client::percent_encoded,
    jwt::{self, hs256_token},
    process::{self, SECRET},
};

const ADDRESS: &str = "Zelda.Quenneville+news@Reader-Seeded.example";
const FIRST: &str = "Zeldarine";
const LAST: &str = "Quenneville-Ostrava";
const TOWN: &str = "Ystradgynlais";
const PASSWORD: &str = "Lantern-and-plum-81";

/// A token with these scopes too.
fn token() -> String {
    let mut claims = jwt::claims(&["north/*/*"]);
    claims["scope"] = "users:read users:write users:authenticate users:erase users:report".into();
    format!("Bearer {}", hs256_token(&claims, SECRET))
}

fn call(server: &WriteServer, paper: &str, call: &str, body: &Value) -> Answer {
    server.call_with(paper, call, body, &[("Authorization", &token())])
}

/// The whole database as a script, and in the other format of `pg_dump` without compression; then the plain text of everything in
/// it that was sealed.
fn dump(server: &WriteServer) -> String {
    let database = server.database.server();
    let url = database.url(server.database.name()).unwrap();
    let mut all = String::new();
    for format in [&["--format=plain"][..], &["--format=custom", "--compress=0"]] {
        let ended = Command::new(database.program("pg_dump").unwrap())
            .args(format)
            .arg(format!("--dbname={url}"))
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        all += &String::from_utf8_lossy(&ended.stdout);
    }
    let opened = opened(&all);
    all + &opened
}

/// Everything in a text that the server's keys open, for any tenant and purpose.
fn opened(text: &str) -> String {
    let sealer = process::sealer();
    let tenants = [HERALD, COURIER, MIRROR].map(|paper| TenantId::parse(&tenant(paper)).unwrap());
    let purposes = [
        Purpose::CustomerRegistrationId,
        Purpose::Email,
        Purpose::Mail,
        Purpose::WriteIntent,
        Purpose::StoredAnswer,
    ];
    let base64 = |char: char| char.is_ascii_alphanumeric() || "+/-_=".contains(char);
    let mut all = String::new();
    for part in text.split(|char| !base64(char)).filter(|part| part.len() >= 32) {
        for tenant in &tenants {
            let plain = purposes
                .iter()
                .filter_map(|purpose| sealer.open(tenant, *purpose, part).ok());
            plain.for_each(|plain| all.extend(["\n", &plain]));
        }
    }
    all
}

/// A text in the forms in which it could be stored: as it is, folded, in hexadecimal digits and in base64.
fn forms(text: &str) -> Vec<String> {
    let digit = |four: u8| char::from_digit(four.into(), 16).unwrap();
    let hex = |bytes: &[u8]| -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(digit).collect()
    };
    let spellings = [text.to_owned(), text.to_lowercase(), text.to_uppercase()];
    let mut forms = Vec::new();
    for spelling in spellings {
        // Within a longer text base64 begins at any of three places, and its ends depend on the neighbours.
        for skipped in 0..3.min(spelling.len()) {
            let whole = spelling.as_bytes()[skipped..].chunks_exact(3).flatten().copied();
            let whole: Vec<u8> = whole.collect();
            forms.push(BASE64_STANDARD_NO_PAD.encode(&whole));
            forms.push(BASE64_URL_SAFE_NO_PAD.encode(&whole));
        }
        forms.push(BASE64_STANDARD.encode(&spelling));
        forms.push(hex(spelling.as_bytes()));
        forms.push(hex(spelling.as_bytes()).to_uppercase());
        forms.push(spelling);
    }
    forms
}

/// Which of these texts are in the dump, in any form.
fn found<'a>(dump: &str, texts: &'a [String]) -> Vec<(&'a str, String)> {
    let mut all = Vec::new();
    for text in texts {
        for form in forms(text) {
            if dump.contains(&form) {
                all.push((text.as_str(), form));
            }
        }
    }
    all
}

/// What is known of the person: its id, the texts that it gave, how the API seals them, and the sealed and hashed texts of the store.
struct Traces {
    id: String,
    given: Vec<String>,
    shown: Vec<String>,
    stored: Vec<String>,
}

impl Traces {
    /// Everything that the store must have had before, and not after.
    fn of_store(&self) -> Vec<String> {
        self.given.iter().chain(&self.stored).cloned().collect()
    }

    fn all(&self) -> Vec<String> {
        self.of_store().into_iter().chain(self.shown.iter().cloned()).collect()
    }
}

fn person() -> Value {
    json!({
        "email": ADDRESS, "password": PASSWORD, "firstName": FIRST, "lastName": LAST, "metadata": {"town": TOWN},
    })
}

/// Every text of the store that is made of something about a person.
fn stored(server: &WriteServer) -> Vec<String> {
    [
        "SELECT sealed FROM mail_outbox WHERE sealed <> ''",
        "SELECT sealed FROM write_intents",
        "SELECT answer FROM idempotency_keys WHERE answer IS NOT NULL",
        "SELECT password_hash FROM registrations WHERE password_hash IS NOT NULL",
        "SELECT password_hash FROM pending_registrations WHERE password_hash IS NOT NULL",
        "SELECT encode(hash, 'hex') FROM reset_links UNION ALL SELECT encode(hash, 'hex') FROM verification_codes",
        "SELECT encode(key, 'hex') FROM sign_in_attempts",
    ]
    .iter()
    .flat_map(|query| server.rows(query))
    .collect()
}

/// Creates the person, and leaves traces of it wherever writes and reads leave any.
fn live(server: &WriteServer, paper: &str, id: Option<&str>) -> Traces {
    let mut new = person();
    if let Some(id) = id {
        new["customerRegistrationId"] = id.into();
    }
    let created = call(server, paper, "POST /v4/Users", &new).expect("S200_03");
    let id = created.id();
    let at = percent_encoded(&id);
    let key =
        [("Authorization", &*token()), ("Idempotency-Key", "update-1")].map(|(name, value)| (name, value.to_owned()));
    let key: Vec<(&'static str, &str)> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let update = json!({"metadata": {"village": TOWN}});
    server
        .call_with(paper, &format!("PUT /v4/Users/{at}"), &update, &key)
        .expect("S200_05");
    let sign_in = |password: &str| {
        let body = json!({"loginName": ADDRESS, "password": password});
        call(server, paper, "POST /v4/Users/Authentication", &body)
    };
    sign_in("Wrong-password-1").expect("E401_01");
    let link = json!({"loginName": ADDRESS, "returnUrl": RETURN_URL});
    call(server, paper, "POST /v4/Users/ForgotPassword", &link).expect("S200_08");
    for read in [
        format!("GET /v4/Users/{at}"),
        format!("GET /v4/Users?email={}", percent_encoded(ADDRESS)),
        "GET /v4/Users?lastName=quen".to_owned(),
    ] {
        assert_eq!(call(server, paper, &read, &Value::Null).status, 200, "{read}");
    }
    let shown = call(server, paper, &format!("GET /v4/Users/{at}"), &Value::Null);
    let shown: Vec<String> = ["encryptedCustomerRegistrationId", "encryptedEmail"]
        .iter()
        .filter_map(|name| shown.body["data"][*name].as_str().map(str::to_owned))
        .collect();
    assert!(!shown.is_empty());
    Traces {
        given: [&*id, ADDRESS, FIRST, LAST, TOWN].map(str::to_owned).into(),
        shown,
        stored: stored(server),
        id,
    }
}

/// Leaves a change of the person open: whether the provider has made it is not known.
fn leave_open(server: &WriteServer, paper: &str, id: &str) {
    let sandbox = server.sandbox(paper);
    sandbox.inject(
        FaultRule::from(Fault::ResetBeforeHeaders)
            .on("/api/v2/users")
            .method("PATCH"),
    );
    sandbox.inject(
        FaultRule::from(Fault::ResetBeforeCall)
            .on("/api/v2/users")
            .method("GET"),
    );
    let change = json!({"lastName": LAST, "metadata": {"village": TOWN}});
    let path = format!("PUT /v4/Users/{}", percent_encoded(id));
    call(server, paper, &path, &change).expect("E503");
    sandbox.clear_faults();
    assert_eq!(server.open_intents().len(), 1);
}

fn outcome<'a>(receipt: &'a Value, source: &str) -> &'a Value {
    let sources = receipt["sources"].as_array().unwrap();
    let line = sources.iter().find(|line| line["source"] == source);
    &line.unwrap_or_else(|| panic!("{source}: {receipt}"))["outcome"]
}

/// Mails stay in the outbox: nothing listens there.
fn server() -> WriteServer {
    WriteServer::start(&[("SMTP__PORT", "9")])
}

fn tenant(paper: &str) -> String {
    format!("north/daily/{paper}")
}

fn parsed(output: &str) -> Value {
    serde_json::from_str(output).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn dump_has_nothing_of_an_erased_person() {
    let mut server = server();
    let traces = live(&server, HERALD, Some("person-zq-4711"));
    let id = &*traces.id;
    let other = server.create(HERALD, "other").expect("S200_03").id();
    let before = dump(&server);
    for text in &traces.of_store() {
        assert!(
            !found(&before, std::slice::from_ref(text)).is_empty(),
            "{text} was never stored"
        );
    }

    let erase = format!("DELETE /v4/Users/{id}?purge=true");
    let erased = call(&server, HERALD, &erase, &Value::Null).expect("S200_14");
    let receipt = erased.body["data"].clone();
    assert!(
        receipt["finishedAt"].is_string() && erased.pending().is_null(),
        "{receipt}"
    );
    for source in [
        "registrations",
        "resetLinks",
        "signInCounters",
        "mails",
        "idempotencyKeys",
        "events",
    ] {
        assert_eq!(outcome(&receipt, source), "erased", "{source}");
    }
    for (source, expected) in [
        ("mirror", "nothing held"),
        ("pendingRegistrations", "nothing held"),
        ("openWrites", "nothing held"),
        ("tombstones", "kept"),
        ("serverMemory", "waiting"),
    ] {
        assert_eq!(outcome(&receipt, source), expected, "{source}");
    }
    // Its last events are written when it ends.
    server.stop();
    assert_eq!(found(&dump(&server), &traces.all()), []);
    server.start_again();

    // Again: the same receipt, which the program prints too.
    let again = call(&server, HERALD, &erase, &Value::Null).expect("S200_14");
    assert_eq!(again.body["data"]["receipt"], receipt["receipt"]);
    let number = receipt["receipt"].to_string();
    let printed = process::run_ok(
        &server.settings,
        &["person", "receipt", &number, "--tenant", &tenant(HERALD)],
        "",
    );
    assert_eq!(parsed(&printed)["receipt"], receipt["receipt"]);

    let line = json!({"customerRegistrationId": id, "email": "new@reader-seeded.example"}).to_string();
    let by_address = json!({"customerRegistrationId": "another", "email": ADDRESS}).to_string();
    let imported = process::run_ok(
        &server.settings,
        &["import", "--tenant", &tenant(HERALD)],
        &format!("{line}\n{by_address}\n"),
    );
    assert_eq!(parsed(&imported)["imported"], 0, "{imported}");
    call(&server, HERALD, &format!("GET /v4/Users/{id}"), &Value::Null).expect("E404");
    assert_eq!(server.store_side(HERALD).len(), 1, "{other} stays");
    // Another tenant's receipt is none.
    let foreign = process::run_err(
        &server.settings,
        &["person", "receipt", &number, "--tenant", &tenant(COURIER)],
        "",
    );
    assert!(foreign.contains("there is no receipt"), "{foreign}");
}

#[test]
fn dump_has_nothing_of_an_erased_pending_person() {
    let server = server();
    let mut new = person();
    new["verifyEmail"] = true.into();
    new["returnUrl"] = RETURN_URL.into();
    call(&server, COURIER, "POST /v4/Users", &new).expect("S200_04");
    let given = [ADDRESS, FIRST, LAST, TOWN].map(str::to_owned);
    let texts: Vec<String> = given.into_iter().chain(stored(&server)).collect();
    let before = dump(&server);
    for text in &texts {
        assert!(
            !found(&before, std::slice::from_ref(text)).is_empty(),
            "{text} was never stored"
        );
    }
    let arguments = ["person", "erase", "--tenant", &tenant(COURIER), "--email", ADDRESS];
    let preview = process::run_ok(&server.settings, &[&arguments[..], &["--dry-run"]].concat(), "");
    assert_eq!(parsed(&preview)["emails"], json!([ADDRESS.to_lowercase()]));
    assert_eq!(server.rows("SELECT count(*) FROM pending_registrations"), ["1"]);
    let erased = process::run_ok(&server.settings, &[&arguments[..], &["--yes"]].concat(), "");
    let receipt = parsed(&erased);
    for source in ["pendingRegistrations", "verificationCodes", "mails"] {
        assert_eq!(outcome(&receipt, source), "erased", "{source}");
    }
    assert_eq!(found(&dump(&server), &texts), []);
}

#[test]
fn sync_does_not_bring_an_erased_person_back() {
    let server = server();
    let mut traces = live(&server, MIRROR, None);
    let id = traces.id.clone();
    let sync = || process::run_ok(&server.settings, &["sync", "--tenant", &tenant(MIRROR)], "");
    sync();
    assert_eq!(server.rows("SELECT count(*) FROM mirror_entries"), ["1"]);
    leave_open(&server, MIRROR, &id);
    traces.stored = stored(&server);
    let before = dump(&server);
    for text in &traces.of_store() {
        assert!(
            !found(&before, std::slice::from_ref(text)).is_empty(),
            "{text} was never stored"
        );
    }
    // The provider keeps its account, and goes on to show it.
    let at = percent_encoded(&id);
    let erase = format!("DELETE /v4/Users/{at}?purge=true&ignoreProvider=true");
    let erased = call(&server, MIRROR, &erase, &Value::Null).expect("S200_14");
    for (source, expected) in [("provider", "left out"), ("mirror", "erased"), ("openWrites", "erased")] {
        assert_eq!(outcome(&erased.body["data"], source), expected, "{source}");
    }
    assert_eq!(server.provider_side(MIRROR).len(), 1);
    sync();
    call(&server, MIRROR, &format!("GET /v4/Users/{at}"), &Value::Null).expect("E404");
    let line = json!({"customerRegistrationId": id, "email": ADDRESS}).to_string();
    let imported = process::run_ok(&server.settings, &["import", "--tenant", &tenant(MIRROR)], &line);
    assert_eq!(parsed(&imported)["imported"], 0);
    assert_eq!(found(&dump(&server), &traces.all()), []);

    // Now from the provider too: what is known of the person is its account there.
    let erased = process::run_ok(
        &server.settings,
        &["person", "erase", "--tenant", &tenant(MIRROR), "--id", &id, "--yes"],
        "",
    );
    assert_eq!(outcome(&parsed(&erased), "provider"), "erased");
    assert!(server.provider_side(MIRROR).is_empty());
    assert_eq!(found(&dump(&server), &traces.all()), []);
}

#[test]
fn report_names_every_source_and_no_secret() {
    let server = server();
    let Traces { id, stored, .. } = live(&server, MIRROR, None);
    let at = percent_encoded(&id);
    let report = call(&server, MIRROR, &format!("GET /v4/Users/{at}/Report"), &Value::Null).expect("S200_16");
    assert_eq!(report.body["meta"]["complete"], true);
    let text = report.body["data"].to_string();
    for known in [&*id, ADDRESS, FIRST, LAST, TOWN] {
        assert!(text.to_lowercase().contains(&known.to_lowercase()), "{known}: {text}");
    }
    // Mails, answers and hashes are secrets, and not the person's own.
    for secret in &stored {
        assert!(!text.contains(secret.as_str()), "{secret}");
    }
    let held = |source: &str| {
        let sources = report.body["data"]["sources"].as_array().unwrap();
        let one = sources.iter().find(|one| one["source"] == source);
        one.unwrap_or_else(|| panic!("{source}"))["status"].clone()
    };
    for source in [
        "registrations",
        "provider",
        "resetLinks",
        "mails",
        "events",
        "idempotencyKeys",
    ] {
        assert_eq!(held(source), "held", "{source}");
    }
    assert_eq!(held("tombstones"), "nothing held");
    // The report is in the log, also of the next one.
    let again = call(&server, MIRROR, &format!("GET /v4/Users/{at}/Report"), &Value::Null);
    assert!(again.body["data"].to_string().contains("SUBSCRIBE_USER_REPORT"));
    call(&server, COURIER, &format!("GET /v4/Users/{at}/Report"), &Value::Null).expect("E404");
    server
        .call(MIRROR, &format!("GET /v4/Users/{at}/Report"), &Value::Null)
        .expect("E403");

    let page = std::env::temp_dir().join(format!("masthead-report-{}.html", std::process::id()));
    let printed = process::run_ok(
        &server.settings,
        &[
            "person",
            "report",
            "--tenant",
            &tenant(MIRROR),
            "--email",
            ADDRESS,
            "--html",
            page.to_str().unwrap(),
        ],
        "",
    );
    assert!(printed.contains(TOWN));
    let html = std::fs::read_to_string(&page).unwrap();
    std::fs::remove_file(&page).unwrap();
    assert!(html.contains(TOWN) && html.contains("<h1>") && !html.contains("<script"));

    // A provider that gives no answer is reported so.
    server.sandbox(MIRROR).inject(Fault::ResetBeforeCall);
    let report = call(&server, MIRROR, &format!("GET /v4/Users/{at}/Report"), &Value::Null).expect("S200_16");
    assert_eq!(report.body["meta"]["complete"], false);
    let sources = report.body["data"]["sources"].as_array().unwrap();
    let provider = sources.iter().find(|one| one["source"] == "provider").unwrap();
    assert_eq!(provider["status"], "no answer");
    assert!(provider["records"].is_null());
}

/// The count of a kind in the output of `masthead purge`.
fn counted(output: &str, kind: &str) -> u64 {
    let line = output.lines().find_map(|line| line.strip_prefix(kind));
    line.unwrap_or_else(|| panic!("{kind}: {output}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn dry_run_of_a_purge_changes_nothing() {
    let server = server();
    let id = server.create(HERALD, "gone").expect("S200_03").id();
    let delete = format!("DELETE /v4/Users/{id}");
    server.call(HERALD, &delete, &Value::Null).expect("S200_14");
    let purge = |more: &[&str]| process::run_ok(&server.settings, &[&["purge"], more].concat(), "");
    assert_eq!(counted(&purge(&["--dry-run"]), "registrations"), 0);
    server
        .database
        .run("UPDATE registrations SET deleted_at = now() - interval '31 days'")
        .unwrap();
    assert_eq!(counted(&purge(&["--dry-run"]), "registrations"), 1);
    let of = |paper| purge(&["--dry-run", "--tenant", &tenant(paper)]);
    assert_eq!(counted(&of(HERALD), "registrations"), 1);
    assert_eq!(counted(&of(COURIER), "registrations"), 0);
    assert_eq!(server.rows("SELECT count(*) FROM registrations"), ["1"]);
    assert_eq!(counted(&purge(&[]), "registrations"), 1);
    assert_eq!(server.rows("SELECT count(*) FROM registrations"), ["0"]);
}

#[test]
fn inactive_users_are_counted_and_then_erased() {
    let server = server();
    let set = |setting: &str| {
        let arguments = ["tenant", "set", &tenant(HERALD), setting];
        process::run_ok(&server.settings, &arguments, "");
    };
    let idle = server.create(HERALD, "idle").expect("S200_03").id();
    server.create(HERALD, "active").expect("S200_03");
    server
        .database
        .run(&format!(
            "UPDATE registrations SET changed_at = '2020-01-01', registered_at = '2020-01-01' WHERE crid = '{idle}';
             UPDATE registrations SET stored_on = '2019-01-01'; UPDATE pools SET sign_ins_since = '2018-01-01'"
        ))
        .unwrap();
    set("Retention.InactiveMonths=24");
    let purge = |more: &[&str]| process::run_ok(&server.settings, &[&["purge"], more].concat(), "");
    let reported = purge(&["--dry-run"]);
    assert!(reported.contains(": 1, reported only"), "{reported}");
    assert_eq!(counted(&purge(&[]), "inactive users"), 0);
    assert_eq!(server.store_side(HERALD).len(), 2);
    set("Retention.InactiveAction=erase");
    let announced = purge(&["--dry-run"]);
    assert!(announced.contains(": 1, servers erase them"), "{announced}");
    assert_eq!(counted(&purge(&[]), "inactive users"), 1);
    assert_eq!(server.store_side(HERALD).len(), 1);
    assert_eq!(server.rows("SELECT source_system FROM erasures"), ["masthead-purge"]);
}
