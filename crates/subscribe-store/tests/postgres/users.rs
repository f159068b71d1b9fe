//! Runs the contract of the write ports on Postgres, directly and through PgBouncer.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_dev_postgres::TestDatabase;
use masthead_testkit::{
    contract::users::{self, CommittedLog, UsersFactory, UsersSubject},
    for_each_users_case,
};

use crate::{
    contract::PostgresFactory,
    support::{FEDERATED, StoreFixture, tenant},
};

/// Reads the tables of events and mails.
struct TableLog(Arc<TestDatabase>);

impl TableLog {
    fn lines(&self, sql: &str) -> Vec<String> {
        let text = self.0.run(sql).unwrap();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

#[async_trait]
impl CommittedLog for TableLog {
    async fn events(&self) -> Vec<(i32, Option<i64>)> {
        let lines = self.lines("SELECT kind, registration_id FROM events ORDER BY id");
        let event = |line: &String| {
            let (kind, registration) = line.split_once('|').unwrap();
            (kind.parse().unwrap(), registration.parse().ok())
        };
        lines.iter().map(event).collect()
    }

    async fn mails(&self) -> Vec<String> {
        self.lines("SELECT sealed FROM mail_outbox ORDER BY queued_at")
    }
}

/// The ports of this store, with a tenant without a provider and one with.
pub(crate) async fn users_subject(fixture: StoreFixture) -> UsersSubject {
    let store = Arc::clone(&fixture.store);
    let users = store.users();
    let mut tenants = Vec::new();
    for (id, settings) in [("north/daily/herald", &[][..]), ("north/daily/times", FEDERATED)] {
        tenants.push(tenant(&store, id, settings).await);
    }
    UsersSubject {
        writer: Arc::clone(&users) as _,
        intents: Arc::clone(&users) as _,
        keys: Arc::clone(&users) as _,
        attempts: users,
        source: store.registrations(),
        log: Arc::new(TableLog(Arc::clone(&fixture.database))),
        tenants,
        keep: Box::new(fixture),
    }
}

#[async_trait]
impl UsersFactory for PostgresFactory {
    async fn users(&self) -> UsersSubject {
        users_subject(self.fixture().await).await
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        mod direct {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                users::$case(&PostgresFactory::default()).await;
            })*
        }

        mod through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                users::$case(&PostgresFactory { scan: None, pooler: true }).await;
            })*
        }
    };
}
for_each_users_case!(on_postgres);
