//! The program with tenants that are written: two with the store alone, and one for each provider.

use std::{
    net::SocketAddr,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::{Mailbox, MailboxConfig, ReceivedMail, Sandbox, UsersApiSettings};
use masthead_testkit::contract_cases::{CaseAnswer, CaseRequest};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{
    http_client,
    jwt::{self, hs256_token},
    process::{self, SECRET, ServerProcess, setting},
    raw_http::FOREVER,
    sources::{AUTH0, FIREFLY, GIGYA, SSOR, SourceUnderTest},
};

/// A tenant with the store alone.
pub(crate) const HERALD: &str = "herald";
/// Another one.
pub(crate) const COURIER: &str = "courier";
/// The tenants with a provider.
pub(crate) const FEDERATED: [&str; 2] = [MIRROR, TRIBUNE];
/// The tenant with Auth0.
pub(crate) const MIRROR: &str = "mirror";
/// The tenant with Gigya.
pub(crate) const TRIBUNE: &str = "tribune";

/// The tenants whose provider is described by settings: SSOR and Firefly.
pub(crate) const DESCRIBED: [&str; 2] = ["bugle", "gazette"];

/// Where links in mails lead.
pub(crate) const RETURN_URL: &str = "https://herald.example/account";

const RETURN_URLS: (&str, &str) = ("Users.ReturnUrls", RETURN_URL);

/// The kinds of the events of writes.
const WRITES: &str = "kind NOT IN (4000, 4001, 4601, 4901, 4902) AND kind < 4907";

/// The program, its database, its mail server and its providers.
pub(crate) struct WriteServer {
    // Dropped before the database, which it uses.
    server: Option<ServerProcess>,
    pub(crate) database: TestDatabase,
    pub(crate) mailbox: Mailbox,
    sandboxes: Vec<(&'static str, Sandbox)>,
    pub(crate) settings: Vec<(String, String)>,
    token: String,
    /// Every body that was answered.
    bodies: Mutex<Vec<String>>,
    pub(crate) runtime: Runtime,
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<String>,
}

impl Answer {
    /// The code without its published prefix.
    pub(crate) fn code(&self) -> &str {
        let code = self.body["message"]["code"].as_str().unwrap_or_default();
        code.trim_start_matches("UsersOrchestrator_")
    }

    /// It has this code.
    #[track_caller]
    pub(crate) fn expect(self, code: &str) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        assert_eq!(self.status.to_string(), code[1..4], "{self:?}");
        self
    }

    /// The sides that follow later.
    pub(crate) fn pending(&self) -> &Value {
        &self.body["meta"]["pending"]
    }

    /// The id in the data.
    pub(crate) fn id(&self) -> String {
        self.body["data"]["customerRegistrationId"].as_str().unwrap().to_owned()
    }
}

/// The connection on which a stand-in has its users, and what a tenant needs to write there.
fn provider(paper: &str) -> Option<(&'static SourceUnderTest, &'static [(&'static str, &'static str)])> {
    match paper {
        MIRROR => Some((&AUTH0, &[("Auth0.Connection", "Username-Password-Authentication")])),
        TRIBUNE => Some((&GIGYA, &[])),
        "bugle" => Some((&SSOR, SSOR_WRITES)),
        "gazette" => Some((&FIREFLY, FIREFLY_WRITES)),
        _ => None,
    }
}

/// Writes as the stand-in of SSOR takes them.
const SSOR_WRITES: &[(&str, &str)] = &[
    ("SSOR.Create.Path", "/registration/users"),
    ("SSOR.Create.Body", r#"{"password": "{password}"}"#),
    ("SSOR.Create.User", "#"),
    ("SSOR.Update.Method", "PATCH"),
    ("SSOR.Update.Path", "/registration/users/{id}"),
    ("SSOR.Update.User", "#"),
    ("SSOR.SetEmail.Method", "PATCH"),
    ("SSOR.SetEmail.Path", "/registration/users/{id}"),
    ("SSOR.SetEmail.User", "#"),
    ("SSOR.SetPassword.Method", "PUT"),
    ("SSOR.SetPassword.Path", "/registration/users/{id}/password"),
    ("SSOR.SetPassword.Body", r#"{"password": "{password}"}"#),
    ("SSOR.Delete.Path", "/registration/users/{id}"),
    ("SSOR.SignIn.Path", "/registration/sign-in"),
    ("SSOR.SignIn.Body", r#"{"login": "{login}", "password": "{password}"}"#),
    ("SSOR.Envelope.Code", "/code"),
    ("SSOR.SignIn.Wrong", "460"),
];

/// Writes as the stand-in of Firefly takes them.
const FIREFLY_WRITES: &[(&str, &str)] = &[
    ("Firefly.Create.Path", "/v4/users"),
    ("Firefly.Create.Body", r#"{"password": "{password}"}"#),
    ("Firefly.Create.User", "#"),
    ("Firefly.Update.Method", "PATCH"),
    ("Firefly.Update.Path", "/v4/users/{id}"),
    ("Firefly.Update.User", "#"),
    ("Firefly.SetEmail.Method", "PATCH"),
    ("Firefly.SetEmail.Path", "/v4/users/{id}"),
    ("Firefly.SetEmail.User", "#"),
    ("Firefly.SetPassword.Method", "PUT"),
    ("Firefly.SetPassword.Path", "/v4/users/{id}/password"),
    ("Firefly.SetPassword.Body", r#"{"password": "{password}"}"#),
    ("Firefly.Delete.Path", "/v4/users/{id}"),
    ("Firefly.SignIn.Path", "/v4/users/sign-in"),
    ("Firefly.SignIn.Body", "login={login}&password={password}"),
    ("Firefly.SignIn.Wrong", "460"),
];

fn secret_variable(paper: &str) -> String {
    process::secret_variable(&format!("north/daily/{paper}"), "PROVIDER")
}

/// A remote Users API in place of a tenant's registrations.
#[derive(Debug, Clone)]
pub(crate) struct RemoteTenant {
    /// The tenant here.
    pub(crate) paper: &'static str,
    /// Where it is.
    pub(crate) url: String,
    /// The tenant there.
    pub(crate) tenant: String,
    /// Our token there.
    pub(crate) token: String,
}

impl RemoteTenant {
    /// The stand-in of a Users API.
    pub(crate) fn stand_in(paper: &'static str, sandbox: &Sandbox) -> Self {
        let settings = UsersApiSettings::default();
        Self {
            paper,
            url: sandbox.url().trim_end_matches('/').to_owned(),
            tenant: settings.tenant,
            token: settings.token,
        }
    }

    fn secret_variable(&self) -> String {
        process::secret_variable(&format!("north/daily/{}", self.paper), "FAR")
    }
}

fn arguments(paper: &str) -> (String, Vec<String>) {
    let mut pairs = vec![(RETURN_URLS.0.to_owned(), RETURN_URLS.1.to_owned())];
    if let Some((source, more)) = provider(paper) {
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        pairs.push(own("Flow.UserProvider", source.name));
        // The address is set when the stand-in has started.
        pairs.push(own(source.address, "http://127.0.0.1:1"));
        pairs.push((format!("{}Env", source.secret_place), secret_variable(paper)));
        pairs.extend(source.settings.iter().chain(more).map(|(key, value)| own(key, value)));
    }
    let pairs = pairs
        .into_iter()
        .flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]);
    (format!("north/daily/{paper}"), pairs.collect())
}

/// Sets a setting of a tenant before the server starts; an empty value removes it.
fn set(database: &TestDatabase, paper: &str, key: &str, value: &str) {
    let pair = json!({key: value}).to_string();
    let change = if value.is_empty() {
        format!("- '{key}'")
    } else {
        format!("|| '{pair}'::jsonb")
    };
    let change = format!("UPDATE tenants SET settings = (settings::jsonb {change})::json WHERE paper = '{paper}'");
    database.run(&change).unwrap();
}

impl WriteServer {
    /// Starts the program with all tenants; `settings` override the usual ones.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_as(|database| database.url().unwrap(), settings)
    }

    /// The same with more settings of tenants, `(paper, name, value)`.
    pub(crate) fn start_with(tenants: &[(&str, &str, &str)], settings: &[(&str, &str)]) -> Self {
        Self::start_all(|database| database.url().unwrap(), tenants, settings, Vec::new())
    }

    /// The same with remote Users APIs in place of some tenants' registrations.
    pub(crate) fn start_before(remotes: &[RemoteTenant]) -> Self {
        let tokens = remotes
            .iter()
            .map(|remote| (remote.secret_variable(), remote.token.clone()));
        let tokens: Vec<_> = tokens.collect();
        let settings = remotes.iter().zip(&tokens).flat_map(|(remote, (token, _))| {
            [
                (remote.paper, "Subscribe.Url", &*remote.url),
                (remote.paper, "Subscribe.Tenant", &*remote.tenant),
                (remote.paper, "Subscribe.TokenEnv", &**token),
            ]
        });
        let settings: Vec<_> = settings.collect();
        Self::start_all(|database| database.url().unwrap(), &settings, &[], tokens.clone())
    }

    /// The same with the URL that the program uses.
    pub(crate) fn start_as(url: impl FnOnce(&TestDatabase) -> String, settings: &[(&str, &str)]) -> Self {
        Self::start_all(url, &[], settings, Vec::new())
    }

    fn start_all(
        url: impl FnOnce(&TestDatabase) -> String,
        tenants: &[(&str, &str, &str)],
        settings: &[(&str, &str)],
        more: Vec<(String, String)>,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let papers = [HERALD, COURIER, MIRROR, TRIBUNE, DESCRIBED[0], DESCRIBED[1]];
        let database = process::loaded_database(&papers.map(arguments), "");
        let mailbox = runtime.block_on(Mailbox::start(MailboxConfig::default())).unwrap();
        let mut all = process::settings(&url(&database));
        let mut sandboxes = Vec::new();
        for paper in FEDERATED.into_iter().chain(DESCRIBED) {
            let (source, _) = provider(paper).unwrap();
            let sandbox = runtime.block_on(Sandbox::start((source.stand_in)(Vec::new()))).unwrap();
            set(&database, paper, source.address, sandbox.url().trim_end_matches('/'));
            all.push((secret_variable(paper), source.secret.to_owned()));
            sandboxes.push((paper, sandbox));
        }
        for (paper, key, value) in tenants {
            set(&database, paper, key, value);
        }
        all.extend(more);
        let port = mailbox.smtp_address().port().to_string();
        for (key, value) in [
            ("SMTP__HOST", "127.0.0.1"),
            ("SMTP__PORT", &port),
            ("SMTP__TLS", "none"),
            ("SMTP__FROM", "The Herald <no-reply@herald.example>"),
            ("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
            ("PROVIDERS__FRESH", "0s"),
            // Generous limits: a busy machine must not fail a test.
            ("HTTP__REQUEST_DEADLINE", "40s"),
            ("PROVIDERS__CALL_TIMEOUT", "20s"),
            ("PROVIDERS__STALE_AFTER", "20s"),
            ("DATABASE__ACQUIRE_TIMEOUT", "30s"),
            ("DATABASE__STATEMENT_TIMEOUT", "30s"),
        ]
        .into_iter()
        .chain(settings.iter().copied())
        {
            all.push(setting(key, value));
        }
        if settings.contains(&("SMTP__HOST", "")) {
            // Without a host there is no mail server, and the other settings of one are refused.
            all.retain(|(key, _)| !key.contains("__SMTP__"));
        }
        Self {
            server: Some(ServerProcess::start(&all)),
            database,
            mailbox,
            sandboxes,
            settings: all,
            token: Self::token_for(&["north/*/*"]),
            bodies: Mutex::default(),
            runtime,
        }
    }

    /// A token with the scopes of a site, for these tenants.
    pub(crate) fn token_for(tenants: &[&str]) -> String {
        let mut claims = jwt::claims(tenants);
        claims["scope"] = "users:read users:write users:authenticate".into();
        hs256_token(&claims, SECRET)
    }

    /// A tenant of this server, in place of the registrations of a tenant of another one.
    pub(crate) fn as_remote(&self, paper: &'static str, paper_here: &str) -> RemoteTenant {
        RemoteTenant {
            paper,
            url: format!("http://{}", self.address()),
            tenant: format!("north/daily/{paper_here}"),
            token: self.token.clone(),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address
    }

    /// The stand-in of a tenant's provider.
    pub(crate) fn sandbox(&self, paper: &str) -> &Sandbox {
        let mut named = self.sandboxes.iter().filter(|(other, _)| *other == paper);
        &named.next().unwrap().1
    }

    /// The bodies of all responses so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Sends a call, `"POST /v4/Users"`, with this body; `Null` is none.
    pub(crate) fn call(&self, paper: &str, call: &str, body: &Value) -> Answer {
        self.call_with(paper, call, body, &[])
    }

    /// The same with more headers, which override others of the same name.
    pub(crate) fn call_with(&self, paper: &str, call: &str, body: &Value, more: &[(&'static str, &str)]) -> Answer {
        self.try_call(self.address(), paper, call, body, more)
            .unwrap_or_else(|broken| panic!("{paper}: {call}: {broken}"))
    }

    /// The same where the server may end meanwhile.
    pub(crate) fn try_call(
        &self,
        to: SocketAddr,
        paper: &str,
        call: &str,
        body: &Value,
        more: &[(&'static str, &str)],
    ) -> Result<Answer, String> {
        let answer = http_client::try_send(to, &self.request(paper, call, body, more))?;
        self.bodies.lock().unwrap().push(answer.body.clone());
        Ok(Answer {
            status: answer.status,
            body: serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {}", answer.body))?,
            retry_after: http_client::header(&answer, "retry-after").map(str::to_owned),
        })
    }

    /// The raw response.
    pub(crate) fn send(&self, paper: &str, call: &str, body: &Value, more: &[(&'static str, &str)]) -> CaseAnswer {
        http_client::send(self.address(), &self.request(paper, call, body, more))
    }

    fn request(&self, paper: &str, call: &str, body: &Value, more: &[(&'static str, &str)]) -> CaseRequest {
        let (method, target) = call.split_once(' ').unwrap();
        let method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .into_iter()
            .find(|known| *known == method)
            .unwrap();
        let mut headers = vec![
            ("Authorization", format!("Bearer {}", self.token)),
            ("X-SourceSystem", "CRM".to_owned()),
            ("X-ClientGroupCode", "north".to_owned()),
            ("X-ClientCode", "daily".to_owned()),
            ("X-PaperCode", paper.to_owned()),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            headers.push(("Content-Type", "application/json".to_owned()));
            body.to_string()
        };
        for (name, value) in more {
            headers.retain(|(other, _)| other != name);
            headers.push((name, (*value).to_owned()));
        }
        CaseRequest {
            method,
            target: target.to_owned(),
            headers,
            body,
        }
    }

    /// Creates a user at once.
    pub(crate) fn create(&self, paper: &str, name: &str) -> Answer {
        self.call(paper, "POST /v4/Users", &new_user(name))
    }

    /// Signs in.
    pub(crate) fn sign_in(&self, paper: &str, login: &str, password: &str) -> Answer {
        let body = json!({"loginName": login, "password": password});
        self.call(paper, "POST /v4/Users/Authentication", &body)
    }

    /// The mails to this address, once there are so many.
    pub(crate) fn mails(&self, to: &str, count: usize) -> Vec<ReceivedMail> {
        let began = Instant::now();
        loop {
            let mut mails = self.mailbox.messages();
            mails.retain(|mail| mail.envelope_to == [to]);
            if mails.len() >= count {
                return mails;
            }
            assert!(began.elapsed() < FOREVER, "{} mails to {to}", mails.len());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The rows of a query, a column each.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.database.run(query).unwrap();
        rows.lines().map(str::to_owned).collect()
    }

    /// The kinds of the events of a tenant's writes, in order.
    pub(crate) fn story(&self, paper: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT kind FROM events WHERE tenant = 'north/daily/{paper}' AND {WRITES} ORDER BY at, id"
        ))
    }

    /// The users of a tenant's store, `id address first-name`.
    pub(crate) fn store_side(&self, paper: &str) -> Vec<String> {
        let mut users = self.rows(&format!(
            "SELECT r.crid || ' ' || r.email_key || ' ' || r.first_name
               FROM registrations AS r JOIN tenants AS t ON t.pool = r.pool
              WHERE t.paper = '{paper}' AND r.deleted_at IS NULL"
        ));
        users.sort();
        users
    }

    /// The same of its provider.
    pub(crate) fn provider_side(&self, paper: &str) -> Vec<String> {
        let sandbox = self.sandbox(paper);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut users: Vec<_> = match paper {
            MIRROR => {
                let users = sandbox.auth0().users();
                let shown = |user: &Value| {
                    [&user["user_id"], &user["email"], &user["given_name"]]
                        .map(text)
                        .join(" ")
                };
                users.iter().map(shown).collect()
            }
            TRIBUNE => {
                let users = sandbox.gigya().users();
                let profile = |user: &Value| {
                    let profile = &user["profile"];
                    [&user["UID"], &profile["email"], &profile["firstName"]]
                        .map(text)
                        .join(" ")
                };
                users.iter().map(profile).collect()
            }
            _ => {
                let id = if paper == DESCRIBED[0] {
                    "consumerId"
                } else {
                    "userGUID"
                };
                let users = sandbox.generic().users();
                let shown = |user: &Value| [&user[id], &user["email"], &user["firstName"]].map(text).join(" ");
                users.iter().map(shown).collect()
            }
        };
        users.sort();
        users
    }

    /// Both sides have the same users, which are returned.
    #[track_caller]
    pub(crate) fn agreed(&self, paper: &str) -> Vec<String> {
        let (store, provider) = (self.store_side(paper), self.provider_side(paper));
        assert_eq!(store, provider, "{paper}: store and provider");
        store
    }

    /// Runs a command of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        self.command_with(arguments, "")
    }

    /// The same with this standard input.
    pub(crate) fn command_with(&self, arguments: &[&str], input: &str) -> std::process::Output {
        process::run(&self.settings, arguments, input)
    }

    /// Settles all intents with `masthead reconcile`, as if their time had come; returns those that stay open.
    pub(crate) fn reconcile(&self) -> Vec<Value> {
        self.make_intents_due();
        self.command(&["reconcile"]);
        self.open_intents()
    }

    /// Intents are due once their requests must have ended.
    pub(crate) fn make_intents_due(&self) {
        self.database.run("UPDATE write_intents SET due_at = now()").unwrap();
    }

    /// The open intents, as the program lists them.
    pub(crate) fn open_intents(&self) -> Vec<Value> {
        let output = process::run_ok(&self.settings, &["reconcile", "--list"], "");
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Ends the server at once, while its callers wait; [`Self::kill`] must follow.
    pub(crate) fn signal_kill(&self) {
        self.server.as_ref().unwrap().signal("KILL");
    }

    /// Ends the server at once.
    pub(crate) fn kill(&mut self) {
        let server = self.server.take().unwrap();
        // It may have got the signal before, but it is not reaped.
        server.signal("KILL");
        server.wait();
    }

    /// Ends the server in order; returns its log.
    pub(crate) fn stop(&mut self) -> String {
        self.server.take().unwrap().stop()
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        self.server = Some(ServerProcess::start(&self.settings));
    }
}

/// The address of a reader.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@readers.example")
}

/// The first password of readers.
pub(crate) const PASSWORD: &str = "Opening-password-1";

/// The body that creates a reader.
pub(crate) fn new_user(name: &str) -> Value {
    json!({"email": email(name), "password": PASSWORD, "firstName": "Nova", "lastName": "Reader"})
}
