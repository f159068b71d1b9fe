//! Coalescing without a database: a scripted backend shows which look-ups travel together, and what each caller gets.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, tenant::PoolId, user_key::UserKey,
};
use masthead_ports::source::{SourceError, SourceErrorKind};
use tokio::sync::Semaphore;

use super::{
    key::KeyResult,
    service::{LookupLimits, Lookups},
    worker::{BatchError, LookupBackend},
};

/// Answers each id with an account of that id, once a permit is available.
#[derive(Clone)]
struct ScriptedBackend {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    /// One permit releases one batch.
    gate: Arc<Semaphore>,
    poison: Arc<BTreeSet<&'static str>>,
    dead: bool,
}

impl ScriptedBackend {
    fn new(permits: usize) -> Self {
        Self {
            batches: Arc::default(),
            gate: Arc::new(Semaphore::new(permits)),
            poison: Arc::default(),
            dead: false,
        }
    }

    fn batches(&self) -> Vec<Vec<String>> {
        self.batches.lock().unwrap().clone()
    }

    /// Waits until this many batches were requested.
    async fn wait_for_batches(&self, batches: usize) {
        while self.batches().len() < batches {
            tokio::task::yield_now().await;
        }
    }
}

impl LookupBackend for ScriptedBackend {
    async fn query(&mut self, keys: &[(PoolId, &UserKey)], _deadline: Instant) -> Result<Vec<KeyResult>, BatchError> {
        let names: Vec<String> = keys
            .iter()
            .map(|(pool, key)| match key {
                UserKey::Id(id) => format!("{}/{}", pool.0, id.as_str()),
                UserKey::Email(email) => format!("{}/{}", pool.0, email.as_str()),
            })
            .collect();
        self.batches.lock().unwrap().push(names.clone());
        self.gate.acquire().await.unwrap().forget();
        if self.dead {
            return Err(BatchError::All(SourceErrorKind::Unavailable, Arc::new(std::fmt::Error)));
        }
        if names
            .iter()
            .any(|name| self.poison.iter().any(|poison| name.ends_with(poison)))
        {
            return Err(BatchError::SearchKeys(Arc::new(std::fmt::Error)));
        }
        let account = |name: &String| Account::new(CustomerRegistrationId::parse(name).unwrap());
        Ok(names.iter().map(|name| Ok(vec![account(name)])).collect())
    }

    async fn close(self) {}
}

fn lookups(backend: &ScriptedBackend, waiting: usize) -> Arc<Lookups> {
    Arc::new(Lookups::start(
        &tokio::runtime::Handle::current(),
        [backend.clone()],
        LookupLimits { waiting, batch: 64 },
    ))
}

async fn find(lookups: &Lookups, pool: i64, id: &str) -> Result<Vec<Account>, SourceError> {
    let deadline = Instant::now() + Duration::from_mins(1);
    lookups
        .find(
            "test",
            PoolId(pool),
            UserKey::Id(CustomerRegistrationId::parse(id).unwrap()),
            deadline,
        )
        .await
}

fn spawn(lookups: &Arc<Lookups>, pool: i64, id: &str) -> tokio::task::JoinHandle<Result<Vec<Account>, SourceError>> {
    let (lookups, id) = (Arc::clone(lookups), id.to_owned());
    tokio::spawn(async move { find(&lookups, pool, &id).await })
}

#[tokio::test]
async fn waiting_lookups_form_the_next_batch() {
    let backend = ScriptedBackend::new(0);
    let lookups = lookups(&backend, 100);
    let first = spawn(&lookups, 1, "a");
    backend.wait_for_batches(1).await;
    let rest: Vec<_> = [(1, "b"), (2, "b"), (1, "c")]
        .map(|(pool, id)| spawn(&lookups, pool, id))
        .into();
    while lookups.queue.waiting() < 3 {
        tokio::task::yield_now().await;
    }
    backend.gate.add_permits(9);
    for (task, name) in [first].into_iter().chain(rest).zip(["1/a", "1/b", "2/b", "1/c"]) {
        assert_eq!(task.await.unwrap().unwrap()[0].crid.as_str(), name);
    }
    assert_eq!(backend.batches(), [vec!["1/a"], vec!["1/b", "2/b", "1/c"]]);
}

