//! The program with federated tenants, each with its own sandbox.

use std::{collections::BTreeMap, process::Output};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::Sandbox;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    providers::client::UserApiClient,
    support::{
        jwt,
        process::{self, SECRET, ServerProcess, setting},
        raw_http::RawConnection,
        readers::{PERSONAL, stored},
        sources::{AUTH0, SourceUnderTest},
    },
};

/// A tenant and the names of its users.
pub(crate) struct FederatedTenant {
    pub(crate) code: &'static str,
    pub(crate) source: &'static SourceUnderTest,
    /// Additional settings, which override the default ones.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) stored: Vec<String>,
    pub(crate) shown: Vec<String>,
}

impl FederatedTenant {
    /// A tenant of Auth0 with a user on both sides and one on each side only: `both-CODE`, `provider-CODE`, `local-CODE`.
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

    /// The environment variable with its secret.
    fn secret_variable(&self) -> String {
        process::secret_variable(&self.tenant(), "PROVIDER")
    }

    fn lines(&self) -> String {
        let lines = self.stored.iter().map(|name| stored(&self.tenant(), name));
        lines.map(|line| line.to_string() + "\n").collect()
    }

    fn arguments(&self) -> Vec<String> {
        let secret = format!("{}Env", self.source.secret_place);
        let variable = self.secret_variable();
        // The address is set when the sandbox has started.
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

/// The running program.
pub(crate) struct ProviderTestServer {
    // Dropped before the database, which it uses.
    server: ServerProcess,
    pub(crate) database: TestDatabase,
    sandboxes: Vec<(&'static str, Sandbox)>,
    token: String,
    /// The settings that it was started with.
    pub(crate) settings: Vec<(String, String)>,
    /// The secrets of the providers.
    secrets: Vec<&'static str>,
    pub(crate) runtime: Runtime,
}

/// The log and the database of a stopped program.
pub(crate) struct StoppedServer {
    pub(crate) log: String,
    pub(crate) database: TestDatabase,
}

impl ProviderTestServer {
    /// Starts the program for these tenants; `settings` override the generous defaults.
    pub(crate) fn start(papers: &[FederatedTenant], settings: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let lines: String = papers.iter().map(FederatedTenant::lines).collect();
        let tenants: Vec<_> = papers.iter().map(|paper| (paper.tenant(), paper.arguments())).collect();
        let database = process::loaded_database(&tenants, &lines);
        let sandboxes = papers.iter().map(|paper| {
            let users = paper.shown.iter().map(|name| (paper.source.user)(name)).collect();
            let sandbox = runtime
                .block_on(Sandbox::start((paper.source.stand_in)(users)))
                .unwrap();
            // The tenant was created before its sandbox had an address.
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
        for paper in papers {
            all.push((paper.secret_variable(), paper.source.secret.to_owned()));
        }
        let wrong = process::secret_variable("north/daily/wrong", "WRONG");
        all.push((wrong, "a-wrong-secret".to_owned()));
        all.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        // Generous limits: a busy machine must not make the store late.
        all.push(setting("HTTP__REQUEST_DEADLINE", "40s"));
        all.push(setting("PROVIDERS__CALL_TIMEOUT", "20s"));
        all.push(setting("PROVIDERS__STALE_AFTER", "20s"));
        all.push(setting("DATABASE__ACQUIRE_TIMEOUT", "60s"));
        all.push(setting("DATABASE__STATEMENT_TIMEOUT", "60s"));
        all.extend(settings.iter().map(|(key, value)| setting(key, value)));
        let server = Self {
            server: ServerProcess::start(&all),
            settings: all,
            database,
            sandboxes,
            token: jwt::hs256_token(&jwt::claims(&["north/*/*"]), SECRET),
            secrets: papers.iter().map(|paper| paper.source.secret).collect(),
            runtime,
        };
        // The first requests are slow; they are repeated until they succeed.
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

    /// Runs `masthead sync` for this tenant; returns its output.
    pub(crate) fn sync(&self, paper: &str, settings: &[(&str, &str)]) -> Value {
        let output = self.command(&["sync", "--tenant", &format!("north/daily/{paper}")], settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn sandbox(&self, paper: &str) -> &Sandbox {
        let mut named = self.sandboxes.iter().filter(|(code, _)| *code == paper);
        &named.next().unwrap().1
    }

    /// The status and the body of a page without a token.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        self.runtime.block_on(async {
            let mut wire = RawConnection::connect(self.server.address).await.unwrap();
            let answer = wire.get(path, &[]).await.unwrap();
            (answer.status, String::from_utf8(answer.body).unwrap())
        })
    }

    /// A hash of all registrations of this tenant's pool.
    pub(crate) fn registrations(&self, paper: &str) -> String {
        self.all_registrations().remove(paper).unwrap()
    }

    /// The same of every tenant.
    pub(crate) fn all_registrations(&self) -> BTreeMap<String, String> {
        let query = "SELECT t.paper || ' ' || md5(string_agg(r::text, '|' ORDER BY r.id)) FROM registrations r
                       JOIN tenants t ON t.pool = r.pool GROUP BY t.paper";
        let rows = self.database.run(query).unwrap();
        let rows = rows.lines().filter_map(|line| line.split_once(' '));
        rows.map(|(paper, word)| (paper.to_owned(), word.to_owned())).collect()
    }

    /// Stops it in order, so that all writes are finished. It must not have panicked, and neither log nor metrics may contain user
    /// data or secrets.
    pub(crate) fn stop(self) -> StoppedServer {
        let (status, metrics) = self.page("/metrics");
        assert_eq!(status, 200);
        assert!(metrics.contains("masthead_provider_calls_total{"), "{metrics}");
        let log = self.server.stop();
        assert!(!log.contains("panicked"), "{log}");
        let secrets = ["a-wrong-secret", SECRET, &self.token, "bearer "];
        let secrets = secrets.into_iter().chain(self.secrets);
        for text in [&log, &metrics] {
            let text = text.to_lowercase();
            for word in PERSONAL.into_iter().chain(secrets.clone()) {
                let at = text.find(&word.to_lowercase());
                let around = at.map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
                assert_eq!(around, None, "{word:?} is in the log or the metrics");
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
        let rows = self.database.run(query).unwrap();
        rows.lines().map(str::to_owned).collect()
    }
}
