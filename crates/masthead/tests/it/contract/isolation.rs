//! Isolation of tenants: an identifier of another tenant's user is answered exactly like an unknown one.

use std::thread;

use masthead_domain::{account::Account, tenant::TenantId};
use masthead_ports::sealing::Purpose;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{CaseAnswer, CaseEnvironment, ContractCase, Expectation},
};
use serde_json::{Value, json};

use crate::support::jwt::hs256_token;
use crate::{
    contract::server::{ContractServer, TenantFixture},
    support::{
        http_client::{self, percent_encoded},
        jwt,
    },
};

const ALPHA: &str = "north/daily/alpha";
const BETA: &str = "north/daily/beta";
/// Its users are at a provider and in the store.
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

/// Three users that no other tenant has, and one that each tenant has with the same id and address.
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

/// Everything that identifies a user in a request.
struct ReaderIdentifiers {
    crid: String,
    email: String,
    part_of_email: String,
    first_name: String,
    last_name: String,
    badge: String,
    sealed_id: String,
    sealed_email: String,
    /// The cursor of the list after this user.
    cursor: String,
}

/// The list that the cursors belong to.
const LIST: &str = "pageSize=1&ignoreProvider=true";

impl ReaderIdentifiers {
    /// Those of the second user of a tenant.
    fn read(server: &ContractServer, owner: &'static str) -> Self {
        let first_page =
            server.send(&ContractCase::get(&format!("/v4/Users?{LIST}"), Expectation::Status(200)).for_tenant(owner));
        let first_page: Value = serde_json::from_str(&first_page.body).unwrap();
        let cursor = first_page["meta"]["nextCursor"].as_str().unwrap().to_owned();
        Self {
            cursor,
            ..Self::named(server, owner, &people(owner)[1])
        }
    }

    /// Those of a user that does not exist, sealed for the tenant.
    fn of_unknown_reader(server: &ContractServer, owner: &'static str) -> Self {
        let unknown = account(
            "missing-00002",
            "unknown.reader2@example.org",
            "nobodyfirst2",
            "nobodylast",
        );
        Self::named(server, owner, &with_metadata(unknown, &[("badge", "nobodybadge2")]))
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

    /// Random texts that were never sealed or returned.
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

    /// Every request with them: each route with each kind of identifier that it accepts. Names that contain `?` are queries of the
    /// list, names with `{` are bodies of a search; all others are paths.
    fn requests(&self) -> Vec<(String, ContractCase)> {
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
        let ok = |target: &str| ContractCase::get(target, Expectation::Status(200));
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
                    let search = ContractCase::search(&body.to_string(), Expectation::Status(200));
                    let search = search.at(&format!("{base}/Search{slash}"));
                    requests.push((format!("{base}/Search{slash} {{{kind}}}"), search));
                }
            }
        }
        requests
    }

    /// Every request of the legacy API with them.
    fn legacy_requests(&self) -> Vec<(String, ContractCase)> {
        let (crid, email) = (&self.crid, &self.email);
        let (sealed_id, sealed_email) = (percent_encoded(&self.sealed_id), percent_encoded(&self.sealed_email));
        let mut targets = vec![
            format!("/User?request.email={email}"),
            format!("/User?email={email}&LookupInUserProvider=false&OnlyActive=true"),
            format!("/User/Encrypted?encryptedEmail={sealed_email}"),
        ];
        for kind in ["0", "1", "2"] {
            targets.push(format!("/User/{kind}?email={email}"));
            targets.push(format!("/User/{crid}/{kind}"));
            targets.push(format!(
                "/User/Encrypted/{kind}?encryptedCustomerRegistrationId={sealed_id}"
            ));
        }
        let case = |target: String| (target.clone(), ContractCase::get(&target, Expectation::Status(200)));
        targets.into_iter().map(case).collect()
    }

    /// Requests that find no user for any tenant: misplaced identifiers, and an unavailable provider.
    fn odd_requests(&self) -> Vec<(String, ContractCase)> {
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
                "id and the address of another user",
                format!("/v4/Users?customerRegistrationId={crid}&email=zz.everywhere@example.org"),
            ),
            ("with explain", format!("/v4/Users/{crid}?explain=true")),
            (
                "an address, with explain",
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
        .map(|(name, target)| (name.to_owned(), ContractCase::get(&target, Expectation::Status(200))))
        .into()
    }
}

/// The response without its date.
fn response_to(server: &ContractServer, case: &ContractCase, asker: &'static str) -> CaseAnswer {
    let mut answer = server.send(&case.clone().for_tenant(asker).with("X-RequestId", "foreign"));
    answer.headers.retain(|(name, _)| name != "date");
    answer.body = without_moments(&answer.body);
    answer
}

/// The body without the times of the sources.
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

