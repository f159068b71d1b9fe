//! The wall between tenants: whatever names somebody of another tenant answers exactly like what names nobody.

use std::thread;

use masthead_domain::{account::Account, tenant::TenantId};
use masthead_ports::sealing::Purpose;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{CaseAnswer, CaseEnvironment, ContractCase, Expectation},
};
use serde_json::{Value, json};

use crate::{
    support::jwt,
    wire::{self, in_url},
    world::{Loaded, World, shared},
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

fn loaded() -> Vec<Loaded> {
    let of = |tenant: &'static str, pool, settings| Loaded {
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

/// Everything by which somebody can be asked for.
struct Identifiers {
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

impl Identifiers {
    /// Those of the second reader of a tenant.
    fn of(world: &World, owner: &'static str) -> Self {
        let first_page =
            world.ask(&ContractCase::get(&format!("/v4/Users?{LIST}"), Expectation::Status(200)).for_tenant(owner));
        let first_page: Value = serde_json::from_str(&first_page.body).unwrap();
        let cursor = first_page["meta"]["nextCursor"].as_str().unwrap().to_owned();
        Self {
            cursor,
            ..Self::named(world, owner, &people(owner)[1])
        }
    }

    /// Those of somebody whom nobody has, sealed as the tenant's own would be.
    fn of_nobody(world: &World, owner: &'static str) -> Self {
        let nobody = account(
            "nobody-00002",
            "nobody.reader2@example.org",
            "nobodyfirst2",
            "nobodylast",
        );
        Self::named(world, owner, &with_metadata(nobody, &[("badge", "nobodybadge2")]))
    }

    fn named(world: &World, owner: &str, person: &Account) -> Self {
        let tenant = TenantId::parse(owner).unwrap();
        let seal = |purpose, plain: &str| world.sealing().seal(&tenant, purpose, plain);
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
    fn requests(&self) -> Vec<(String, ContractCase)> {
        let (crid, sealed_id, sealed_email) = (&*self.crid, in_url(&self.sealed_id), in_url(&self.sealed_email));
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
            ("cursor", format!("pageSize=1&cursor={}", in_url(&self.cursor))),
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

    /// Requests that nobody is found by, whoever asks: identifiers where they do not belong, and a provider that is silent.
    fn odd_requests(&self) -> Vec<(String, ContractCase)> {
        let (crid, email) = (&*self.crid, &*self.email);
        let (sealed_id, sealed_email) = (in_url(&self.sealed_id), in_url(&self.sealed_email));
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
        .map(|(name, target)| (name.to_owned(), ContractCase::get(&target, Expectation::Status(200))))
        .into()
    }
}

/// Everything of an answer but the time at which it was made.
fn told(world: &World, case: &ContractCase, asker: &'static str) -> CaseAnswer {
    let mut answer = world.ask(&case.clone().for_tenant(asker).with("X-RequestId", "foreign"));
    answer.headers.retain(|(name, _)| name != "date");
    answer.body = without_moments(&answer.body);
    answer
}

/// The body without when each source was asked.
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

fn same(name: &str, foreign: &CaseAnswer, nobody: &CaseAnswer) {
    let parts = |answer: &CaseAnswer| (answer.status, answer.headers.clone(), answer.body.clone());
    assert_eq!(parts(foreign), parts(nobody), "{name}");
}

#[test]
fn a_foreign_identifier_answers_like_a_random_one_on_every_route() {
    let world = World::of(&loaded());
    for owner in [ALPHA, BETA, GAMMA] {
        let foreign = Identifiers::of(&world, owner);
        // They are good: their own tenant is answered with the person, on every route and by every kind.
        for (name, case) in foreign.requests() {
            let answer = world.ask(&case.for_tenant(owner).with("X-RequestId", "own"));
            assert_eq!(answer.status, 200, "{owner} {name}: {}", answer.body);
            assert!(
                answer
                    .body
                    .contains(&format!(r#""customerRegistrationId":"{}""#, foreign.crid)),
                "{owner} {name}: {}",
                answer.body
            );
        }
        let (nobody, random) = (Identifiers::of_nobody(&world, owner), Identifiers::random());
        for asker in [ALPHA, BETA, GAMMA, ALPHA_SUNDAY] {
            if asker == owner || (asker == ALPHA_SUNDAY && owner == ALPHA) {
                continue;
            }
            let of = |identifiers: &Identifiers| [identifiers.requests(), identifiers.odd_requests()].concat();
            for (((name, foreign), (_, nobody)), (_, random)) in of(&foreign).iter().zip(of(&nobody)).zip(of(&random)) {
                let name = format!("{asker} asks for somebody of {owner}: {name}");
                let answer = told(&world, foreign, asker);
                assert!(
                    answer.body.contains(r#""data":[]"#) || answer.body.contains(r#""data":null"#),
                    "{name}: {}",
                    answer.body
                );
                same(&name, &answer, &told(&world, &nobody, asker));
                same(&name, &answer, &told(&world, &random, asker));
            }
        }
    }
    // The log of a tenant tells of nobody else's users either.
    let (_, database) = world.end();
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
    let world = World::of(&loaded());
    let token = shared(&jwt::claims(&[ALPHA]), crate::support::served::SECRET);
    let authorization = format!("Bearer {token}");
    let bearing = |case: &ContractCase| case.clone().with("Authorization", &authorization);
    let (own, foreign) = (Identifiers::of(&world, ALPHA), Identifiers::of(&world, BETA));
    for (name, case) in own.requests() {
        assert_eq!(world.ask(&bearing(&case).for_tenant(ALPHA)).status, 200, "{name}");
    }
    let random = Identifiers::random();
    for ((name, foreign), (_, random)) in foreign.requests().iter().zip(random.requests()) {
        let answer = told(&world, &bearing(foreign), BETA);
        assert_eq!(answer.status, 403, "{name}");
        same(name, &answer, &told(&world, &bearing(&random), BETA));
        // Nor whether there is such a tenant.
        same(name, &answer, &told(&world, &bearing(foreign), "north/daily/nowhere"));
    }
}

#[test]
fn papers_of_one_pool_see_the_same_users_but_not_each_others_sealed_texts() {
    let world = World::of(&loaded());
    let (theirs, random) = (Identifiers::of(&world, ALPHA), Identifiers::random());
    for ((name, case), (_, random)) in theirs.requests().iter().zip(random.requests()) {
        let answer = told(&world, case, ALPHA_SUNDAY);
        if name.contains("encrypted") || name.contains("cursor") {
            assert_eq!(answer.status, 400, "{name}");
            same(name, &answer, &told(&world, &random, ALPHA_SUNDAY));
        } else {
            assert_eq!(answer.status, 200, "{name}");
            assert!(answer.body.contains(&theirs.crid), "{name}: {}", answer.body);
        }
    }
}

#[test]
fn reads_of_many_tenants_at_once_are_each_answered_with_their_own() {
    const ROUNDS: usize = 40;
    let world = World::of(&loaded());
    let world = &world;
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
                        .request(world);
                    let answer = wire::send(world.address, &request);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let told = format!(r#"{{"lastName":"{paper}"}}"#);
                    assert!(answer.body.contains(&told), "{tenant}: {}", answer.body);
                }
            });
        }
    });
}
