//! Two processes, one before the other, held against one: the far one, asked itself.

use masthead_sandbox::{Auth0Config, Outage, Sandbox};
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{
        self, CaseEnvironment, CaseToken, ContractCase, Expectation,
        fixture::{COURIER, GAZETTE, HERALD, TIMES},
    },
    for_each_contract_line,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    people::{crid, email},
    support::served,
    under_test::AUTH0,
    world::{Loaded, World, of_the_contract, setting},
};

/// A tenant whose provider answers.
const MIRROR: &str = "north/daily/mirror";

/// The secret that the sandbox knows its caller by.
const AUTH0_SECRET: &str = "sandbox-client-secret";

/// A Masthead before another. The near one has the same tenants, and no registrations of its own.
struct Chain {
    near: World,
    far: World,
    sandbox: Sandbox,
    runtime: Runtime,
    /// By which the near one is known to the far one.
    token: String,
}

fn mirror() -> Loaded {
    let reader = |name: &str| {
        let account = account(&crid(name), &email(name), "Storeside", "Quizzeltop");
        with_metadata(account, &[("city", "Nowhereville")])
    };
    Loaded {
        tenant: MIRROR,
        pool: None,
        settings: &[("Flow.UserProvider", "Auth0")],
        accounts: vec![reader("both"), reader("ours")],
    }
}

impl Chain {
    /// Starts both; the near one asks in the way that these settings say.
    fn start(how: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = Auth0Config {
            users: ["both", "theirs"].map(AUTH0.user).into(),
            ..Auth0Config::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(config)).unwrap();
        let auth0 = format!("Auth0.BaseUrl={}", sandbox.url().trim_end_matches('/'));
        let provider = |settings: &mut Vec<(String, String)>| {
            settings.push(("MASTHEAD_SECRET_AUTH0".to_owned(), AUTH0_SECRET.to_owned()));
            settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
            settings.push(setting("PROVIDERS__CALL_TIMEOUT", "30s"));
            settings.push(setting("PROVIDERS__CONNECT_TIMEOUT", "30s"));
            let own = [
                "Auth0.ClientId=sandbox-client",
                "Auth0.ClientSecretEnv=MASTHEAD_SECRET_AUTH0",
                &auth0,
            ];
            set(settings, MIRROR, &own);
        };
        let mut everybody = of_the_contract();
        everybody.push(mirror());
        let far = World::with(&everybody, provider);
        let nobody: Vec<Loaded> = everybody
            .into_iter()
            .map(|loaded| Loaded {
                accounts: Vec::new(),
                ..loaded
            })
            .collect();
        let token = far.token(CaseToken::Reader);
        let near = World::with(&nobody, |settings| {
            provider(settings);
            settings.push(("MASTHEAD_SECRET_FAR".to_owned(), token.clone()));
            let mut remote = vec![
                format!("Subscribe.Url=http://{}", far.address),
                "Subscribe.TokenEnv=MASTHEAD_SECRET_FAR".to_owned(),
                "Subscribe.SourceSystem=CRM".to_owned(),
            ];
            remote.extend(how.iter().map(|(name, value)| format!("{name}={value}")));
            let remote: Vec<&str> = remote.iter().map(String::as_str).collect();
            for tenant in [HERALD, TIMES, GAZETTE, COURIER, MIRROR] {
                set(settings, tenant, &remote);
            }
        });
        Self {
            near,
            far,
            sandbox,
            runtime,
            token,
        }
    }

    /// What the near one answers, and the far one itself.
    fn both(&self, case: &ContractCase) -> [(u16, Value); 2] {
        [&self.near, &self.far].map(|world| {
            let answer = world.ask(case);
            let body = serde_json::from_str(&answer.body).unwrap();
            (answer.status, body)
        })
    }

    /// The two must say the same, but for the moments of asking, and for cursors, which only their maker understands.
    fn agree(&self, case: &ContractCase) -> Value {
        let [mut near, mut far] = self.both(case);
        for (_, body) in [&mut near, &mut far] {
            if let Some(cursor) = body["meta"].get_mut("nextCursor") {
                *cursor = "cursor".into();
            }
            for source in body["meta"]["sources"].as_array_mut().into_iter().flatten() {
                source["asOf"].take();
            }
        }
        assert_eq!(near, far, "{case:?}");
        near.1
    }
}

