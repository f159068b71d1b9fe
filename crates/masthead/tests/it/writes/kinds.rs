//! The kinds of two-sided writes, and the call of each that a stand-in can delay or lose.

use masthead_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

use super::harness::{Answer, MIRROR, PASSWORD, WriteServer, email, new_user};
use crate::support::http_client::percent_encoded;

/// The password that readers set.
pub(crate) const NEW_PASSWORD: &str = "Closing-password-2";

/// A kind of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Update,
    SetPassword,
    SetEmail,
    Delete,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::Create,
    Kind::Update,
    Kind::SetPassword,
    Kind::SetEmail,
    Kind::Delete,
];

/// A write that is going to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) paper: &'static str,
    pub(crate) kind: Kind,
    /// The reader's name.
    pub(crate) name: String,
    /// The reader's id; a new one has none yet.
    pub(crate) id: Option<String>,
}

impl Planned {
    /// Creates the reader, if the write needs one.
    pub(crate) fn prepare(server: &WriteServer, paper: &'static str, kind: Kind, name: String) -> Self {
        let id = (kind != Kind::Create).then(|| server.create(paper, &name).expect("S200_03").id());
        Self { paper, kind, name, id }
    }

    /// The call and its body.
    pub(crate) fn request(&self) -> (String, Value) {
        let path = format!("/v4/Users/{}", percent_encoded(self.id.as_deref().unwrap_or_default()));
        match self.kind {
            Kind::Create => ("POST /v4/Users".to_owned(), new_user(&self.name)),
            Kind::Update => (format!("PUT {path}"), json!({"firstName": "Renamed"})),
            Kind::SetPassword => (format!("PATCH {path}/Password"), json!({"password": NEW_PASSWORD})),
            Kind::SetEmail => (format!("PATCH {path}/Email"), json!({"email": self.moved()})),
            Kind::Delete => (format!("DELETE {path}"), Value::Null),
        }
    }

    /// Sends it.
    pub(crate) fn send(&self, server: &WriteServer) -> Answer {
        let (call, body) = self.request();
        server.call(self.paper, &call, &body)
    }

    fn moved(&self) -> String {
        email(&format!("{}-moved", self.name))
    }

    /// Whether the users of a side show the write; a password is tried at the provider.
    pub(crate) fn is_done(&self, server: &WriteServer, users: &[String]) -> bool {
        let has = |address: &str, name: &str| users.iter().any(|user| user.ends_with(&format!(" {address} {name}")));
        match self.kind {
            Kind::Create => has(&email(&self.name), "Nova"),
            Kind::Update => has(&email(&self.name), "Renamed"),
            Kind::SetEmail => has(&self.moved(), "Nova"),
            Kind::Delete => !has(&email(&self.name), "Nova"),
            Kind::SetPassword => {
                let id = self.id.as_deref().unwrap_or_default();
                let sandbox = server.sandbox(self.paper);
                let is = |password: &str| match self.paper {
                    MIRROR => sandbox.auth0().is_password(id, password),
                    _ => sandbox.gigya().is_password(id, password),
                };
                assert!(is(PASSWORD) != is(NEW_PASSWORD), "{self:?}");
                is(NEW_PASSWORD)
            }
        }
    }

    /// The method and the beginning of the path of the call that writes.
    pub(crate) fn call_at_provider(&self) -> (&'static str, &'static str) {
        call_at_provider(self.paper, self.kind)
    }

    /// Injects a fault into the next call that writes so.
    pub(crate) fn inject(&self, server: &WriteServer, fault: Fault) {
        let (method, path) = self.call_at_provider();
        let rule = FaultRule::from(fault).on(path).method(method).times(1);
        server.sandbox(self.paper).inject(rule);
    }
}

/// The method and the beginning of the path of the call that writes.
pub(crate) fn call_at_provider(paper: &str, kind: Kind) -> (&'static str, &'static str) {
    match (paper, kind) {
        (MIRROR, Kind::Create) => ("POST", "/api/v2/users"),
        (MIRROR, Kind::Delete) => ("DELETE", "/api/v2/users"),
        (MIRROR, _) => ("PATCH", "/api/v2/users"),
        (_, Kind::Create) => ("POST", "/accounts.register"),
        (_, Kind::Delete) => ("POST", "/accounts.deleteAccount"),
        (_, _) => ("POST", "/accounts.setAccountInfo"),
    }
}
