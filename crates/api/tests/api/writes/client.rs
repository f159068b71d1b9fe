//! A client of the calls that write.

use http::Request;
use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, Sealing as _};
use masthead_testkit::{contract_cases::CaseAnswer, sealing::FakeSealing};
use serde_json::{Value, json};

use crate::fixture::{ApiFixture, TRIBUNE};

/// A request of a client that writes.
#[derive(Clone)]
pub(crate) struct Sent<'a> {
    tenant: &'a str,
    token: &'a str,
    method: &'a str,
    target: String,
    body: Option<Vec<u8>>,
    headers: Vec<(&'a str, String)>,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(method: &'a str, target: impl Into<String>) -> Self {
        Self {
            tenant: TRIBUNE.0,
            token: "writer",
            method,
            target: target.into(),
            body: None,
            headers: Vec::new(),
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string())
    }

    pub(crate) fn bytes(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: Some(body.into()),
            ..self
        }
    }

    pub(crate) fn of(self, tenant: &'a str) -> Self {
        Self { tenant, ..self }
    }

    pub(crate) fn by(self, token: &'a str) -> Self {
        Self { token, ..self }
    }

    pub(crate) fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back, with its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The code without its prefix.
    pub(crate) fn code(&self) -> &str {
        let code = self.json["message"]["code"].as_str().unwrap_or_default();
        code.trim_start_matches("UsersOrchestrator_")
    }

    /// The text of the message.
    pub(crate) fn message(&self) -> &str {
        self.json["message"]["text"].as_str().unwrap_or_default()
    }

    pub(crate) fn data(&self) -> &Value {
        &self.json["data"]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other == name).map(|(_, value)| &**value)
    }
}

impl From<CaseAnswer> for Answer {
    fn from(answer: CaseAnswer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers,
            json: serde_json::from_str(&answer.body).unwrap_or_default(),
            text: answer.body,
        }
    }
}

impl ApiFixture {
    /// Sends a request.
    pub(crate) async fn write(&self, sent: Sent<'_>) -> Answer {
        let id = TenantId::parse(sent.tenant).unwrap();
        let mut request = Request::builder()
            .method(sent.method)
            .uri(&sent.target)
            .header("authorization", format!("bearer {}", sent.token))
            .header("x-sourcesystem", "CRM")
            .header("x-clientgroupcode", id.group())
            .header("x-clientcode", id.client())
            .header("x-papercode", id.paper());
        if sent.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let body = http_body_util::Full::<bytes::Bytes>::from(sent.body.unwrap_or_default());
        self.send(request.body(body).unwrap()).await.into()
    }

    pub(crate) async fn post(&self, target: &str, body: Value) -> Answer {
        self.write(Sent::new("POST", target).json(&body)).await
    }

    /// Creates a user with a password; returns its id.
    pub(crate) async fn create(&self, tenant: &str, address: &str) -> String {
        let body = json!({"email": address, "password": "correct horse", "firstName": "Ann"});
        let answer = self.write(Sent::new("POST", "/v4/Users").of(tenant).json(&body)).await;
        assert_eq!(answer.code(), "S200_03", "{answer:?}");
        answer.data()["customerRegistrationId"].as_str().unwrap().to_owned()
    }

    /// The opened content of the last mail of a tenant.
    pub(crate) fn last_mail(&self, tenant: &str) -> Value {
        let mails = self.users.mails();
        let tenant = TenantId::parse(tenant).unwrap();
        let json = FakeSealing.open(&tenant, Purpose::Mail, &mails.last().unwrap().sealed);
        serde_json::from_str(&json.unwrap()).unwrap()
    }

    /// The value of the link of the last mail.
    pub(crate) fn last_link(&self, tenant: &str) -> String {
        let mail = self.last_mail(tenant).to_string();
        let (_, rest) = mail.split_once("encryptedEventId=").unwrap();
        rest.split(['"', '&']).next().unwrap().to_owned()
    }

    /// The code of the last mail.
    pub(crate) fn last_code(&self, tenant: &str) -> String {
        let mail = self.last_mail(tenant).to_string();
        let (_, rest) = mail.split_once("\"code\":\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Whether anything was written: events, mails, pending registrations, and the users of every pool.
    pub(crate) fn written(&self) -> (usize, usize, u32) {
        (
            self.users.events().len(),
            self.users.mails().len(),
            self.writer.writes(),
        )
    }
}