/// What the near one says of the Subscribe source when only that is out of reach.
fn status(near: &World, case: &ContractCase) -> (u16, Value) {
    let answer = near.ask(case);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    if answer.status == 503 {
        assert!(answer.headers.iter().any(|(name, _)| name == "retry-after"), "{case:?}");
    }
    let sources = body["meta"]["sources"].as_array().into_iter().flatten();
    let ours = sources
        .filter(|source| source["name"] == "Subscribe")
        .map(|source| source["status"].clone());
    (answer.status, ours.collect())
}

/// Sets a tenant up before its server starts; that it is only read is told.
fn set(settings: &[(String, String)], tenant: &str, pairs: &[&str]) {
    let arguments = [&["tenant", "set", tenant], pairs].concat();
    let done = served::run(settings, &arguments, "");
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    let is_remote = pairs.iter().any(|pair| pair.starts_with("Subscribe.Url="));
    assert_eq!(
        said.contains("warning: Subscribe.Url: a remote Users API"),
        is_remote,
        "{said}"
    );
}

fn any(target: &str, tenant: &'static str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(0)).for_tenant(tenant)
}

fn in_url(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('|', "%7C")
}

macro_rules! table {
    ($($line:ident),* $(,)?) => {
        vec![$(contract_cases::$line()),*].concat()
    };
}

/// The whole table of the contract, byte for byte where it says so, and in every case what the far one says.
fn keeps_the_contract(how: &[(&str, &str)]) {
    let chain = Chain::start(how);
    let cases: Vec<ContractCase> = for_each_contract_line!(table);
    chain.near.holds(&cases);
}

#[test]
fn a_chain_keeps_the_contract() {
    keeps_the_contract(&[]);
}

#[test]
fn a_chain_by_the_published_query_string_keeps_the_contract() {
    keeps_the_contract(&[("Subscribe.Method", "GET")]);
}

#[test]
fn a_chain_through_the_legacy_api_keeps_the_contract() {
    keeps_the_contract(&[("Subscribe.Api", "legacy")]);
}

#[test]
fn two_processes_say_what_one_says() {
    let chain = Chain::start(&[]);
    for target in [
        "/v4/Users/2937",
        "/v4/Users/nobody",
        "/v4/Users?email=Ann@Example.com",
        "/v4/Users?email=nobody@example.com",
        "/v4/Users?email=an",
        "/v4/Users?lastName=l&orderBy=3&orderByType=1",
        "/v4/Users?metadata.city=%C3%85rhus",
        "/v4/Users?metadata.badge=gold&pageSize=2&count=none",
        "/v4/Users?pageSize=3&pageNumber=2&explain=true",
        "/v4/Users?encryptedEmail={{sealed-email:ann@example.com}}",
        "/v4/Users?encryptedCustomerRegistrationId={{sealed-id:2937}}",
    ] {
        chain.agree(&any(target, HERALD));
        chain.agree(&any(target, TIMES));
    }
    let body = json!({"metadata": {"city": "Århus"}, "lastName": "le", "pageSize": 2, "orderBy": 7});
    chain.agree(&ContractCase::search(&body.to_string(), Expectation::Status(0)).for_tenant(HERALD));
    assert_eq!(
        chain.near.ask(&any("/v4/Users/2937", HERALD)).body,
        chain.far.ask(&any("/v4/Users/2937", HERALD)).body
    );

    // Every order, page by page: each by the cursor that its own process gave.
    for column in 1..=8 {
        let list = format!("pageSize=7&orderBy={column}");
        let mut cursors = [None, None];
        let mut pages = 0;
        loop {
            let asked =
                [&chain.near, &chain.far]
                    .into_iter()
                    .zip(&cursors)
                    .map(|(world, cursor): (_, &Option<String>)| {
                        let on = cursor
                            .as_ref()
                            .map_or_else(String::new, |cursor| format!("&cursor={}", in_url(cursor)));
                        let answer = world.ask(&any(&format!("/v4/Users?{list}{on}"), GAZETTE));
                        serde_json::from_str::<Value>(&answer.body).unwrap()
                    });
            let asked: Vec<Value> = asked.collect();
            assert_eq!(asked[0]["data"], asked[1]["data"], "{list}");
            assert_eq!(asked[0]["meta"]["totalRecords"], 25);
            pages += 1;
            cursors = [0, 1].map(|n: usize| asked[n]["meta"]["nextCursor"].as_str().map(str::to_owned));
            assert_eq!(cursors[0].is_some(), cursors[1].is_some());
            if cursors[0].is_none() {
                break;
            }
        }
        assert_eq!(pages, 4, "{list}");
    }

    // Merged with the provider, who both of them ask; and the store alone of the same tenant.
    for (target, ids) in [
        (format!("/v4/Users/{}", in_url(&crid("both"))), 1),
        (format!("/v4/Users/{}", in_url(&crid("theirs"))), 1),
        (format!("/v4/Users/{}", in_url(&crid("ours"))), 1),
        (format!("/v4/Users/{}", in_url(&crid("neither"))), 0),
        (format!("/v4/Users?email={}", email("both")), 1),
        ("/v4/Users?lastName=quiz".to_owned(), 3),
        ("/v4/Users?metadata.city=nowhereville&ignoreProvider=true".to_owned(), 2),
        ("/v4/Users?pageSize=1&explain=true".to_owned(), 1),
    ] {
        let answer = chain.agree(&any(&target, MIRROR));
        let users = match &answer["data"] {
            Value::Array(users) => users.len(),
            Value::Null => 0,
            _ => 1,
        };
        assert_eq!(users, ids, "{target}: {answer}");
        assert_eq!(answer["meta"]["complete"], true, "{target}: {answer}");
    }
    let Chain { near, token, .. } = chain;
    let (log, database) = near.end();
    assert!(!log.contains("panicked"), "{log}");
    for word in ["ann@example.com", "quizzeltop", &email("both"), &token] {
        assert!(!log.to_lowercase().contains(&word.to_lowercase()), "{word} is told");
    }
    let count = |query: &str| database.run(query).unwrap().trim().to_owned();
    assert_eq!(
        count("SELECT count(*) FROM registrations"),
        "0",
        "nothing is synchronised into a remote store"
    );
    assert_ne!(
        count("SELECT count(*) FROM events WHERE kind IN (4000, 4001)"),
        "0",
        "the near one writes its own reads"
    );
    assert_eq!(
        count("SELECT count(*) FROM events WHERE kind = 4601 AND tenant = 'north/daily/herald'"),
        "0",
        "the far side is no provider"
    );
}

