//! A caller that adds nothing of its own, and a stand-in Gigya with what is needed to call it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use masthead_sandbox::{GigyaConfig, Sandbox, sample_accounts};
use serde_json::Value;

use crate::support::{Answer, Failure, encoded};

/// Sends requests to the letter.
#[derive(Debug)]
pub(crate) struct Plain(Client<HttpConnector, Full<Bytes>>);

impl Plain {
    /// A caller.
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends one request with these headers and no others but the host.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
        let (head, body) = self.0.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// The content type of a form.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A stand-in Gigya and its caller.
#[derive(Debug)]
pub(crate) struct Site {
    /// The sandbox.
    pub(crate) sandbox: Sandbox,
    /// The caller.
    pub(crate) plain: Plain,
}

impl Site {
    /// A site with so many sample accounts.
    pub(crate) async fn with(accounts: usize) -> Self {
        let config = GigyaConfig {
            accounts: sample_accounts(accounts).collect(),
            ..GigyaConfig::default()
        };
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            plain: Plain::new(),
        }
    }

    /// The parameters of a call with user key and secret.
    pub(crate) fn keyed<'a>(&self, params: &[(&'a str, &'a str)]) -> BTreeMap<&'a str, String> {
        let application = &self.sandbox.gigya().applications()[0];
        let mut all: BTreeMap<&str, String> = params
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.insert("apiKey", self.sandbox.gigya().settings().api_key);
        all.insert("userKey", application.user_key.clone());
        all.insert("secret", application.secret.clone());
        all
    }

    /// Calls a method with these parameters and nothing else.
    pub(crate) async fn post(&self, method: &str, headers: &[(&str, &str)], params: &BTreeMap<&str, String>) -> Answer {
        let pairs: Vec<String> = params
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([FORM]).collect();
        let url = format!("{}accounts.{method}", self.sandbox.url());
        self.plain.send("POST", &url, &headers, &pairs.join("&")).await.unwrap()
    }

    /// Calls a method with user key and secret; the HTTP status must be 200.
    pub(crate) async fn call(&self, method: &str, params: &[(&str, &str)]) -> Value {
        let answer = self.post(method, &[], &self.keyed(params)).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }

    /// Calls a method and expects this code.
    pub(crate) async fn refused(&self, method: &str, params: &[(&str, &str)], code: u64) -> Value {
        let answer = self.call(method, params).await;
        assert_eq!(answer["errorCode"], code, "{answer}");
        answer
    }
}
