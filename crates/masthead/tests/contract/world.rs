//! Tenants and accounts behind the real server, loaded once by the program's own commands and copied for every test.

use std::{collections::BTreeMap, convert::Infallible, fs, net::SocketAddr};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_dev_postgres::TestDatabase;
use masthead_domain::{account::Account, email::Email};
use masthead_ports::sealing::Sealing;
use masthead_testkit::contract_cases::{
    CaseAnswer, CaseEnvironment, CaseToken, ContractCase, fixture as contract_world,
};
use masthead_tokens::{Sealer, Secret};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::{
    support::{
        jwt::{self, Signer},
        served::{self, SEALING_KEY, SECRET, Served},
    },
    wire,
};

/// A tenant, its settings and its accounts.
pub(crate) struct Loaded {
    pub(crate) tenant: &'static str,
    /// The pool of another tenant; its own without this.
    pub(crate) pool: Option<&'static str>,
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) accounts: Vec<Account>,
}

/// What a tenant of Auth0 has to say beside; nobody answers there, and these tests ask nobody.
const OUT_OF_REACH: [(&str, &str); 3] = [
    ("Auth0.BaseUrl", "https://127.0.0.1:1"),
    ("Auth0.ClientId", "nobody"),
    ("Auth0.ClientSecretEnv", "NOBODY_SETS_THIS"),
];

/// What the table of the contract speaks of.
pub(crate) fn of_the_contract() -> Vec<Loaded> {
    let tenants = contract_world::tenants().into_iter();
    tenants
        .map(|(tenant, settings)| Loaded {
            tenant,
            pool: None,
            settings,
            accounts: contract_world::accounts(tenant),
        })
        .collect()
}

/// A server on a database of its own.
pub(crate) struct World {
    // Before the database: it must be gone when that is dropped.
    server: Served,
    pub(crate) address: SocketAddr,
    pub(crate) database: TestDatabase,
    sealer: Sealer,
}

impl World {
    /// Starts a server that knows all this.
    pub(crate) fn of(loaded: &[Loaded]) -> Self {
        Self::with(loaded, |_| {})
    }

    /// As [`World::of`], with other settings.
    pub(crate) fn with(loaded: &[Loaded], change: impl FnOnce(&mut Vec<(String, String)>)) -> Self {
        let database = copy_of(loaded);
        let mut settings = served::settings(&database.url().unwrap());
        settings.push(setting("HTTP__MAX_BODY_BYTES", &contract_world::BODY_BYTES.to_string()));
        settings.push(setting("SEARCH__MAX_DEPTH", &contract_world::MAX_DEPTH.to_string()));
        // A busy machine makes no test fail.
        settings.push(setting("HTTP__REQUEST_DEADLINE", "60s"));
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "30s"));
        settings.push(setting("DATABASE__ACQUIRE_TIMEOUT", "30s"));
        change(&mut settings);
        let server = Served::start(&settings);
        Self {
            address: server.address,
            server,
            database,
            sealer: sealer(),
        }
    }

    /// Sends a request of a table.
    pub(crate) fn ask(&self, case: &ContractCase) -> CaseAnswer {
        wire::send(self.address, &case.request(self))
    }

    /// Holds a table of requests against what comes back.
    pub(crate) fn holds(&self, cases: &[ContractCase]) {
        assert!(!cases.is_empty());
        let differences = cases.iter().filter_map(|case| {
            let answer = self.ask(case);
            case.check(self, &answer).err()
        });
        let differences: Vec<_> = differences.collect();
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }

    /// Ends the server in order, so that everything it had to write is written; what it said, and the database.
    pub(crate) fn end(self) -> (String, TestDatabase) {
        (self.server.end(), self.database)
    }
}

impl CaseEnvironment for World {
    fn sealing(&self) -> &dyn Sealing {
        &self.sealer
    }

    fn token(&self, kind: CaseToken) -> String {
        token(kind)
    }
}