#[test]
fn with_the_far_one_stopped_the_answer_table_holds() {
    let chain = Chain::start(&[]);
    let by_id = |name: &str| any(&format!("/v4/Users/{}", in_url(&crid(name))), MIRROR);
    let by_email = |name: &str| any(&format!("/v4/Users?email={}", email(name)), MIRROR);
    assert_eq!(status(&chain.near, &by_id("both")), (200, json!(["ok"])));
    let Chain {
        near,
        far,
        sandbox,
        runtime,
        ..
    } = chain;
    far.end();

    // The store alone: nobody can tell, whoever it is about.
    for target in [
        "/v4/Users/2937",
        "/v4/Users/nobody",
        "/v4/Users?email=ann@example.com",
        "/v4/Users",
        "/v4/Users?lastName=l",
    ] {
        assert_eq!(status(&near, &any(target, HERALD)), (503, json!([])), "{target}");
    }
    let alone = any(
        &format!("/v4/Users/{}?ignoreProvider=true", in_url(&crid("both"))),
        MIRROR,
    );
    assert_eq!(status(&near, &alone).0, 503);
    // Found and Unknown: the provider's, incomplete. Absent and Unknown: nobody can tell.
    let silent = json!(["unavailable"]);
    for name in ["both", "theirs"] {
        assert_eq!(status(&near, &by_id(name)), (200, silent.clone()), "{name}");
        assert_eq!(status(&near, &by_email(name)), (200, silent.clone()), "{name}");
    }
    for name in ["ours", "neither"] {
        assert_eq!(status(&near, &by_id(name)), (503, silent.clone()), "{name}");
        assert_eq!(status(&near, &by_email(name)), (503, silent.clone()), "{name}");
    }
    let strict = any(
        &format!("/v4/Users/{}?onProviderFailure=fail", in_url(&crid("both"))),
        MIRROR,
    );
    assert_eq!(status(&near, &strict).0, 503);
    assert_eq!(
        status(&near, &any("/v4/Users?lastName=quiz", MIRROR)),
        (200, silent.clone())
    );
    // Unknown and Unknown.
    runtime.block_on(sandbox.outage(Outage::Refused)).unwrap();
    assert_eq!(status(&near, &by_id("nobody-asked-before")), (503, silent));

    let (log, database) = near.end();
    assert!(!log.contains("panicked"), "{log}");
    let count = |query: &str| database.run(query).unwrap().trim().to_owned();
    assert_eq!(count("SELECT count(*) FROM registrations"), "0");
}
