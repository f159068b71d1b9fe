//! The program with tenants and users, loaded once by its own commands and copied for each test.

use std::{collections::BTreeMap, net::SocketAddr};

use masthead_dev_postgres::TestDatabase;
use masthead_domain::{account::Account, email::Email};
use masthead_ports::sealing::Sealing;
use masthead_testkit::contract_cases::{
    CaseAnswer, CaseEnvironment, CaseToken, ContractCase, fixture as contract_world,
};
use masthead_tokens::Sealer;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::support::{
    http_client, jwt,
    process::{self, SECRET, ServerProcess, setting},
};

/// A tenant, its settings and its accounts.
pub(crate) struct TenantFixture {
    pub(crate) tenant: &'static str,
    /// The tenant whose pool it shares; `None` for a pool of its own.
    pub(crate) pool: Option<&'static str>,
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) accounts: Vec<Account>,
}

impl TenantFixture {
    /// A tenant with a pool of its own and default settings.
    pub(crate) fn new(tenant: &'static str, accounts: Vec<Account>) -> Self {
        Self {
            tenant,
            pool: None,
            settings: &[],
            accounts,
        }
    }

    /// The tenant, and the arguments that create it.
    fn arguments(&self) -> (String, Vec<String>) {
        let is_federated = self.settings.contains(&("Flow.UserProvider", "Auth0"));
        let provider = OUT_OF_REACH.iter().filter(|_| is_federated);
        let settings = self.settings.iter().chain(provider);
        let settings = settings.flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]);
        let pool = self
            .pool
            .iter()
            .flat_map(|pool| ["--pool".to_owned(), (*pool).to_owned()]);
        (self.tenant.to_owned(), settings.chain(pool).collect())
    }
}

/// The settings that a tenant with Auth0 needs; the provider is never reached.
const OUT_OF_REACH: [(&str, &str); 3] = [
    ("Auth0.BaseUrl", "https://127.0.0.1:1"),
    ("Auth0.ClientId", "unused"),
    ("Auth0.ClientSecretFile", "never-written"),
];

/// The tenants of the contract's table.
pub(crate) fn contract_tenants() -> Vec<TenantFixture> {
    let tenants = contract_world::tenants().into_iter();
    tenants
        .map(|(tenant, settings)| TenantFixture {
            settings,
            ..TenantFixture::new(tenant, contract_world::accounts(tenant))
        })
        .collect()
}

/// A server with its own database.
pub(crate) struct ContractServer {
    // Dropped before the database, which it uses.
    server: ServerProcess,
    pub(crate) address: SocketAddr,
    pub(crate) database: TestDatabase,
    sealer: Sealer,
}

impl ContractServer {
    /// Starts a server with these tenants.
    pub(crate) fn start(loaded: &[TenantFixture]) -> Self {
        Self::start_with(loaded, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn start_with(loaded: &[TenantFixture], change: impl FnOnce(&mut Vec<(String, String)>)) -> Self {
        Self::start_as(loaded, |database| database.url().unwrap(), change)
    }

    /// The same with the URL that the server uses.
    pub(crate) fn start_as(
        loaded: &[TenantFixture],
        url: impl FnOnce(&TestDatabase) -> String,
        change: impl FnOnce(&mut Vec<(String, String)>),
    ) -> Self {
        let tenants: Vec<_> = loaded.iter().map(TenantFixture::arguments).collect();
        let accounts = loaded
            .iter()
            .flat_map(|tenant| tenant.accounts.iter().map(|account| line(tenant.tenant, account)));
        let lines: Vec<_> = accounts.map(|line| line.to_string() + "\n").collect();
        let database = process::loaded_database(&tenants, &lines.concat());
        let mut settings = process::settings(&url(&database));
        settings.push(setting("HTTP__MAX_BODY_BYTES", &contract_world::BODY_BYTES.to_string()));
        settings.push(setting("SEARCH__MAX_DEPTH", &contract_world::MAX_DEPTH.to_string()));
        // Generous limits: a busy machine must not fail a test.
        settings.push(setting("HTTP__REQUEST_DEADLINE", "60s"));
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "30s"));
        settings.push(setting("DATABASE__ACQUIRE_TIMEOUT", "30s"));
        change(&mut settings);
        let server = ServerProcess::start(&settings);
        Self {
            address: server.address,
            server,
            database,
            sealer: process::sealer(),
        }
    }

    /// Sends the request of a case.
    pub(crate) fn send(&self, case: &ContractCase) -> CaseAnswer {
        http_client::send(self.address, &case.request(self))
    }

    /// Checks the responses to these cases.
    pub(crate) fn check_all(&self, cases: &[ContractCase]) {
        assert!(!cases.is_empty());
        let differences = cases.iter().filter_map(|case| {
            let answer = self.send(case);
            case.check(self, &answer).err()
        });
        let differences: Vec<_> = differences.collect();
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }

    /// Stops the server in order, so that all writes are finished; returns its log and the database.
    pub(crate) fn stop(self) -> (String, TestDatabase) {
        (self.server.stop(), self.database)
    }
}

impl CaseEnvironment for ContractServer {
    fn sealing(&self) -> &dyn Sealing {
        &self.sealer
    }

    fn token(&self, kind: CaseToken) -> String {
        token(kind)
    }
}

/// The token of a case, signed with the shared secret.
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
    jwt::hs256_token(&claims, secret)
}

/// An account as one line of an import.
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
        "passwordHash": account.has_password.then_some("$argon2id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ"),
        "dateRegistered": moment(account.registered_at),
        "changeDate": moment(account.changed_at),
        "metadata": metadata,
    })
}
