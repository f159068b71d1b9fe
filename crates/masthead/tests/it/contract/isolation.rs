//! The wall between tenants: whatever names somebody of another tenant answers exactly like what names nobody.

use std::thread;

use masthead_domain::{account::Account, tenant::TenantId};
use masthead_ports::sealing::Purpose;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{Answer, Case, Environment, Expect},
};
use serde_json::{Value, json};

use crate::{
    contract::server::{ContractServer, TenantFixture, hs256_token},
    support::{
        http_client::{self, percent_encoded},
        jwt,
    },
};

const ALPHA: &str = "north/daily/alpha";
const BETA: &str = "north/daily/beta";
/// Its accounts are kept by an outside provider, and in the store.
const GAMMA: &str = "south/post/gamma";
/// Shares the pool of [`ALPHA`].
const ALPHA_SUNDAY: &str = "north/daily/alpha-sunday";

const BASES: [&str; 4] = [
    "/v4/Users",
    "/Users",
    "/UsersOrchestrator/v4/Users",
    "/UsersOrchestrator/Users",
];

fn loaded() -> Vec<TenantFixture> {
    let of = |tenant: &'static str, pool, settings| TenantFixture {
        tenant,
        pool,
        settings,
        accounts: if pool.is_some() { Vec::new() } else { people(tenant) },
    };
    vec![
        of(ALPHA, None, &[]),
        of(BETA, None, &[]),
        of(GAMMA, None, &[("Flow.UserProvider", "Auth0")]),
        of(ALPHA_SUNDAY, Some(ALPHA), &[]),
    ]
}

/// Three people whom no other tenant has, and one whom each tenant has under the same id and address.
fn people(tenant: &str) -> Vec<Account> {
    let paper = tenant.rsplit('/').next().unwrap();
    let numbered = (1..=3).map(|n| {
        let own = account(
            &format!("{paper}-0000{n}"),
            &format!("{paper}.reader{n}@example.org"),
            &format!("{paper}first{n}"),
            &format!("{paper}last"),
        );
        with_metadata(own, &[("badge", &format!("{paper}badge{n}"))])
    });
    let everywhere = account("everywhere", "zz.everywhere@example.org", "Every", paper);
    numbered.chain([everywhere]).collect()
}

/// Everything by which somebody can be requested for.
struct ReaderIdentifiers {
    crid: String,
    email: String,
    part_of_email: String,
    first_name: String,
    last_name: String,
    badge: String,
    sealed_id: String,
    sealed_email: String,
    /// Of the list that goes on after them.
    cursor: String,
}

/// The list that cursors are of.
const LIST: &str = "pageSize=1&ignoreProvider=true";

impl ReaderIdentifiers {
    /// Those of the second reader of a tenant.
    fn read(server: &ContractServer, owner: &'static str) -> Self {
        let first_page = server.send(&Case::get(&format!("/v4/Users?{LIST}"), Expect::Status(200)).of(owner));
        let first_page: Value = serde_json::from_str(&first_page.body).unwrap();
        let cursor = first_page["meta"]["nextCursor"].as_str().unwrap().to_owned();
        Self {
            cursor,
            ..Self::named(server, owner, &people(owner)[1])
        }
    }

    /// Those of somebody whom nobody has, sealed as the tenant's own would be.
    fn of_unknown_reader(server: &ContractServer, owner: &'static str) -> Self {
        let nobody = account(
            "nobody-00002",
            "nobody.reader2@example.org",
            "nobodyfirst2",
            "nobodylast",
        );
        Self::named(server, owner, &with_metadata(nobody, &[("badge", "nobodybadge2")]))
    }

    fn named(server: &ContractServer, owner: &str, person: &Account) -> Self {
        let tenant = TenantId::parse(owner).unwrap();
        let seal = |purpose, plain: &str| server.sealing().seal(&tenant, purpose, plain);
        let email = person.email.as_ref().unwrap().as_str();
        Self {
            crid: person.crid.as_str().to_owned(),
            email: email.to_owned(),
            part_of_email: email.split('@').next().unwrap().to_owned(),
            first_name: (*person.first_name).to_owned(),
            last_name: (*person.last_name).to_owned(),
            badge: person.metadata.get("badge").unwrap().to_owned(),
            sealed_id: seal(Purpose::CustomerRegistrationId, person.crid.as_str()),
            sealed_email: seal(Purpose::Email, email),
            cursor: seal(Purpose::Cursor { binding: "x" }, person.crid.as_str()),
        }
    }

