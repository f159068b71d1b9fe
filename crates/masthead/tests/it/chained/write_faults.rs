//! A remote Users API that fails while it is written, alone and after a provider: the sides agree after `masthead reconcile`.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_sandbox::{Fault, FaultRule, Sandbox, UsersApiConfig};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    support::raw_http::FOREVER,
    writes::{
        harness::{Answer, HERALD, MIRROR, RemoteTenant, WriteServer},
        kinds::{KINDS, Kind, Planned},
    },
};

/// A server, and the stand-in of the Users API that has the registrations of a tenant.
struct FaultyRemote {
    server: WriteServer,
    api: Sandbox,
    runtime: Runtime,
    paper: &'static str,
}

impl FaultyRemote {
    /// The herald has no provider, the mirror has Auth0.
    fn start(paper: &'static str) -> Self {
        let runtime = Runtime::new().unwrap();
        let api = runtime.block_on(Sandbox::start(UsersApiConfig::default())).unwrap();
        let server = WriteServer::start_before(&[RemoteTenant::stand_in(paper, &api)]);
        Self {
            server,
            api,
            runtime,
            paper,
        }
    }

    /// The users of the API, `id address first-name`.
    fn users(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = |user: &Value| {
            [&user["customerRegistrationId"], &user["email"], &user["firstName"]]
                .map(text)
                .join(" ")
        };
        let mut users: Vec<_> = self.api.users_api().users().iter().map(shown).collect();
        users.sort();
        users
    }

    fn planned(&self, kinds: &[Kind]) -> Vec<Planned> {
        let name = |kind: Kind| format!("{kind:?}").to_lowercase();
        let prepare = |kind: &Kind| Planned::prepare(&self.server, self.paper, *kind, name(*kind));
        kinds.iter().map(prepare).collect()
    }

    /// Whether the write is done, where both sides agree.
    fn is_done(&self, write: &Planned) -> bool {
        let users = self.users();
        if self.paper == MIRROR {
            assert_eq!(self.server.provider_side(MIRROR), users, "{write:?}");
            return write.is_done(&self.server, &users);
        }
        match write.kind {
            Kind::SetPassword => {
                let id = write.id.as_deref().unwrap();
                self.api.users_api().is_password(id, crate::writes::kinds::NEW_PASSWORD)
            }
            _ => write.is_done(&self.server, &users),
        }
    }

    /// Injects a fault into the next call that writes so.
    fn inject(&self, kind: Kind, fault: Fault) {
        let method = match kind {
            Kind::Create => "POST",
            Kind::Update => "PUT",
            Kind::SetPassword | Kind::SetEmail => "PATCH",
            Kind::Delete => "DELETE",
        };
        let path = if kind == Kind::Create {
            "/v4/Users$"
        } else {
            "/v4/Users/"
        };
        let rule = FaultRule::from(fault).on(path).method(method).times(1);
        self.api.inject(rule);
    }