#[tokio::test]
async fn ready_callers_share_a_batch() {
    let backend = ScriptedBackend::new(100);
    let lookups = lookups(&backend, 100);
    let (go, gone) = tokio::sync::oneshot::channel();
    let second = {
        let lookups = Arc::clone(&lookups);
        tokio::spawn(async move {
            gone.await.unwrap();
            find(&lookups, 1, "b").await
        })
    };
    // Both tasks are waiting now.
    find(&lookups, 1, "before").await.unwrap();
    // On one thread tasks run in the order of their wake-ups: first the worker, by "a", then the second caller.
    let (a, ()) = tokio::join!(find(&lookups, 1, "a"), async { go.send(()).unwrap() });
    assert!(a.is_ok() && second.await.unwrap().is_ok());
    assert_eq!(backend.batches(), [vec!["1/before"], vec!["1/a", "1/b"]]);
}

#[tokio::test]
async fn leaving_caller_does_not_affect_others() {
    let backend = ScriptedBackend::new(0);
    let lookups = lookups(&backend, 100);
    let leaves_early = spawn(&lookups, 1, "a");
    backend.wait_for_batches(1).await;
    leaves_early.abort();
    let stays = spawn(&lookups, 1, "b");
    let leaves_late = spawn(&lookups, 1, "c");
    while lookups.queue.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    leaves_late.abort();
    assert!(leaves_late.await.unwrap_err().is_cancelled());
    backend.gate.add_permits(9);
    assert_eq!(stays.await.unwrap().unwrap()[0].crid.as_str(), "1/b");
    assert_eq!(
        backend.batches(),
        [vec!["1/a"], vec!["1/b"]],
        "a caller that has left is skipped"
    );
}

#[tokio::test]
async fn failing_key_does_not_affect_others() {
    let mut backend = ScriptedBackend::new(100);
    backend.poison = Arc::new(BTreeSet::from(["poison"]));
    let lookups = lookups(&backend, 100);
    let (a, poison, b) = tokio::join!(
        find(&lookups, 1, "a"),
        find(&lookups, 1, "poison"),
        find(&lookups, 2, "b")
    );
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(poison.unwrap_err().kind, SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn unavailable_database_is_queried_once_per_batch() {
    let mut backend = ScriptedBackend::new(100);
    backend.dead = true;
    let lookups = lookups(&backend, 100);
    let (a, b) = tokio::join!(find(&lookups, 1, "a"), find(&lookups, 2, "b"));
    for answer in [a, b] {
        assert_eq!(answer.unwrap_err().kind, SourceErrorKind::Unavailable);
    }
    assert_eq!(backend.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_keep_their_own_deadlines() {
    let backend = ScriptedBackend::new(0);
    let lookups = lookups(&backend, 100);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(50);
    let key = UserKey::Id(CustomerRegistrationId::parse("a").unwrap());
    let late = lookups.find("test", PoolId(1), key, deadline.into_std()).await;
    assert_eq!(late.unwrap_err().kind, SourceErrorKind::Unavailable);
    assert_eq!(tokio::time::Instant::now().duration_since(deadline).as_millis() / 10, 0);
}

#[tokio::test]
async fn close_answers_waiting_and_rejects_later() {
    let backend = ScriptedBackend::new(1);
    let lookups = lookups(&backend, 100);
    let waiting = spawn(&lookups, 1, "a");
    backend.wait_for_batches(1).await;
    lookups.close(Duration::from_mins(1)).await;
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(
        find(&lookups, 1, "b").await.unwrap_err().kind,
        SourceErrorKind::Unavailable
    );
}
