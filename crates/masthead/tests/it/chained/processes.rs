//! Two processes, one before the other, held against one: the remote one, requested itself.

use masthead_sandbox::{Auth0Config, Sandbox};
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{
        self, Case, Environment, Expect, Token,
        world::{COURIER, GAZETTE, HERALD, TIMES},
    },
    for_each_contract_line,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    contract::server::{ContractServer, TenantFixture, contract_tenants, setting},
    support::{
        process,
        readers::{crid, email},
        sources::AUTH0,
    },
};

/// A tenant whose provider answers.
const MIRROR: &str = "north/daily/mirror";

/// The secret that the sandbox knows its caller by.
const AUTH0_SECRET: &str = "sandbox-client-secret";

/// A Masthead before another. The near one has the same tenants, and no registrations of its own.
struct ServerChain {
    near: ContractServer,
    remote: ContractServer,
    // Ends the sandbox's connections when dropped.
    _sandbox: (Sandbox, Runtime),
    /// By which the near one is known to the remote one.
    token: String,
}

fn mirror() -> TenantFixture {
    let reader = |name: &str| {
        let account = account(&crid(name), &email(name), "Storeside", "Quizzeltop");
        with_metadata(account, &[("city", "Nowhereville")])
    };
    TenantFixture {
        tenant: MIRROR,
        pool: None,
        settings: &[("Flow.UserProvider", "Auth0")],
        accounts: vec![reader("both"), reader("ours")],
    }
}

impl ServerChain {
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
        let mut everybody = contract_tenants();
        everybody.push(mirror());
        let remote = ContractServer::start_with(&everybody, provider);
        let nobody: Vec<TenantFixture> = everybody
            .into_iter()
            .map(|loaded| TenantFixture {
                accounts: Vec::new(),
                ..loaded
            })
            .collect();
        let token = remote.token(Token::Reader);
        let near = ContractServer::start_with(&nobody, |settings| {
            provider(settings);
            settings.push(("MASTHEAD_SECRET_FAR".to_owned(), token.clone()));
            let mut remote = vec![
                format!("Subscribe.Url=http://{}", remote.address),
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
            remote,
            _sandbox: (sandbox, runtime),
            token,
        }
    }

    /// What the near one answers, and the remote one itself.
    fn both(&self, case: &Case) -> [(u16, Value); 2] {
        [&self.near, &self.remote].map(|server| {
            let answer = server.send(case);
            let body = serde_json::from_str(&answer.body).unwrap();
            (answer.status, body)
        })
    }

    /// The two must say the same, but for the moments of asking, and for cursors, which only their maker understands.
    fn agree(&self, case: &Case) -> Value {
        let [mut near, mut remote] = self.both(case);
        for (_, body) in [&mut near, &mut remote] {
            if let Some(cursor) = body["meta"].get_mut("nextCursor") {
                *cursor = "cursor".into();
            }
            for source in body["meta"]["sources"].as_array_mut().into_iter().flatten() {
                source["asOf"].take();
            }
        }
        assert_eq!(near, remote, "{case:?}");
        near.1
    }
}

/// Sets a tenant up before its server starts; that it is only read is response.
fn set(settings: &[(String, String)], tenant: &str, pairs: &[&str]) {
    let arguments = [&["tenant", "set", tenant], pairs].concat();
    let done = process::run(settings, &arguments, "");
    let messages = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{messages}");
    let is_remote = pairs.iter().any(|pair| pair.starts_with("Subscribe.Url="));
    assert_eq!(
        messages.contains("warning: Subscribe.Url: a remote Users API"),
        is_remote,
        "{messages}"
    );
}

fn any(target: &str, tenant: &'static str) -> Case {
    Case::get(target, Expect::Status(0)).of(tenant)
}

fn percent_encoded(text: &str) -> String {
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

/// The whole table of the contract, byte for byte where it says so, and in every case what the remote one says.
fn keeps_the_contract(how: &[(&str, &str)]) {
    let chain = ServerChain::start(how);
    let cases: Vec<Case> = for_each_contract_line!(table);
    chain.near.check_all(&cases);
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
    let chain = ServerChain::start(&[]);
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
    chain.agree(&Case::search(&body.to_string(), Expect::Status(0)).of(HERALD));
    assert_eq!(
        chain.near.send(&any("/v4/Users/2937", HERALD)).body,
        chain.remote.send(&any("/v4/Users/2937", HERALD)).body
    );

    // Merged with the provider, who both of them send; and the store alone of the same tenant.
    for (target, ids) in [
        (format!("/v4/Users/{}", percent_encoded(&crid("both"))), 1),
        (format!("/v4/Users/{}", percent_encoded(&crid("theirs"))), 1),
        (format!("/v4/Users/{}", percent_encoded(&crid("ours"))), 1),
        (format!("/v4/Users/{}", percent_encoded(&crid("neither"))), 0),
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
    let ServerChain { near, token, .. } = chain;
    let (log, database) = near.stop();
    assert!(!log.contains("panicked"), "{log}");
    for word in ["ann@example.com", "quizzeltop", &email("both"), &token] {
        assert!(!log.to_lowercase().contains(&word.to_lowercase()), "{word} is response");
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
        "the remote side is no provider"
    );
}
