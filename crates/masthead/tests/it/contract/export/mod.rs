//! The contract of the customers export, checked against the program.

mod access;
mod answers;
mod body;
mod limits;
mod refusals;

use std::{sync::Once, time::Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_testkit::contract_cases::{
    CaseAnswer, CaseRequest,
    fixture::{COURIER, GAZETTE, HERALD},
};
use serde_json::{Value, json};

use crate::{
    contract::server::{ContractServer, TenantFixture, contract_tenants},
    support::{http_client, process, raw_http::FOREVER},
};

/// A server with the workspaces `herald`, `gazette` and `courier`, each of the tenant with that name.
pub(crate) struct ExportServer {
    pub(crate) server: ContractServer,
    keys: Vec<(&'static str, String)>,
    warm: Once,
}

/// The default workspaces and their tenants.
const TENANTS: [(&str, &str); 3] = [("herald", HERALD), ("gazette", GAZETTE), ("courier", COURIER)];

/// The request id of calls that no test checks.
pub(crate) const WARM: &str = "warm";

/// A call before it is sent.
#[derive(Clone)]
pub(crate) struct ExportCall {
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl ExportServer {
    pub(crate) fn start() -> Self {
        Self::with(&contract_tenants(), |_| {})
    }

    pub(crate) fn with(loaded: &[TenantFixture], change: impl FnOnce(&mut Vec<(String, String)>)) -> Self {
        let mut exports = Self {
            server: ContractServer::start_with(loaded, change),
            keys: Vec::new(),
            warm: Once::new(),
        };
        for (workspace, tenant) in TENANTS {
            if loaded.iter().any(|loaded| loaded.tenant == tenant) {
                exports.add(workspace, tenant, &[]);
            }
        }
        exports
    }

    /// The output of a command of the program on the same database.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        process::run_ok(&self.settings(), arguments, "")
    }

    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        process::settings(&self.server.database.url().unwrap())
    }

    /// Adds a workspace. Must be called before the first call, otherwise it is only seen seconds later.
    pub(crate) fn add(&mut self, workspace: &'static str, tenant: &str, settings: &[&str]) {
        let arguments = [&["workspace", "add", workspace, "--tenant", tenant], settings].concat();
        let key = self.command(&arguments);
        self.keys.push((workspace, key));
    }

    pub(crate) fn key(&self, workspace: &str) -> &str {
        let mut named = self.keys.iter().filter(|(name, _)| *name == workspace);
        &named.next().unwrap().1
    }

    /// A call of this workspace with its own key.
    pub(crate) fn call(&self, workspace: &str, body: &Value) -> ExportCall {
        ExportCall {
            target: format!("/v1/customers/export?app_id={workspace}"),
            headers: vec![
                ("Authorization", basic(workspace, self.key(workspace))),
                ("Content-Type", "application/json".to_owned()),
            ],
            body: body.to_string(),
        }
    }

    /// Sends a call; the first one is preceded by warm-up calls, which may be slow on a busy machine.
    pub(crate) fn send(&self, call: &ExportCall) -> CaseAnswer {
        self.warm.call_once(|| {
            for (workspace, _) in &self.keys[..self.keys.len().min(TENANTS.len())] {
                let warm = self.call(workspace, &identifiers("customer_id", &["guest"]));
                let warm = warm.with("X-RequestId", WARM);
                let began = Instant::now();
                while self.send_at_once(&warm).status == 503 {
                    assert!(began.elapsed() < FOREVER, "{workspace} is never known");
                }
            }
        });
        self.send_at_once(call)
    }

    fn send_at_once(&self, call: &ExportCall) -> CaseAnswer {
        let request = CaseRequest {
            method: "POST",
            target: call.target.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        http_client::send(self.server.address, &request)
    }

    /// The data of a successful response.
    pub(crate) fn data(&self, call: &ExportCall) -> Value {
        let answer = self.send(call);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (&whole["status"], &whole["type"]),
            (&json!("success"), &json!("export_users"))
        );
        whole["data"].clone()
    }

    /// The number of a registration in the store.
    pub(crate) fn registration(&self, tenant: &str, crid: &str) -> String {
        let query = format!(
            "SELECT r.id FROM registrations AS r JOIN tenants AS t ON t.pool = r.pool \
              WHERE client_group || '/' || client || '/' || paper = '{tenant}' AND crid = '{crid}'"
        );
        self.server.database.run(&query).unwrap().trim().to_owned()
    }
}

impl ExportCall {
    /// With this header instead of the default one.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn at(self, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..self
        }
    }

    pub(crate) fn with_body(self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self
        }
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// A body with these identifiers of one type.
pub(crate) fn identifiers(kind: &str, identifiers: &[&str]) -> Value {
    json!({"identifiers": list(kind, identifiers)})
}

pub(crate) fn list(kind: &str, identifiers: &[&str]) -> Value {
    let list = identifiers.iter().map(|identifier| one(kind, identifier));
    list.collect()
}

pub(crate) fn one(kind: &str, identifier: &str) -> Value {
    json!({"identifier_type": kind, "identifier": identifier})
}

/// This attribute of each user, in order.
pub(crate) fn each<'a>(data: &'a Value, attribute: &str) -> Vec<&'a str> {
    let users = data["users"].as_array().unwrap().iter();
    users
        .map(|user| user["user_attributes"][attribute].as_str().unwrap_or("-"))
        .collect()
}

/// Checks that a response is this error, byte for byte except for its request id of eight characters.
pub(crate) fn is_error(answer: &CaseAnswer, status: u16, beginning: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    let expected = format!(r#"{{"status":"fail","error":{{{beginning},"request_id":""#);
    let rest = answer.body.strip_prefix(&expected);
    let rest = rest.unwrap_or_else(|| panic!("expected\n{expected}\ngot\n{}", answer.body));
    let id = rest.strip_suffix("\"}}").unwrap();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
}
