//! Every line of the customers export, held against the program itself; each test has the name of its line.

mod answers;
mod body;
mod door;
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
    support::{served, wire::FOREVER},
    wire,
    world::{Loaded, World, of_the_contract},
};

/// A server with a workspace `herald`, one `gazette` and one `courier`, each of the tenant of that name.
pub(crate) struct Exports {
    pub(crate) world: World,
    keys: Vec<(&'static str, String)>,
    warm: Once,
}

/// The workspaces that there are always, and their tenants.
const TENANTS: [(&str, &str); 3] = [("herald", HERALD), ("gazette", GAZETTE), ("courier", COURIER)];

/// The request id of the calls that no test is about.
pub(crate) const WARM: &str = "warm";

/// One call before it is made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Exports {
    pub(crate) fn start() -> Self {
        Self::with(&of_the_contract(), |_| {})
    }

    pub(crate) fn with(loaded: &[Loaded], change: impl FnOnce(&mut Vec<(String, String)>)) -> Self {
        let mut exports = Self {
            world: World::with(loaded, change),
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

    /// Runs a command of the program on the same database; what it says.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        served::done(&self.settings(), arguments, "")
    }

    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        served::settings(&self.world.database.url().unwrap())
    }

    /// Adds a workspace. Before the first call, or it is seen some seconds later.
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
    pub(crate) fn call(&self, workspace: &str, body: &Value) -> Call {
        Call {
            target: format!("/v1/customers/export?app_id={workspace}"),
            headers: vec![
                ("Authorization", basic(workspace, self.key(workspace))),
                ("Content-Type", "application/json".to_owned()),
            ],
            body: body.to_string(),
        }
    }

    /// Sends a call; before the first one whatever is slow once is done, which a busy machine makes too slow for an answer.
    pub(crate) fn send(&self, call: &Call) -> CaseAnswer {
        self.warm.call_once(|| {
            for (workspace, _) in &self.keys[..self.keys.len().min(TENANTS.len())] {
                let warm = self.call(workspace, &of("customer_id", &["guest"]));
                let warm = warm.with("X-RequestId", WARM);
                let began = Instant::now();
                while self.send_at_once(&warm).status == 503 {
                    assert!(began.elapsed() < FOREVER, "{workspace} is never known");
                }
            }
        });
        self.send_at_once(call)
    }

    fn send_at_once(&self, call: &Call) -> CaseAnswer {
        let request = CaseRequest {
            method: "POST",
            target: call.target.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        wire::send(self.world.address, &request)
    }

    /// The data of an answer that must be good.
    pub(crate) fn data(&self, call: &Call) -> Value {
        let answer = self.send(call);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (&whole["status"], &whole["type"]),
            (&json!("success"), &json!("export_users"))
        );
        whole["data"].clone()
    }

    /// The number of a registration, which only the store knows.
    pub(crate) fn registration(&self, tenant: &str, crid: &str) -> String {
        let query = format!(
            "SELECT r.id FROM registrations AS r JOIN tenants AS t ON t.pool = r.pool \
              WHERE client_group || '/' || client || '/' || paper = '{tenant}' AND crid = '{crid}'"
        );
        self.world.database.run(&query).unwrap().trim().to_owned()
    }
}

impl Call {
    /// With this header in place of the usual one.
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

    pub(crate) fn saying(self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self
        }
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// A body of these identifiers, of one kind.
pub(crate) fn of(kind: &str, identifiers: &[&str]) -> Value {
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

/// That an answer is this error, byte for byte but for its request id, which has eight characters.
pub(crate) fn is_error(answer: &CaseAnswer, status: u16, beginning: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    let expected = format!(r#"{{"status":"fail","error":{{{beginning},"request_id":""#);
    let rest = answer.body.strip_prefix(&expected);
    let rest = rest.unwrap_or_else(|| panic!("expected\n{expected}\ngot\n{}", answer.body));
    let id = rest.strip_suffix("\"}}").unwrap();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
}