    /// Texts that nobody ever sealed, or gave anybody.
    fn random() -> Self {
        Self {
            crid: "6f1c7a52-3d".to_owned(),
            email: "t3Hq@wXz9.example.org".to_owned(),
            part_of_email: "t3hq-wxz9".to_owned(),
            first_name: "Wxqzt".to_owned(),
            last_name: "Tqzxw".to_owned(),
            badge: "q7".to_owned(),
            sealed_id: "bm90aGluZyB0aGF0IGFueWJvZHkgZXZlciBzZWFsZWQ=".to_owned(),
            sealed_email: "bm9ib2R5IGV2ZXIgc2VhbGVkIHRoaXMgZWl0aGVyLCBuZXZlcg==".to_owned(),
            cursor: "YSBwbGFjZSB0aGF0IG5vIGxpc3QgaGFzLCBhbmQgbmV2ZXIgaGFk".to_owned(),
        }
    }

    /// Every request that can be made of them: each route, with each kind of identifier that it takes. What begins with
    /// `?` or `{` is a query of the list or a body of the search; all else a path.
    fn requests(&self) -> Vec<(String, Case)> {
        let (crid, sealed_id, sealed_email) = (
            &*self.crid,
            percent_encoded(&self.sealed_id),
            percent_encoded(&self.sealed_email),
        );
        let (email, part) = (&*self.email, &*self.part_of_email);
        let queries = [
            ("customerRegistrationId", format!("customerRegistrationId={crid}")),
            (
                "encryptedCustomerRegistrationId",
                format!("encryptedCustomerRegistrationId={sealed_id}"),
            ),
            ("email", format!("email={email}")),
            ("email by contains", format!("email={part}")),
            ("email by prefix", format!("email={part}&emailMatch=prefix")),
            ("encryptedEmail", format!("encryptedEmail={sealed_email}")),
            ("firstName", format!("firstName={}", self.first_name)),
            (
                "lastName and firstName",
                format!("lastName={}&firstName={}", self.last_name, self.first_name),
            ),
            ("metadata", format!("metadata.badge={}", self.badge)),
            ("metadata.firstName", format!("metadata.firstName={}", self.first_name)),
            ("cursor", format!("pageSize=1&cursor={}", percent_encoded(&self.cursor))),
        ];
        let bodies = [
            ("customerRegistrationId", json!({"customerRegistrationId": crid})),
            (
                "encryptedCustomerRegistrationId",
                json!({"encryptedCustomerRegistrationId": self.sealed_id}),
            ),
            ("email", json!({"email": email})),
            ("email by contains", json!({"email": part})),
            ("encryptedEmail", json!({"encryptedEmail": self.sealed_email})),
            ("firstName", json!({"firstName": self.first_name})),
            ("metadata", json!({"metadata": {"badge": self.badge}})),
            ("cursor", json!({"pageSize": 1, "cursor": self.cursor})),
        ];
        let mut requests = Vec::new();
        let ok = |target: &str| Case::get(target, Expect::Status(200));
        for base in BASES {
            for slash in ["", "/"] {
                let by_id = format!("{base}/{crid}{slash}?ignoreProvider=true");
                requests.push((format!("{base}/{{crid}}{slash}"), ok(&by_id)));
                for (kind, query) in &queries {
                    let target = format!("{base}{slash}?{query}&ignoreProvider=true");
                    requests.push((format!("{base}{slash}?{kind}"), ok(&target)));
                }
                for (kind, body) in &bodies {
                    let mut body = body.clone();
                    body["ignoreProvider"] = true.into();
                    let search = Case::search(&body.to_string(), Expect::Status(200));
                    let search = search.at(&format!("{base}/Search{slash}"));
                    requests.push((format!("{base}/Search{slash} {{{kind}}}"), search));
                }
            }
        }
        requests
    }

