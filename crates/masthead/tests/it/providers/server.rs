//! The program with tenants that have a provider, each with a sandbox of its own.

use std::{collections::BTreeMap, convert::Infallible, fs, process::Output};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::Sandbox;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    providers::client::UserApiClient,
    support::{
        jwt::{self, TokenSigner},
        process::{self, SECRET, ServerProcess},
        raw_http::RawConnection,
        readers::{PERSONAL, stored},
        sources::{AUTH0, SourceUnderTest},
    },
};

/// A tenant, and its readers by name.
pub(crate) struct FederatedTenant {
    pub(crate) code: &'static str,
    pub(crate) source: &'static SourceUnderTest,
    /// Settings besides the usual ones, which they override.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) stored: Vec<String>,
    pub(crate) shown: Vec<String>,
}

impl FederatedTenant {
    /// A tenant of Auth0 with a reader on both sides and one on either side alone: `both-CODE`, `provider_only-CODE`,
    /// `local-CODE`.
    pub(crate) fn new(code: &'static str) -> Self {
        let named = |names: [&str; 2]| names.map(|name| format!("{name}-{code}")).to_vec();
        Self {
            code,
            source: &AUTH0,
            settings: &[],
            stored: named(["both", "local"]),
            shown: named(["both", "provider"]),
        }
    }

    fn tenant(&self) -> String {
        format!("north/daily/{}", self.code)
    }

    fn lines(&self) -> String {
        let lines = self.stored.iter().map(|name| stored(&self.tenant(), name));
        lines.map(|line| line.to_string() + "\n").collect()
    }

    fn arguments(&self) -> Vec<String> {
        let secret = format!("{}Env", self.source.secret_place);
        let variable = secret_variable(self.source);
        // The address is set when there is one.
        let known = [
            ("Flow.UserProvider", self.source.name),
            (self.source.address, "http://127.0.0.1:1"),
            (&*secret, &*variable),
        ];
        let usual = known.iter().chain(self.source.settings);
        let usual = usual.filter(|(key, _)| !self.settings.iter().any(|(own, _)| own == key));
        let all = usual.chain(self.settings);
        let pairs = all.flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]);
        pairs.collect()
    }
}

/// The program, running.
pub(crate) struct ProviderTestServer {
    // Before the database: it must be gone when that is dropped.
    server: ServerProcess,
    pub(crate) database: TestDatabase,
    sandboxes: Vec<(&'static str, Sandbox)>,
    token: String,
    /// What it was started with.
    pub(crate) settings: Vec<(String, String)>,
    /// Of the sources.
    secrets: Vec<&'static str>,
    pub(crate) runtime: Runtime,
}

/// What is left of a program that ended in order.
pub(crate) struct StoppedServer {
    pub(crate) log: String,
    pub(crate) database: TestDatabase,
}

impl ProviderTestServer {
    /// Starts the program for these tenants, with these settings of the server, which override the patient ones.
    pub(crate) fn start(papers: &[FederatedTenant], settings: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let database = copy_of(papers);
        let sandboxes = papers.iter().map(|paper| {
            let users = paper.shown.iter().map(|name| (paper.source.user)(name)).collect();
            let sandbox = runtime
                .block_on(Sandbox::start((paper.source.stand_in)(users)))
                .unwrap();
            // The tenant was set up before this sandbox had an address.
            database
                .run(&format!(
                    "UPDATE tenants SET settings = jsonb_set(settings::jsonb, '{{{}}}', '\"{}\"')::json
                      WHERE paper = '{}'",
                    paper.source.address,
                    sandbox.url().trim_end_matches('/'),
                    paper.code,
                ))
                .unwrap();
            (paper.code, sandbox)
        });
        let sandboxes = sandboxes.collect();
        let mut all = process::settings(&database.url().unwrap());
        for FederatedTenant { source, .. } in papers {
            all.push((secret_variable(source), source.secret.to_owned()));
        }
        all.push(("MASTHEAD_SECRET_WRONG".to_owned(), "a-wrong-secret".to_owned()));
        all.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        // A busy machine makes the store late, and these tests are not about that.
        all.push(setting("HTTP__REQUEST_DEADLINE", "40s"));
        all.push(setting("PROVIDERS__CALL_TIMEOUT", "20s"));
        all.push(setting("PROVIDERS__STALE_AFTER", "20s"));
        all.push(setting("DATABASE__ACQUIRE_TIMEOUT", "60s"));
        all.push(setting("DATABASE__STATEMENT_TIMEOUT", "60s"));
        all.extend(settings.iter().map(|(key, value)| setting(key, value)));
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let server = Self {
            server: ServerProcess::start(&all),
            settings: all,
            database,
            sandboxes,
            token: jwt::token(
                &header,
                &jwt::claims(&["north/*/*"]),
                &TokenSigner::Hs256(SECRET.as_bytes()),
            ),
            secrets: papers.iter().map(|paper| paper.source.secret).collect(),
            runtime,
        };
        // What is slow once, such as the store's connections, is done before anything counts.
        let warm = papers
            .iter()
            .map(|paper| async { server.client(paper.code).wait_until_known().await });
        server.runtime.block_on(futures_util::future::join_all(warm));
        server
    }