    /// Sends a write until it is done: the API is called again after a pause.
    fn repeat(&self, write: &Planned) -> Answer {
        let began = Instant::now();
        loop {
            let answer = write.send(&self.server);
            if answer.status == 200 {
                return answer;
            }
            assert!(began.elapsed() < FOREVER, "{write:?}: {answer:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn unreached_remote_store_leaves_nothing() {
    let fixture = FaultyRemote::start(HERALD);
    let writes = fixture.planned(&KINDS);
    fixture.runtime.block_on(fixture.api.off()).unwrap();
    for write in &writes {
        let refused = write.send(&fixture.server).expect("E503");
        assert_eq!(refused.pending(), &Value::Null, "{write:?}");
        assert!(refused.retry_after.is_some(), "{write:?}");
    }
    assert!(fixture.server.open_intents().is_empty());
    fixture.runtime.block_on(fixture.api.on()).unwrap();
    for write in &writes {
        assert!(!fixture.is_done(write), "{write:?}");
        fixture.repeat(write);
        assert!(fixture.is_done(write), "{write:?}");
    }
}

#[test]
fn lost_answer_of_the_remote_store_is_looked_up() {
    let fixture = FaultyRemote::start(HERALD);
    for write in fixture.planned(&KINDS) {
        fixture.inject(write.kind, Fault::ResetBeforeHeaders);
        let answer = write.send(&fixture.server);
        assert!(fixture.api.faults().is_empty(), "{write:?}: the fault happened");
        if write.kind == Kind::SetPassword {
            // A password cannot be read back.
            assert_eq!(
                (answer.status, answer.pending()),
                (503, &json!(["Subscribe"])),
                "{write:?}: {answer:?}"
            );
            assert!(fixture.server.reconcile().is_empty(), "{write:?}");
        } else {
            assert_eq!(
                (answer.status, answer.pending()),
                (200, &Value::Null),
                "{write:?}: {answer:?}"
            );
        }
        assert!(fixture.server.open_intents().is_empty(), "{write:?}");
        assert!(fixture.is_done(&write), "{write:?}");
    }
}

#[test]
fn remote_store_that_refuses_for_a_while_is_repeated_later() {
    let fixture = FaultyRemote::start(HERALD);
    for status in [503, 429] {
        for kind in [Kind::Create, Kind::Update, Kind::SetEmail, Kind::Delete] {
            let name = format!("{kind:?}-{status}").to_lowercase();
            let write = Planned::prepare(&fixture.server, HERALD, kind, name);
            let busy = Fault::Status {
                status,
                retry_after: Some(1),
                reset_in: None,
                body: None,
            };
            fixture.inject(kind, busy);
            let answer = write.send(&fixture.server).expect("E503");
            assert_eq!(answer.pending(), &Value::Null, "{write:?}");
            assert!(answer.retry_after.is_some(), "{write:?}");
            assert!(!fixture.is_done(&write), "{write:?}");
            fixture.repeat(&write);
            assert!(fixture.is_done(&write), "{write:?}");
        }
    }
    assert!(fixture.server.open_intents().is_empty());
}

/// The process ends after the remote store has written, and before our store has recorded it.
#[test]
fn killed_write_at_the_remote_store_is_settled() {
    let mut fixture = FaultyRemote::start(HERALD);
    let writes = fixture.planned(&KINDS);
    for write in &writes {
        fixture.inject(write.kind, Fault::SilenceAfterCall);
    }
    let to = fixture.server.address();
    thread::scope(|scope| {
        for write in &writes {
            let (server, (call, body)) = (&fixture.server, write.request());
            scope.spawn(move || server.try_call(to, HERALD, &call, &body, &[]).unwrap_err());
        }
        let began = Instant::now();
        while !fixture.api.faults().is_empty() {
            assert!(began.elapsed() < FOREVER, "not every call arrived");
            thread::sleep(Duration::from_millis(10));
        }
        // What has arrived is done there.
        while !writes.iter().all(|write| fixture.is_done(write)) {
            assert!(began.elapsed() < FOREVER, "not every call is done");
            thread::sleep(Duration::from_millis(10));
        }
        fixture.server.signal_kill();
    });
    fixture.server.kill();
    let left = fixture.server.reconcile();
    assert!(left.is_empty(), "{left:?}");
    for write in &writes {
        assert!(fixture.is_done(write), "{write:?}");
    }
    let created = fixture.server.rows("SELECT count(*) FROM events WHERE kind = 4002");
    assert_eq!(created, ["5"], "each creation is recorded once");
}

#[test]
fn remote_store_that_is_down_follows_the_provider() {
    let fixture = FaultyRemote::start(MIRROR);
    let writes = fixture.planned(&KINDS);
    fixture.runtime.block_on(fixture.api.off()).unwrap();
    for write in &writes {
        let answer = write.send(&fixture.server);
        if matches!(write.kind, Kind::Create | Kind::Delete) {
            // Their checks read the store first.
            assert_eq!(
                answer.status,
                if write.kind == Kind::Create { 503 } else { 200 },
                "{answer:?}"
            );
        } else if write.kind == Kind::SetPassword {
            assert_eq!(
                (answer.status, answer.pending()),
                (200, &Value::Null),
                "the provider alone has it: {answer:?}"
            );
        } else {
            assert_eq!(
                (answer.status, answer.pending()),
                (200, &json!(["Subscribe"])),
                "{answer:?}"
            );
        }
    }
    assert!(!fixture.server.open_intents().is_empty());
    fixture.runtime.block_on(fixture.api.on()).unwrap();
    let began = Instant::now();
    // Calls to the API are made again after a pause.
    while !fixture.server.reconcile().is_empty() {
        assert!(began.elapsed() < FOREVER, "{:?}", fixture.server.open_intents());
        thread::sleep(Duration::from_millis(200));
    }
    for write in &writes {
        if write.kind == Kind::Create {
            assert!(!fixture.is_done(write));
            fixture.repeat(write);
        }
        assert!(fixture.is_done(write), "{write:?}");
    }
}

#[test]
fn lost_answer_of_the_remote_store_after_a_provider_is_settled() {
    let fixture = FaultyRemote::start(MIRROR);
    for write in fixture.planned(&[Kind::Create, Kind::Update, Kind::SetEmail, Kind::Delete]) {
        fixture.inject(write.kind, Fault::ResetBeforeHeaders);
        let answer = write.send(&fixture.server);
        assert_eq!(
            (answer.status, answer.pending()),
            (200, &json!(["Subscribe"])),
            "{write:?}: {answer:?}"
        );
        assert!(
            fixture.server.reconcile().is_empty(),
            "{write:?}: {:?}",
            fixture.server.open_intents()
        );
        assert!(fixture.is_done(&write), "{write:?}");
    }
}