    /// Requests that nobody is found by, whoever asks: identifiers where they do not belong, and a provider that is silent.
    fn odd_requests(&self) -> Vec<(String, Case)> {
        let (crid, email) = (&*self.crid, &*self.email);
        let (sealed_id, sealed_email) = (percent_encoded(&self.sealed_id), percent_encoded(&self.sealed_email));
        [
            ("sealed id as an id", format!("/v4/Users/{sealed_id}")),
            ("address as an id", format!("/v4/Users/{email}")),
            ("id as an address", format!("/v4/Users?email={crid}@")),
            (
                "sealed id as a sealed address",
                format!("/v4/Users?encryptedEmail={sealed_id}"),
            ),
            (
                "sealed address as a sealed id",
                format!("/v4/Users?encryptedCustomerRegistrationId={sealed_email}"),
            ),
            ("sealed id as a cursor", format!("/v4/Users?cursor={sealed_id}")),
            (
                "id and the address of somebody else",
                format!("/v4/Users?customerRegistrationId={crid}&email=zz.everywhere@example.org"),
            ),
            ("with what the provider says", format!("/v4/Users/{crid}?explain=true")),
            (
                "an address, with what the provider says",
                format!("/v4/Users?email={email}&explain=true"),
            ),
            ("or else fail", format!("/v4/Users/{crid}?onProviderFailure=fail")),
            (
                "as a page",
                format!("/v4/Users?customerRegistrationId={crid}&pageNumber=2"),
            ),
            (
                "without a count",
                format!("/v4/Users?customerRegistrationId={crid}&count=none"),
            ),
            (
                "with an estimate",
                format!("/v4/Users?email={email}&emailMatch=contains&count=estimate"),
            ),
            ("one field", format!("/v4/Users?email={email}&fields=email")),
        ]
        .map(|(name, target)| (name.to_owned(), Case::get(&target, Expect::Status(200))))
        .into()
    }
}

/// Everything of an answer but the time at which it was made.
fn response_to(server: &ContractServer, case: &Case, asker: &'static str) -> Answer {
    let mut answer = server.send(&case.clone().of(asker).with("X-RequestId", "foreign"));
    answer.headers.retain(|(name, _)| name != "date");
    answer.body = without_moments(&answer.body);
    answer
}

/// The body without when each source was requested.
fn without_moments(body: &str) -> String {
    const AS_OF: &str = r#""asOf":""#;
    let mut parts = body.split(AS_OF);
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (moment, behind) = part.split_once('"').unwrap();
        assert_eq!(moment.len(), "2026-01-02T03:04:05.678Z".len(), "{moment}");
        without.extend([AS_OF, "\"", behind]);
    }
    without
}

fn same(name: &str, foreign: &Answer, nobody: &Answer) {
    let parts = |answer: &Answer| (answer.status, answer.headers.clone(), answer.body.clone());
    assert_eq!(parts(foreign), parts(nobody), "{name}");
}

