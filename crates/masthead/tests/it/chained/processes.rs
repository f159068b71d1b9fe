//! Two processes: one reads its registrations from the other, and both must answer the same.

use masthead_sandbox::{Auth0Config, Sandbox};
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

use crate::support::process::setting;
use crate::{
    contract::server::{ContractServer, TenantFixture, contract_tenants},
    support::{
        http_client::percent_encoded,
        process,
        readers::{crid, email},
        sources::AUTH0,
    },
};

/// A tenant with a provider that answers.
const MIRROR: &str = "north/daily/mirror";

/// The client secret of the sandbox.
const AUTH0_SECRET: &str = "sandbox-client-secret";

/// A local server and a remote one. The local one has the same tenants without registrations.
struct ServerChain {
    local: ContractServer,
    remote: ContractServer,
    // Ends the sandbox's connections when dropped.
    _sandbox: (Sandbox, Runtime),
    /// The local server's token for the remote one.
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
        accounts: vec![reader("both"), reader("local")],
    }
}

impl ServerChain {
    /// Starts both; `how` contains settings of the remote Users API.
    fn start(how: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = Auth0Config {
            users: ["both", "provider"].map(AUTH0.user).into(),
            ..Auth0Config::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(config)).unwrap();
        let auth0 = format!("Auth0.BaseUrl={}", sandbox.url().trim_end_matches('/'));
        let provider = |settings: &mut Vec<(String, String)>| {
            let variable = process::secret_variable(MIRROR, "AUTH0");
            settings.push((variable.clone(), AUTH0_SECRET.to_owned()));
            settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
            settings.push(setting("PROVIDERS__CALL_TIMEOUT", "30s"));
            settings.push(setting("PROVIDERS__CONNECT_TIMEOUT", "30s"));
            let own = [
                "Auth0.ClientId=sandbox-client",
                "Auth0.ClientSecretFile=",
                &format!("Auth0.ClientSecretEnv={variable}"),
                &auth0,
            ];
            set(settings, MIRROR, &own);
        };
        let mut tenants = contract_tenants();
        tenants.push(mirror());
        let remote = ContractServer::start_with(&tenants, provider);
        let without_users: Vec<TenantFixture> = tenants
            .into_iter()
            .map(|loaded| TenantFixture {
                accounts: Vec::new(),
                ..loaded
            })
            .collect();
        let token = remote.token(CaseToken::Reader);
        let local = ContractServer::start_with(&without_users, |settings| {
            provider(settings);
            let mut remote = vec![
                format!("Subscribe.Url=http://{}", remote.address),
                "Subscribe.SourceSystem=CRM".to_owned(),
            ];
            remote.extend(how.iter().map(|(name, value)| format!("{name}={value}")));
            for tenant in [HERALD, TIMES, GAZETTE, COURIER, MIRROR] {
                let variable = process::secret_variable(tenant, "FAR");
                settings.push((variable.clone(), token.clone()));
                let secret = format!("Subscribe.TokenEnv={variable}");
                let all: Vec<&str> = remote.iter().chain([&secret]).map(String::as_str).collect();
                set(settings, tenant, &all);
            }
        });
        Self {
            local,
            remote,
            _sandbox: (sandbox, runtime),
            token,
        }
    }

    /// The responses of the local and the remote server.
    fn both(&self, case: &ContractCase) -> [(u16, Value); 2] {
        [&self.local, &self.remote].map(|server| {
            let answer = server.send(case);
            let body = serde_json::from_str(&answer.body).unwrap();
            (answer.status, body)
        })
    }

    /// Checks that both responses are equal, except for times and cursors.
    fn agree(&self, case: &ContractCase) -> Value {
        let [mut local, mut remote] = self.both(case);
        for (_, body) in [&mut local, &mut remote] {
            if let Some(cursor) = body["meta"].get_mut("nextCursor") {
                *cursor = "cursor".into();
            }
            for source in body["meta"]["sources"].as_array_mut().into_iter().flatten() {
                source["asOf"].take();
            }
        }
        assert_eq!(local, remote, "{case:?}");
        local.1
    }
}

/// Changes a tenant before its server starts; a remote Users API causes a warning.
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

fn any(target: &str, tenant: &'static str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(0)).for_tenant(tenant)
}

macro_rules! table {
    ($($line:ident),* $(,)?) => {
        vec![$(contract_cases::$line()),*].concat()
    };
}

/// Checks the whole table of the contract against the local server.
fn keeps_the_contract(how: &[(&str, &str)]) {
    let chain = ServerChain::start(how);
    let cases: Vec<ContractCase> = for_each_contract_line!(table);
    chain.local.check_all(&cases);
}

#[test]
fn chain_keeps_the_contract() {
    keeps_the_contract(&[]);
}

#[test]
fn chain_by_query_string_keeps_the_contract() {
    keeps_the_contract(&[("Subscribe.Method", "GET")]);
}

#[test]
fn chain_through_legacy_keeps_the_contract() {
    keeps_the_contract(&[("Subscribe.Api", "legacy")]);
}

#[test]
fn chain_answers_like_the_remote_server() {
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
    chain.agree(&ContractCase::search(&body.to_string(), Expectation::Status(0)).for_tenant(HERALD));
    assert_eq!(
        chain.local.send(&any("/v4/Users/2937", HERALD)).body,
        chain.remote.send(&any("/v4/Users/2937", HERALD)).body
    );

    // Merged with the provider, which both servers call; and the store alone of the same tenant.
    for (target, ids) in [
        (format!("/v4/Users/{}", percent_encoded(&crid("both"))), 1),
        (format!("/v4/Users/{}", percent_encoded(&crid("provider"))), 1),
        (format!("/v4/Users/{}", percent_encoded(&crid("local"))), 1),
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
    let ServerChain { local, token, .. } = chain;
    let (log, database) = local.stop();
    assert!(!log.contains("panicked"), "{log}");
    for word in ["ann@example.com", "quizzeltop", &email("both"), &token] {
        assert!(
            !log.to_lowercase().contains(&word.to_lowercase()),
            "{word} is in the log"
        );
    }
    let count = |query: &str| database.run(query).unwrap().trim().to_owned();
    assert_eq!(
        count("SELECT count(*) FROM registrations"),
        "0",
        "nothing is written back into a remote store"
    );
    assert_ne!(
        count("SELECT count(*) FROM events WHERE kind IN (4000, 4001)"),
        "0",
        "the local one writes its own reads"
    );
    assert_eq!(
        count("SELECT count(*) FROM events WHERE kind = 4601 AND tenant = 'north/daily/herald'"),
        "0",
        "the remote side is no provider"
    );
}