    pub(crate) fn client(&self, paper: &'static str) -> UserApiClient {
        UserApiClient {
            address: self.server.address,
            token: self.token.clone(),
            paper,
        }
    }

    /// Runs a command of the program beside the server, with its settings and these.
    pub(crate) fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut all = self.settings.clone();
        all.extend(settings.iter().map(|(key, value)| setting(key, value)));
        process::run(&all, arguments, "")
    }

    pub(crate) fn sandbox(&self, paper: &str) -> &Sandbox {
        let mut named = self.sandboxes.iter().filter(|(code, _)| *code == paper);
        &named.next().unwrap().1
    }

    /// The body of a page that needs no token, and its status.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        self.runtime.block_on(async {
            let mut wire = RawConnection::connect(self.server.address).await.unwrap();
            let answer = wire.get(path, &[]).await.unwrap();
            (answer.status, String::from_utf8(answer.body).unwrap())
        })
    }

    /// Every column of every registration of this tenant's pool, as one word.
    pub(crate) fn registrations(&self, paper: &str) -> String {
        self.all_registrations().remove(paper).unwrap()
    }

    /// The same of every tenant.
    pub(crate) fn all_registrations(&self) -> BTreeMap<String, String> {
        let query = "SELECT t.paper || ' ' || md5(string_agg(r::text, '|' ORDER BY r.id)) FROM registrations r
                       JOIN tenants t ON t.pool = r.pool GROUP BY t.paper";
        let messages = self.database.run(query).unwrap();
        let rows = messages.lines().filter_map(|line| line.split_once(' '));
        rows.map(|(paper, word)| (paper.to_owned(), word.to_owned())).collect()
    }

    /// Ends it in order, so that everything it had to write is written. It must not have panicked, and neither its log
    /// nor its metrics may name a reader or tell a secret.
    pub(crate) fn stop(self) -> StoppedServer {
        let (status, metrics) = self.page("/metrics");
        assert_eq!(status, 200);
        assert!(metrics.contains("masthead_provider_calls_total{"), "{metrics}");
        let log = self.server.stop();
        assert!(!log.contains("panicked"), "{log}");
        let secrets = ["a-wrong-secret", SECRET, &self.token, "bearer "];
        let secrets = secrets.into_iter().chain(self.secrets);
        for messages in [&log, &metrics] {
            let messages = messages.to_lowercase();
            for word in PERSONAL.into_iter().chain(secrets.clone()) {
                let at = messages.find(&word.to_lowercase());
                let around = at.map(|at| &messages[at.saturating_sub(200)..(at + 100).min(messages.len())]);
                assert_eq!(around, None, "{word:?} is response");
            }
        }
        StoppedServer {
            log,
            database: self.database,
        }
    }
}

impl StoppedServer {
    /// The first column of each row.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let messages = self.database.run(query).unwrap();
        messages.lines().map(str::to_owned).collect()
    }
}

/// The variable of the program that holds the secret of this source.
fn secret_variable(source: &SourceUnderTest) -> String {
    format!("MASTHEAD_SECRET_{}", source.name.to_uppercase())
}

fn setting(key: &str, value: &str) -> (String, String) {
    (format!("MASTHEAD__{key}"), value.to_owned())
}

/// A database with these tenants and what the store has of their readers.
fn copy_of(papers: &[FederatedTenant]) -> TestDatabase {
    let lines: String = papers.iter().map(FederatedTenant::lines).collect();
    let tenants: Vec<_> = papers.iter().map(|paper| (paper.tenant(), paper.arguments())).collect();
    // Whatever changes in the program may change how it loads.
    let built = fs::metadata(env!("CARGO_BIN_EXE_masthead"))
        .unwrap()
        .modified()
        .unwrap();
    let prepared = TestDatabase::from_template(&format!("{built:?} {tenants:?} {lines}"), |url| {
        let mut settings = process::settings(url);
        settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        process::run_ok(&settings, &["migrate"], "");
        for (tenant, own) in &tenants {
            let arguments = ["tenant", "add", tenant].into_iter();
            let arguments: Vec<_> = arguments.chain(own.iter().map(String::as_str)).collect();
            process::run_ok(&settings, &arguments, "");
        }
        process::run_ok(&settings, &["import"], &lines);
        Ok::<_, Infallible>(())
    });
    prepared.unwrap()
}