#[test]
fn a_foreign_identifier_answers_like_a_random_one_on_every_route() {
    let server = ContractServer::start(&loaded());
    for owner in [ALPHA, BETA, GAMMA] {
        let foreign = ReaderIdentifiers::read(&server, owner);
        // They are good: their own tenant is answered with the person, on every route and by every kind.
        for (name, case) in foreign.requests() {
            let answer = server.send(&case.of(owner).with("X-RequestId", "own"));
            assert_eq!(answer.status, 200, "{owner} {name}: {}", answer.body);
            assert!(
                answer
                    .body
                    .contains(&format!(r#""customerRegistrationId":"{}""#, foreign.crid)),
                "{owner} {name}: {}",
                answer.body
            );
        }
        let (nobody, random) = (
            ReaderIdentifiers::of_unknown_reader(&server, owner),
            ReaderIdentifiers::random(),
        );
        for asker in [ALPHA, BETA, GAMMA, ALPHA_SUNDAY] {
            if asker == owner || (asker == ALPHA_SUNDAY && owner == ALPHA) {
                continue;
            }
            let of = |identifiers: &ReaderIdentifiers| [identifiers.requests(), identifiers.odd_requests()].concat();
            for (((name, foreign), (_, nobody)), (_, random)) in of(&foreign).iter().zip(of(&nobody)).zip(of(&random)) {
                let name = format!("{asker} asks for somebody of {owner}: {name}");
                let answer = response_to(&server, foreign, asker);
                assert!(
                    answer.body.contains(r#""data":[]"#) || answer.body.contains(r#""data":null"#),
                    "{name}: {}",
                    answer.body
                );
                same(&name, &answer, &response_to(&server, &nobody, asker));
                same(&name, &answer, &response_to(&server, &random, asker));
            }
        }
    }
    // The log of a tenant tells of nobody else's users either.
    let (_, database) = server.stop();
    let strays = database
        .run(
            "SELECT count(*) FROM events AS e JOIN tenants AS t ON client_group || '/' || client || '/' || paper = tenant \
              WHERE t.pool <> e.pool OR e.request_id = 'foreign' AND (e.registration_id IS NOT NULL OR e.users > 0) \
                 OR e.registration_id IS NOT NULL AND NOT EXISTS \
                    (SELECT FROM registrations AS r WHERE r.pool = e.pool AND r.id = e.registration_id)",
        )
        .unwrap();
    assert_eq!(strays.trim(), "0");
    let foreign = database
        .run("SELECT count(*) > 1000 FROM events WHERE request_id = 'foreign'")
        .unwrap();
    assert_eq!(foreign.trim(), "t");
}

#[test]
fn a_token_of_one_tenant_learns_nothing_of_another() {
    let server = ContractServer::start(&loaded());
    let token = hs256_token(&jwt::claims(&[ALPHA]), crate::support::process::SECRET);
    let authorization = format!("Bearer {token}");
    let bearing = |case: &Case| case.clone().with("Authorization", &authorization);
    let (own, foreign) = (
        ReaderIdentifiers::read(&server, ALPHA),
        ReaderIdentifiers::read(&server, BETA),
    );
    for (name, case) in own.requests() {
        assert_eq!(server.send(&bearing(&case).of(ALPHA)).status, 200, "{name}");
    }
    let random = ReaderIdentifiers::random();
    for ((name, foreign), (_, random)) in foreign.requests().iter().zip(random.requests()) {
        let answer = response_to(&server, &bearing(foreign), BETA);
        assert_eq!(answer.status, 403, "{name}");
        same(name, &answer, &response_to(&server, &bearing(&random), BETA));
        // Nor whether there is such a tenant.
        same(
            name,
            &answer,
            &response_to(&server, &bearing(foreign), "north/daily/nowhere"),
        );
    }
}

#[test]
fn papers_of_one_pool_see_the_same_users_but_not_each_others_sealed_texts() {
    let server = ContractServer::start(&loaded());
    let (theirs, random) = (ReaderIdentifiers::read(&server, ALPHA), ReaderIdentifiers::random());
    for ((name, case), (_, random)) in theirs.requests().iter().zip(random.requests()) {
        let answer = response_to(&server, case, ALPHA_SUNDAY);
        if name.contains("encrypted") || name.contains("cursor") {
            assert_eq!(answer.status, 400, "{name}");
            same(name, &answer, &response_to(&server, &random, ALPHA_SUNDAY));
        } else {
            assert_eq!(answer.status, 200, "{name}");
            assert!(answer.body.contains(&theirs.crid), "{name}: {}", answer.body);
        }
    }
}

#[test]
fn reads_of_many_tenants_at_once_are_each_answered_with_their_own() {
    const ROUNDS: usize = 40;
    let server = ContractServer::start(&loaded());
    let server = &server;
    thread::scope(|scope| {
        for client in 0..16 {
            scope.spawn(move || {
                let tenants = [ALPHA, BETA, GAMMA];
                for round in 0..ROUNDS {
                    let tenant = tenants[(client + round) % 3];
                    let paper = tenant.rsplit('/').next().unwrap();
                    let target = if round % 2 == 0 {
                        "/v4/Users/everywhere?ignoreProvider=true&fields=lastName"
                    } else {
                        "/v4/Users?email=zz.everywhere@example.org&ignoreProvider=true&fields=lastName"
                    };
                    let request = Case::get(target, Expect::Status(200)).of(tenant).request(server);
                    let answer = http_client::send(server.address, &request);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let response = format!(r#"{{"lastName":"{paper}"}}"#);
                    assert!(answer.body.contains(&response), "{tenant}: {}", answer.body);
                }
            });
        }
    });
}