/// One setting, as a variable of the environment.
pub(crate) fn setting(key: &str, value: &str) -> (String, String) {
    (format!("MASTHEAD__{key}"), value.to_owned())
}

/// A token of the kind that a table names, signed with the shared secret.
pub(crate) fn token(kind: CaseToken) -> String {
    let mut claims = jwt::claims(&["north/*/*", "south/*/*"]);
    let mut secret = SECRET;
    match kind {
        CaseToken::Reader => {}
        CaseToken::WriterOnly => claims["scope"] = "users:write".into(),
        CaseToken::OtherTenant => claims["tenants"] = json!(["east/*/*"]),
        CaseToken::Expired => claims["exp"] = (jwt::now() - 3_600).into(),
        CaseToken::Forged => secret = "another-invented-secret-of-more-than-32-bytes",
    }
    shared(&claims, secret)
}

/// A token with these claims, signed with this secret.
pub(crate) fn shared(claims: &Value, secret: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    jwt::token(&header, claims, &Signer::Hs256(secret.as_bytes()))
}

fn sealer() -> Sealer {
    let key = Secret::new(BASE64_STANDARD.decode(SEALING_KEY).unwrap());
    Sealer::new("k1", &BTreeMap::from([("k1".to_owned(), key)])).unwrap()
}

/// A database with all this in it.
fn copy_of(loaded: &[Loaded]) -> TestDatabase {
    let accounts = loaded.iter().flat_map(|loaded| {
        let lines = loaded.accounts.iter();
        lines.map(|account| format!("{}\n", line(loaded.tenant, account)))
    });
    let lines: String = accounts.collect();
    let tenants = loaded
        .iter()
        .map(|loaded| (loaded.tenant, loaded.pool, loaded.settings));
    let tenants: Vec<_> = tenants.collect();
    // Whatever changes in the program may change how it loads.
    let built = fs::metadata(env!("CARGO_BIN_EXE_masthead"))
        .unwrap()
        .modified()
        .unwrap();
    let key = format!("{built:?} {tenants:?} {OUT_OF_REACH:?} {lines}");
    let prepared = TestDatabase::from_template(&key, |url| {
        let settings = served::settings(url);
        served::done(&settings, &["migrate"], "");
        for (tenant, pool, switches) in &tenants {
            let federated = switches.contains(&("Flow.UserProvider", "Auth0"));
            let provider = OUT_OF_REACH.iter().filter(|_| federated);
            let switches = switches.iter().chain(provider);
            let switches: Vec<_> = switches.map(|(key, value)| format!("{key}={value}")).collect();
            let mut arguments = vec!["tenant", "add", tenant];
            arguments.extend(switches.iter().flat_map(|switch| ["--set", switch]));
            arguments.extend(pool.iter().flat_map(|pool| ["--pool", pool]));
            served::done(&settings, &arguments, "");
        }
        let said = served::done(&settings, &["import"], &lines);
        assert_eq!(said, format!(r#"{{"imported":{},"skipped":0}}"#, lines.lines().count()));
        Ok::<_, Infallible>(())
    });
    prepared.unwrap()
}

/// An account as a line of an import.
fn line(tenant: &str, account: &Account) -> Value {
    let moment = |at: Option<time::OffsetDateTime>| at.map(|at| at.format(&Rfc3339).unwrap());
    let metadata: BTreeMap<_, _> = account.metadata.iter().collect();
    json!({
        "tenant": tenant,
        "customerRegistrationId": account.crid.as_str(),
        "email": account.email.as_ref().map(Email::as_str),
        "firstName": account.first_name,
        "lastName": account.last_name,
        "verified": account.verified == Some(true),
        "passwordHash": account.has_password.then_some("$argon2id$invented"),
        "dateRegistered": moment(account.registered_at),
        "changeDate": moment(account.changed_at),
        "metadata": metadata,
    })
}
