//! Runs the contract of the write ports on the fake, and its faults.
#![expect(clippy::unwrap_used, reason = "a test's factory may panic as tests do")]

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{source::SourceErrorKind, users::UserWriteError};
use masthead_testkit::{
    contract::users::{self, CommittedLog, UsersFactory, UsersSubject, commit, id, new_user},
    for_each_users_case,
    store::FakeStore,
    users::{InMemoryUsers, WriteFault},
};

struct FakeFactory;

struct FakeLog(Arc<InMemoryUsers>);

#[async_trait]
impl CommittedLog for FakeLog {
    async fn events(&self) -> Vec<(i32, Option<i64>)> {
        let events = self.0.events().into_iter();
        events.map(|event| (event.kind.id(), event.registration_id)).collect()
    }

    async fn mails(&self) -> Vec<String> {
        self.0.mails().into_iter().map(|mail| mail.sealed.into()).collect()
    }
}

fn tenant(number: i64, settings: &[(&str, &str)]) -> Arc<Tenant> {
    Arc::new(Tenant {
        id: TenantId::parse(&format!("north/daily/{number}")).unwrap(),
        pool: PoolId(number),
        settings: TenantSettings::parse(settings.iter().copied()).0,
    })
}

fn subject(users: Arc<InMemoryUsers>, store: Arc<FakeStore>) -> UsersSubject {
    UsersSubject {
        writer: Arc::clone(&users) as _,
        intents: Arc::clone(&users) as _,
        keys: Arc::clone(&users) as _,
        attempts: Arc::clone(&users) as _,
        source: store,
        log: Arc::new(FakeLog(users)),
        tenants: vec![tenant(1, &[]), tenant(2, &[("Flow.UserProvider", "Auth0")])],
        keep: Box::new(()),
    }
}

#[async_trait]
impl UsersFactory for FakeFactory {
    async fn users(&self) -> UsersSubject {
        let store = Arc::new(FakeStore::default());
        subject(Arc::new(InMemoryUsers::new(Arc::clone(&store))), store)
    }
}

macro_rules! on_the_fake {
    ($($case:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            users::$case(&FakeFactory).await;
        })*
    };
}
for_each_users_case!(on_the_fake);

#[tokio::test]
async fn fault_hits_the_next_call_only() {
    let store = Arc::new(FakeStore::default());
    let users = Arc::new(InMemoryUsers::new(Arc::clone(&store)));
    let subject = subject(Arc::clone(&users), store);
    let cx = subject.context(0);
    for (fault, kind, is_written) in [
        (WriteFault::Unavailable, SourceErrorKind::Unavailable, false),
        (WriteFault::OutcomeUnknown, SourceErrorKind::OutcomeUnknown, true),
    ] {
        users.fail_next("create", fault);
        let new = new_user("7", "ann@example.com");
        let failed = subject.writer.create(&cx, &new, false, &commit(0)).await;
        match failed {
            Err(UserWriteError::Source(error)) => assert_eq!(error.kind, kind),
            other => panic!("{other:?}"),
        }
        assert_eq!(subject.find(&id("7")).await.is_some(), is_written);
        assert_eq!(users.events().len(), usize::from(is_written));
    }
    let set = subject.writer.set_password(&cx, &id("7"), None, &commit(1)).await;
    set.unwrap();
    users.fail_next("begin_attempt", WriteFault::Unavailable);
    assert!(subject.attempts.begin(&cx, &[], users::minute(0)).await.is_err());
    let begun = subject.attempts.begin(&cx, &[], users::minute(0)).await;
    assert_eq!(begun.unwrap(), Ok(()));
}
