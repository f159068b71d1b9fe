//! Concurrent writes of one user, and writes that are interrupted.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use masthead_domain::tenant::Tenant;
use masthead_ports::{
    attempts::{AttemptCounter, AttemptLimit, FullCounter, SignInAttempts as _},
    idempotency::{IdempotencyKeys as _, KeyState},
    source::SourceErrorKind,
    users::{NewCode, NewRegistration, NewResetLink, PendingRegistration, QueuedMail, UserWriteError, UserWriter as _},
};
use masthead_testkit::contract::users::{commit, email, hash, id, minute, new_user, password};

use crate::support::{StoreFixture, context, context_within, fixture, store_with, tenant};

async fn with_tenant() -> (Arc<StoreFixture>, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    (Arc::new(fixture), tenant)
}

/// Runs the work of each number at the same time, on several threads.
async fn at_once<T, F>(count: u8, work: impl Fn(u8) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(work(number))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn unnamed(address: &str) -> NewRegistration {
    NewRegistration {
        crid: None,
        ..new_user("-", address)
    }
}

fn pending(address: &str) -> PendingRegistration {
    PendingRegistration {
        registration: unnamed(address),
        email: email(address),
        had_password: true,
        ignore_provider: false,
        expires_at: minute(60),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_creations_of_an_address_make_one_user() {
    let (fixture, tenant) = with_tenant().await;
    let results = at_once(50, |_| {
        let (users, cx) = (fixture.store.users(), context(&tenant));
        async move { users.create(&cx, &unnamed("ann@example.com"), false, &commit(0)).await }
    })
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for result in lost {
        assert!(
            matches!(result, Err(UserWriteError::EmailTaken { state: Some(_) })),
            "{result:?}"
        );
    }
    for table in ["registrations", "events", "mail_outbox"] {
        assert_eq!(fixture.count(table), 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn creation_and_pending_registration_exclude_each_other() {
    let (fixture, tenant) = with_tenant().await;
    let winners = at_once(60, |number| {
        let (users, cx) = (fixture.store.users(), context(&tenant));
        async move {
            let address = format!("reader{}@example.com", number % 12);
            if number % 5 < 2 {
                let created = users.create(&cx, &unnamed(&address), false, &commit(0)).await;
                return created.map(|_| ());
            }
            let code = NewCode {
                hash: hash(number),
                expires_at: minute(60),
            };
            users.create_pending(&cx, &pending(&address), &code, &commit(0)).await
        }
    })
    .await;
    let won = winners.iter().filter(|result| result.is_ok()).count();
    for result in winners.iter().filter(|result| result.is_err()) {
        assert!(matches!(result, Err(UserWriteError::EmailTaken { .. })), "{result:?}");
    }
    assert_eq!(won, 12);
    assert_eq!(
        fixture.count("registrations") + fixture.count("pending_registrations"),
        12
    );
    let both = "registrations AS r JOIN pending_registrations AS p USING (pool, email_key)";
    assert_eq!(fixture.count(both), 0);
    assert_eq!(fixture.count("events"), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_registration_is_created_by_one_of_many() {
    let (fixture, tenant) = with_tenant().await;
    let code = NewCode {
        hash: hash(1),
        expires_at: minute(60),
    };
    let users = fixture.store.users();
    let created = users
        .create_pending(&context(&tenant), &pending("ann@example.com"), &code, &commit(0))
        .await;
    created.unwrap();
    let results = at_once(10, |_| {
        let (users, cx) = (fixture.store.users(), context(&tenant));
        async move { users.create(&cx, &unnamed("ann@example.com"), true, &commit(1)).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(fixture.count("registrations"), 1);
    assert_eq!(
        fixture.count("pending_registrations") + fixture.count("verification_codes"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_claimed_by_one_of_many() {
    let (fixture, tenant) = with_tenant().await;
    // At first, and again after the first request has crashed.
    for at in [0, 10] {
        let states = at_once(20, |_| {
            let (users, cx) = (fixture.store.users(), context(&tenant));
            async move {
                users
                    .claim(&cx, hash(1), hash(2), minute(at), minute(at + 5))
                    .await
                    .unwrap()
            }
        })
        .await;
        let claimed = states.iter().filter(|state| matches!(state, KeyState::Claimed(_)));
        assert_eq!(claimed.count(), 1);
        let running = states.iter().filter(|state| matches!(state, KeyState::Running { .. }));
        assert_eq!(running.count(), 19);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn link_is_used_by_one_of_many() {
    let (fixture, tenant) = with_tenant().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    users
        .create(&cx, &new_user("7", "ann@example.com"), false, &commit(0))
        .await
        .unwrap();
    for number in 1..3 {
        let link = NewResetLink {
            hash: hash(number),
            expires_at: minute(60),
            proves_address: false,
        };
        users.create_reset_link(&cx, &id("7"), &link, &commit(0)).await.unwrap();
    }
    let results = at_once(20, |number| {
        let (users, cx) = (fixture.store.users(), context(&tenant));
        async move {
            let new = password(&format!("hash-{number}"));
            users
                .use_reset_link(&cx, &[hash(1 + number % 2)], Some(&new), &commit(1))
                .await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(fixture.count("reset_links"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_once_are_all_counted() {
    let (fixture, tenant) = with_tenant().await;
    let counter = |key, failures| AttemptCounter {
        key: hash(key),
        limit: AttemptLimit {
            failures,
            window: Duration::from_mins(15),
        },
    };
    let results = at_once(40, |number| {
        let (users, cx) = (fixture.store.users(), context(&tenant));
        let mut counters = [counter(1, 10), counter(2, 100)];
        if number % 2 == 0 {
            counters.reverse();
        }
        async move { users.begin(&cx, &counters, minute(0)).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|begun| begun.is_ok()).count(), 10);
    let refused = results.iter().filter_map(|begun| begun.err());
    assert!(
        refused.eq([FullCounter::Unfinished; 30]),
        "none of the ten has failed yet"
    );
    assert_eq!(
        fixture.sql("SELECT failures, unfinished FROM sign_in_attempts ORDER BY key"),
        "10|10\n10|10"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_links_of_a_user_are_bounded() {
    let (fixture, tenant) = with_tenant().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    users
        .create(&cx, &new_user("7", "ann@example.com"), false, &commit(0))
        .await
        .unwrap();
    for number in 1..=25 {
        let link = NewResetLink {
            hash: hash(number),
            expires_at: minute(60),
            proves_address: false,
        };
        users.create_reset_link(&cx, &id("7"), &link, &commit(0)).await.unwrap();
    }
    assert_eq!(fixture.count("reset_links"), 10);
    assert!(
        users
            .find_reset_link(&cx, &[hash(25)], minute(1))
            .await
            .unwrap()
            .is_some()
    );
}

/// The mail violates a constraint after the user and the events are written.
#[tokio::test(flavor = "multi_thread")]
async fn failed_write_leaves_nothing() {
    let (fixture, tenant) = with_tenant().await;
    let mut with_mail = commit(0);
    with_mail.mails.push(QueuedMail {
        kind: "verification",
        sealed: "x".repeat(70_000).into(),
    });
    let users = fixture.store.users();
    let failed = users
        .create(&context(&tenant), &new_user("7", "ann@example.com"), false, &with_mail)
        .await;
    assert!(matches!(failed, Err(UserWriteError::Source(_))), "{failed:?}");
    for table in ["registrations", "events", "mail_outbox"] {
        assert_eq!(fixture.count(table), 0, "{table}");
    }
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, UserWriteError>) -> SourceErrorKind {
    match result {
        Err(UserWriteError::Source(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_write_is_unavailable_and_writes_nothing() {
    let fixture = store_with(|options| options.statement_timeout = Duration::from_secs(20)).await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let locking = fixture.lock_registrations(3).await;
    let cx = context_within(&tenant, Duration::from_millis(300));
    let users = fixture.store.users();
    let late = users
        .create(&cx, &new_user("7", "ann@example.com"), false, &commit(0))
        .await;
    assert_eq!(kind_of(late), SourceErrorKind::Unavailable);
    locking.join().unwrap();
    // The next write on the same connection waits for the end of the first.
    users
        .create(&context(&tenant), &new_user("8", "bob@example.com"), false, &commit(0))
        .await
        .unwrap();
    assert_eq!(fixture.sql("SELECT crid FROM registrations"), "8");
}

/// Triggers that run within COMMIT: one sleeps beyond the deadline, the other breaks the connection.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answer_to_commit_has_unknown_outcome() {
    let (fixture, tenant) = with_tenant().await;
    for (number, within_commit) in ["pg_sleep(3)", "pg_terminate_backend(pg_backend_pid())"]
        .iter()
        .enumerate()
    {
        fixture.sql(&format!(
            "CREATE OR REPLACE FUNCTION within_commit() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM {within_commit}; RETURN NULL; END $$;
             DROP TRIGGER IF EXISTS within_commit ON events;
             CREATE CONSTRAINT TRIGGER within_commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION within_commit();"
        ));
        let cx = context_within(&tenant, Duration::from_secs(2));
        let new = new_user(&number.to_string(), &format!("{number}@example.com"));
        let unknown = fixture.store.users().create(&cx, &new, false, &commit(0)).await;
        assert_eq!(kind_of(unknown), SourceErrorKind::OutcomeUnknown, "{within_commit}");
    }
}