fn same(name: &str, foreign: &CaseAnswer, unknown: &CaseAnswer) {
    let parts = |answer: &CaseAnswer| (answer.status, answer.headers.clone(), answer.body.clone());
    assert_eq!(parts(foreign), parts(unknown), "{name}");
}

#[test]
fn foreign_identifier_answers_like_a_random_one() {
    let server = ContractServer::start(&loaded());
    for owner in [ALPHA, BETA, GAMMA] {
        let foreign = ReaderIdentifiers::read(&server, owner);
        // They are valid: their own tenant gets the user, on every route and by every kind.
        let own_id = format!(r#""customerregistrationid":"{}""#, foreign.crid);
        // The provider of the third one is unavailable, which the legacy API does not leave out.
        let legacy = if owner == GAMMA {
            Vec::new()
        } else {
            foreign.legacy_requests()
        };
        for (name, case) in [foreign.requests(), legacy].concat() {
            let answer = server.send(&case.for_tenant(owner).with("X-RequestId", "own"));
            let found = answer.status == 200 && answer.body.to_lowercase().contains(&own_id);
            assert!(found, "{owner} {name}: {}", answer.body);
        }
        let (unknown, random) = (
            ReaderIdentifiers::of_unknown_reader(&server, owner),
            ReaderIdentifiers::random(),
        );
        for asker in [ALPHA, BETA, GAMMA, ALPHA_SUNDAY] {
            if asker == owner || (asker == ALPHA_SUNDAY && owner == ALPHA) {
                continue;
            }
            let of = |identifiers: &ReaderIdentifiers| [identifiers.requests(), identifiers.odd_requests()].concat();
            for (((name, foreign), (_, unknown)), (_, random)) in of(&foreign).iter().zip(of(&unknown)).zip(of(&random))
            {
                let name = format!("{asker} requests a user of {owner}: {name}");
                let answer = response_to(&server, foreign, asker);
                assert!(
                    answer.body.contains(r#""data":[]"#) || answer.body.contains(r#""data":null"#),
                    "{name}: {}",
                    answer.body
                );
                same(&name, &answer, &response_to(&server, &unknown, asker));
                same(&name, &answer, &response_to(&server, &random, asker));
            }
            for ((name, foreign), (_, unknown)) in foreign.legacy_requests().iter().zip(unknown.legacy_requests()) {
                let answer = response_to(&server, foreign, asker);
                assert!(
                    !answer.body.contains(r#""Users":[{"#),
                    "{asker}: {name}: {}",
                    answer.body
                );
                same(name, &answer, &response_to(&server, &unknown, asker));
            }
        }
    }
    // The audit log of a tenant contains no other tenant's users either.
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
fn token_of_one_tenant_reveals_no_other() {
    let server = ContractServer::start(&loaded());
    let token = hs256_token(&jwt::claims(&[ALPHA]), crate::support::process::SECRET);
    let authorization = format!("Bearer {token}");
    let bearing = |case: &ContractCase| case.clone().with("Authorization", &authorization);
    let (own, foreign) = (
        ReaderIdentifiers::read(&server, ALPHA),
        ReaderIdentifiers::read(&server, BETA),
    );
    for (name, case) in own.requests() {
        assert_eq!(server.send(&bearing(&case).for_tenant(ALPHA)).status, 200, "{name}");
    }
    let random = ReaderIdentifiers::random();
    for ((name, foreign), (_, random)) in foreign.requests().iter().zip(random.requests()) {
        let answer = response_to(&server, &bearing(foreign), BETA);
        assert_eq!(answer.status, 403, "{name}");
        same(name, &answer, &response_to(&server, &bearing(&random), BETA));
        // It does not reveal whether the tenant exists either.
        same(
            name,
            &answer,
            &response_to(&server, &bearing(foreign), "north/daily/nowhere"),
        );
    }
}

#[test]
fn pool_shares_users_but_not_sealed_values() {
    let server = ContractServer::start(&loaded());
    let (shared, random) = (ReaderIdentifiers::read(&server, ALPHA), ReaderIdentifiers::random());
    for ((name, case), (_, random)) in shared.requests().iter().zip(random.requests()) {
        let answer = response_to(&server, case, ALPHA_SUNDAY);
        if name.contains("encrypted") || name.contains("cursor") {
            assert_eq!(answer.status, 400, "{name}");
            same(name, &answer, &response_to(&server, &random, ALPHA_SUNDAY));
        } else {
            assert_eq!(answer.status, 200, "{name}");
            assert!(answer.body.contains(&shared.crid), "{name}: {}", answer.body);
        }
    }
}

#[test]
fn concurrent_reads_keep_tenants_apart() {
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
                    let request = ContractCase::get(target, Expectation::Status(200))
                        .for_tenant(tenant)
                        .request(server);
                    let answer = http_client::send(server.address, &request);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let response = format!(r#"{{"lastName":"{paper}"}}"#);
                    assert!(answer.body.contains(&response), "{tenant}: {}", answer.body);
                }
            });
        }
    });
}
