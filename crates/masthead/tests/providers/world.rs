//! The program with tenants that have a provider, each with a sandbox of its own.

use std::{collections::BTreeMap, convert::Infallible, fs, process::Output};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::Sandbox;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    asking::Client,
    people::{PERSONAL, stored},
    support::{
        jwt::{self, Signer},
        served::{self, SECRET, Served},
        wire::Wire,
    },
    under_test::{AUTH0, Source},
};

/// A tenant, and its readers by name.
pub(crate) struct Paper {
    pub(crate) code: &'static str,
    pub(crate) source: &'static Source,
    /// Settings besides the usual ones, which they override.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) stored: Vec<String>,
    pub(crate) shown: Vec<String>,
}

impl Paper {
    /// A tenant of Auth0 with a reader on both sides and one on either side alone: `both-CODE`, `theirs-CODE`,
    /// `ours-CODE`.
    pub(crate) fn of(code: &'static str) -> Self {
        let named = |names: [&str; 2]| names.map(|name| format!("{name}-{code}")).to_vec();
        Self {
            code,
            source: &AUTH0,
            settings: &[],
            stored: named(["both", "ours"]),
            shown: named(["both", "theirs"]),
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
pub(crate) struct World {
    // Before the database: it must be gone when that is dropped.
    server: Served,
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
pub(crate) struct Ended {
    pub(crate) log: String,
    pub(crate) database: TestDatabase,
}

impl World {
    /// Starts the program for these tenants, with these settings of the server, which override the patient ones.
    pub(crate) fn start(papers: &[Paper], settings: &[(&str, &str)]) -> Self {
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
        let mut all = served::settings(&database.url().unwrap());
        for Paper { source, .. } in papers {
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
        let world = Self {
            server: Served::start(&all),
            settings: all,
            database,
            sandboxes,
            token: jwt::token(&header, &jwt::claims(&["north/*/*"]), &Signer::Hs256(SECRET.as_bytes())),
            secrets: papers.iter().map(|paper| paper.source.secret).collect(),
            runtime,
        };
        // What is slow once, such as the store's connections, is done before anything counts.
        let warm = papers
            .iter()
            .map(|paper| async { world.client(paper.code).ask_until_known().await });
        world.runtime.block_on(futures_util::future::join_all(warm));
        world
    }

    pub(crate) fn client(&self, paper: &'static str) -> Client {
        Client {
            address: self.server.address,
            token: self.token.clone(),
            paper,
        }
    }

    /// Runs a command of the program beside the server, with its settings and these.
    pub(crate) fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut all = self.settings.clone();
        all.extend(settings.iter().map(|(key, value)| setting(key, value)));
        served::run(&all, arguments, "")
    }

    pub(crate) fn sandbox(&self, paper: &str) -> &Sandbox {
        let mut named = self.sandboxes.iter().filter(|(code, _)| *code == paper);
        &named.next().unwrap().1
    }

    /// The body of a page that needs no token, and its status.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        self.runtime.block_on(async {
            let mut wire = Wire::connect(self.server.address).await.unwrap();
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
        let said = self.database.run(query).unwrap();
        let rows = said.lines().filter_map(|line| line.split_once(' '));
        rows.map(|(paper, word)| (paper.to_owned(), word.to_owned())).collect()
    }

    /// Ends it in order, so that everything it had to write is written. It must not have panicked, and neither its log
    /// nor its metrics may name a reader or tell a secret.
    pub(crate) fn end(self) -> Ended {
        let (status, metrics) = self.page("/metrics");
        assert_eq!(status, 200);
        assert!(metrics.contains("masthead_provider_calls_total{"), "{metrics}");
        let log = self.server.end();
        assert!(!log.contains("panicked"), "{log}");
        let secrets = ["a-wrong-secret", SECRET, &self.token, "bearer "];
        let secrets = secrets.into_iter().chain(self.secrets);
        for said in [&log, &metrics] {
            let said = said.to_lowercase();
            for word in PERSONAL.into_iter().chain(secrets.clone()) {
                let at = said.find(&word.to_lowercase());
                let around = at.map(|at| &said[at.saturating_sub(200)..(at + 100).min(said.len())]);
                assert_eq!(around, None, "{word:?} is told");
            }
        }
        Ended {
            log,
            database: self.database,
        }
    }
}

impl Ended {
    /// The first column of each row.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let said = self.database.run(query).unwrap();
        said.lines().map(str::to_owned).collect()
    }
}

/// The variable of the program that holds the secret of this source.
fn secret_variable(source: &Source) -> String {
    format!("MASTHEAD_SECRET_{}", source.name.to_uppercase())
}

fn setting(key: &str, value: &str) -> (String, String) {
    (format!("MASTHEAD__{key}"), value.to_owned())
}

/// A database with these tenants and what the store has of their readers.
fn copy_of(papers: &[Paper]) -> TestDatabase {
    let lines: String = papers.iter().map(Paper::lines).collect();
    let tenants: Vec<_> = papers.iter().map(|paper| (paper.tenant(), paper.arguments())).collect();
    // Whatever changes in the program may change how it loads.
    let built = fs::metadata(env!("CARGO_BIN_EXE_masthead"))
        .unwrap()
        .modified()
        .unwrap();
    let prepared = TestDatabase::from_template(&format!("{built:?} {tenants:?} {lines}"), |url| {
        let mut settings = served::settings(url);
        settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        served::done(&settings, &["migrate"], "");
        for (tenant, own) in &tenants {
            let arguments = ["tenant", "add", tenant].into_iter();
            let arguments: Vec<_> = arguments.chain(own.iter().map(String::as_str)).collect();
            served::done(&settings, &arguments, "");
        }
        served::done(&settings, &["import"], &lines);
        Ok::<_, Infallible>(())
    });
    prepared.unwrap()
}
