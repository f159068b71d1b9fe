//! A plain HTTP caller for the sandbox's own tests.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use masthead_sandbox::{Auth0Config, Quota, Sandbox, SandboxConfig, sample_users};
use serde_json::{Value, json};

/// One answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body's bytes.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The number in this header.
    pub(crate) fn number(&self, header: &str) -> i64 {
        self.headers[header].to_str().unwrap().parse().unwrap()
    }
}

/// Why there was no (whole) answer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A sandbox with a caller that may hold a token.
#[derive(Debug)]
pub(crate) struct World {
    /// The sandbox.
    pub(crate) sandbox: Sandbox,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The token that calls carry.
    pub(crate) token: Option<String>,
}

impl World {
    /// A sandbox with so many sample users and no quota, and a token for it.
    pub(crate) async fn with(users: usize) -> Self {
        let mut auth0 = Auth0Config {
            users: sample_users(users).collect(),
            ..Auth0Config::default()
        };
        auth0.settings.quota = Quota::unlimited();
        auth0.settings.token_quota = Quota::unlimited();
        let sandbox = Sandbox::start(SandboxConfig {
            auth0,
            ..SandboxConfig::default()
        })
        .await
        .unwrap();
        let mut world = Self {
            sandbox,
            client: Client::builder(TokioExecutor::new()).build_http(),
            token: None,
        };
        world.sign_in().await;
        world
    }

    /// Gets a fresh token.
    pub(crate) async fn sign_in(&mut self) {
        let answer = self.ask_for_token(&self.credentials()).await;
        assert_eq!(answer.status, 200);
        self.token = Some(answer.json()["access_token"].as_str().unwrap().to_owned());
    }

    /// The right token request.
    pub(crate) fn credentials(&self) -> Value {
        let client = &self.sandbox.auth0().clients()[0];
        json!({
            "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret,
            "audience": self.sandbox.auth0().audience(),
        })
    }

    /// Sends a token request as JSON.
    pub(crate) async fn ask_for_token(&self, body: &Value) -> Answer {
        self.send("POST", &format!("{}oauth/token", self.sandbox.url()), Some(body))
            .await
            .unwrap()
    }

    /// Calls a path of the provider with the token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.attempt(method, path, body).await.unwrap()
    }

    /// The same, where failing is expected.
    pub(crate) async fn attempt(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        self.send(
            method,
            &format!("{}{}", self.sandbox.url(), path.trim_start_matches('/')),
            body,
        )
        .await
    }

    /// Calls the control address.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, &format!("{}{path}", self.sandbox.control_url()), body)
            .await
            .unwrap()
    }

    /// Gets users by a query, decoded; the text is percent-encoded here.
    pub(crate) async fn search(&self, q: &str, more: &str) -> Answer {
        self.call("GET", &format!("/api/v2/users?q={}{more}", encoded(q)), None)
            .await
    }

    /// Sends one request to any address, with a JSON body if any.
    pub(crate) async fn send(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.exchange(method, url, body.map(|_| "application/json"), bytes)
            .await
    }

    /// Sends one request to a path of the provider, to the byte.
    pub(crate) async fn send_bytes(
        &self,
        method: &str,
        target: &str,
        kind: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.sandbox.url(), target.trim_start_matches('/'));
        self.exchange(method, &url, kind, body).await
    }

    async fn exchange(&self, method: &str, url: &str, kind: Option<&str>, body: Vec<u8>) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let (head, body) = self
            .client
            .request(request.body(Full::new(body.into()))?)
            .await?
            .into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// The ids in a list.
pub(crate) fn ids(users: &Value) -> Vec<&str> {
    let list = if users.is_array() { users } else { &users["users"] };
    list.as_array()
        .unwrap()
        .iter()
        .map(|user| user["user_id"].as_str().unwrap())
        .collect()
}
