//! The HTTP client of these tests, with the sandbox that it calls.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use masthead_sandbox::{Auth0Config, Quota, Sandbox, SandboxConfig, sample_users};
use serde_json::{Value, json};

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct SandboxResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl SandboxResponse {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The number in this header.
    pub(crate) fn number(&self, header: &str) -> i64 {
        self.headers[header].to_str().unwrap().parse().unwrap()
    }
}

/// Why there was no whole response.
pub(crate) type ClientError = Box<dyn std::error::Error + Send + Sync>;

/// The content type of a form.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A quota of one call, then one per second.
pub(crate) const ONE_CALL: Quota = Quota {
    burst: 1,
    per_second: 1,
};

/// A sandbox, and a client with the headers of its calls.
#[derive(Debug)]
pub(crate) struct SandboxClient {
    pub(crate) sandbox: Sandbox,
    pub(crate) headers: Vec<(&'static str, String)>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl SandboxClient {
    pub(crate) async fn start(config: impl Into<SandboxConfig>) -> Self {
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            headers: Vec::new(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Auth0 with this number of sample users and without quotas, and a token for it.
    pub(crate) async fn auth0(users: usize) -> Self {
        let mut config = Auth0Config {
            users: sample_users(users).collect(),
            ..Auth0Config::default()
        };
        config.settings.quota = Quota::unlimited();
        let mut client = Self::start(config).await;
        client.sign_in().await;
        client
    }

    /// Gets a token for the calls.
    pub(crate) async fn sign_in(&mut self) {
        let token = self.request_token(&self.credentials()).await.json()["access_token"].clone();
        self.set_token(token.as_str().unwrap());
    }

    /// Uses this token for the calls.
    pub(crate) fn set_token(&mut self, token: &str) {
        self.headers = vec![("authorization", format!("Bearer {token}"))];
    }

    /// A valid token request.
    pub(crate) fn credentials(&self) -> Value {
        let client = &self.sandbox.auth0().clients()[0];
        json!({
            "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret,
            "audience": self.sandbox.auth0().audience(),
        })
    }

    pub(crate) async fn request_token(&self, body: &Value) -> SandboxResponse {
        self.call("POST", "oauth/token", Some(body)).await
    }

    /// Calls a path of the provider, with a JSON body if any.
    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<SandboxResponse, ClientError> {
        let url = format!("{}{}", self.sandbox.url(), path.trim_start_matches('/'));
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, &**value)).collect();
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.exchange(method, &url, &headers, body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> SandboxResponse {
        self.try_call(method, path, body).await.unwrap()
    }

    /// The JSON at a path of the provider.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).await.json()
    }

    /// The status at a path of the provider.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.call("GET", path, None).await.status.as_u16()
    }

    /// Calls the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> SandboxResponse {
        let url = format!("{}{path}", self.sandbox.control_url());
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.exchange(method, &url, &[], body).await.unwrap()
    }

    /// Sends one request with exactly these headers and the host.
    pub(crate) async fn exchange(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Result<SandboxResponse, ClientError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.into())))?;
        let (head, body) = self.client.request(request).await?.into_parts();
        Ok(SandboxResponse {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The texts of this member in a list.
pub(crate) fn texts<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| entry[member].as_str().unwrap()).collect()
}

/// The ids of Auth0 users in a list.
pub(crate) fn user_ids(users: &Value) -> Vec<&str> {
    texts(if users.is_array() { users } else { &users["users"] }, "user_id")
}
