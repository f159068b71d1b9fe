//! Sharing and remembering, in tokio's paused time.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter},
};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::source_client::FindByKey as _;
use tokio::time::{advance, sleep_until};

use super::*;
use crate::test_support::{clock, cx, tenant};

type SlowAnswer = Result<Vec<Account>, SourceErrorKind>;

/// A source that answers after a second, but never after the deadline.
struct SlowSource {
    calls: AtomicUsize,
    answer: Mutex<SlowAnswer>,
}

impl SlowSource {
    async fn answer(&self, cx: &CallContext) -> Result<Vec<Account>, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        let done = Instant::now() + Duration::from_secs(1);
        let deadline = Instant::from_std(cx.deadline);
        sleep_until(done.min(deadline)).await;
        if done > deadline {
            return Err(SourceError::new("fake", SourceErrorKind::Unavailable));
        }
        answer.map_err(|kind| SourceError::new("fake", kind))
    }
}

#[async_trait]
impl UserSource for SlowSource {
    fn name(&self) -> SourceName {
        "Fake"
    }

    async fn find(&self, cx: &CallContext, _: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.answer(cx).await
    }

    async fn search(&self, cx: &CallContext, _: &UserQuery) -> Result<AccountPage, SourceError> {
        let accounts = self.answer(cx).await?;
        Ok(AccountPage {
            accounts,
            more: false,
            total: None,
            cursor: None,
            truncated: false,
            unreadable: false,
        })
    }
}

fn cached(answer: SlowAnswer) -> Arc<CachedSource<SlowSource>> {
    let fake = SlowSource {
        calls: AtomicUsize::new(0),
        answer: Mutex::new(answer),
    };
    let options = CacheOptions {
        fresh: Duration::from_secs(5),
        stale: Duration::from_mins(10),
        ..CacheOptions::default()
    };
    Arc::new(CachedSource::new(fake, options, clock()))
}

fn account(id: &str) -> Account {
    Account::new(CustomerRegistrationId::parse(id).unwrap())
}

fn id() -> CustomerRegistrationId {
    CustomerRegistrationId::parse("auth0|1").unwrap()
}

fn calls(source: &CachedSource<SlowSource>) -> usize {
    source.inner().calls.load(Ordering::SeqCst)
}

fn patient() -> CallContext {
    cx(Duration::from_secs(10))
}

#[tokio::test(start_paused = true)]
async fn identical_lookups_share_one_call() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let look_up = || {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.find(&patient(), &id().into()).await })
    };
    let first = look_up();
    tokio::task::yield_now().await;
    let others: Vec<_> = (0..499).map(|_| look_up()).collect();
    tokio::task::yield_now().await;
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), [account("auth0|1")]);
    }
    assert_eq!(calls(&source), 1);
}

#[tokio::test(start_paused = true)]
async fn tenants_keys_and_priorities_are_separate() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let mut other_tenant = (*tenant()).clone();
    other_tenant.id = masthead_domain::tenant::TenantId::parse("north/daily/times").unwrap();
    let mut other_settings = (*tenant()).clone();
    other_settings.settings.provider = BTreeMap::from([("Fake.Domain".into(), "other.example".into())]);
    let contexts = [
        patient(),
        CallContext {
            tenant: Arc::new(other_tenant),
            ..patient()
        },
        CallContext {
            tenant: Arc::new(other_settings),
            ..patient()
        },
        CallContext {
            priority: Priority::Sync,
            ..patient()
        },
    ];
    let same_text = CustomerRegistrationId::parse("a@b.example").unwrap();
    let lookups = contexts.iter().map(|cx| source.by_id(cx, &same_text));
    let email = EmailKey::from_text("a@b.example");
    let (ids, mail) = tokio::join!(
        futures_util::future::join_all(lookups),
        source.by_email(&contexts[0], &email)
    );
    assert!(ids.iter().all(Result::is_ok) && mail.is_ok());
    assert_eq!(calls(&source), 5);
}

#[tokio::test(start_paused = true)]
async fn absence_is_fresh_but_never_remembered() {
    for answer in [vec![account("auth0|1")], Vec::new()] {
        let source = cached(Ok(answer.clone()));
        for _ in 0..3 {
            assert_eq!(source.find(&patient(), &id().into()).await.unwrap(), answer);
        }
        assert_eq!(calls(&source), 1);
        advance(Duration::from_secs(5)).await;
        // The source becomes unavailable: the found answer is available on request only.
        *source.inner().answer.lock().unwrap() = Err(SourceErrorKind::Unavailable);
        assert!(source.find(&patient(), &id().into()).await.is_err());
        let remembered = source.remembered(&tenant(), id().into()).await;
        assert_eq!(remembered.is_some(), !answer.is_empty());
        if let Some(remembered) = remembered {
            assert_eq!((&*remembered.accounts, remembered.as_of), (&*answer, clock().now()));
        }
        advance(Duration::from_mins(10)).await;
        assert_eq!(source.remembered(&tenant(), id().into()).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_never_cached() {
    for kind in [
        SourceErrorKind::Unavailable,
        SourceErrorKind::RateLimited { retry_after: None },
        SourceErrorKind::Misconfigured,
        SourceErrorKind::Refused,
        SourceErrorKind::Corrupt,
    ] {
        let source = cached(Err(kind));
        let error = source
            .find(&patient(), &EmailKey::from_text("a@b.example").into())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(
            source
                .remembered(&tenant(), EmailKey::from_text("a@b.example").into())
                .await,
            None
        );
        *source.inner().answer.lock().unwrap() = Ok(vec![account("auth0|1")]);
        assert_eq!(
            source
                .find(&patient(), &EmailKey::from_text("a@b.example").into())
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn forgotten_user_is_fetched_again() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let in_flight = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.find(&patient(), &id().into()).await })
    };
    tokio::task::yield_now().await;
    advance(Duration::from_millis(10)).await;
    source
        .forget(&tenant(), [id().into(), EmailKey::from_text("a@b.example").into()])
        .await;
    assert!(in_flight.await.unwrap().is_ok());
    assert_eq!(source.remembered(&tenant(), id().into()).await, None);
    assert!(source.find(&patient(), &id().into()).await.is_ok());
    assert_eq!(calls(&source), 2);
}

#[tokio::test(start_paused = true)]
async fn reader_after_a_write_gets_a_later_answer() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let read = |key: UserKey| {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.find(&patient(), &key).await.unwrap() })
    };
    // The old address, of which the writer knows nothing.
    let address: UserKey = EmailKey::from_text("old@b.example").into();
    let before = read(address.clone());
    tokio::task::yield_now().await;
    advance(Duration::from_millis(10)).await;
    *source.inner().answer.lock().unwrap() = Ok(Vec::new());
    source.forget(&tenant(), [id().into()]).await;
    advance(Duration::from_millis(10)).await;
    let after = read(address);
    before.await.unwrap();
    assert_eq!(after.await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn longer_deadline_retries_once() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let hasty = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.find(&cx(Duration::from_millis(200)), &id().into()).await })
    };
    tokio::task::yield_now().await;
    let found = source.find(&patient(), &id().into()).await;
    assert!(found.is_ok());
    assert_eq!(hasty.await.unwrap().unwrap_err().kind, SourceErrorKind::Unavailable);
    assert_eq!(calls(&source), 2);
}

#[tokio::test(start_paused = true)]
async fn deadline_holds_and_searches_pass_through() {
    let source = cached(Ok(vec![account("auth0|1")]));
    let started = Instant::now();
    let slow = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.find(&patient(), &id().into()).await })
    };
    tokio::task::yield_now().await;
    assert!(
        source
            .find(&cx(Duration::from_millis(300)), &id().into())
            .await
            .is_err()
    );
    assert_eq!(started.elapsed(), Duration::from_millis(300));
    assert!(slow.await.unwrap().is_ok());
    for _ in 0..2 {
        let query = UserQuery {
            filter: UserFilter::default(),
            order: Order::default(),
            position: Position::Offset(0),
            size: 10,
            count: CountMode::None,
        };
        let page = source.search(&patient(), &query).await.unwrap();
        assert_eq!(page.accounts.len(), 1);
    }
    assert!(
        source
            .find(&cx(Duration::ZERO), &EmailKey::from_text("a@b.example").into())
            .await
            .is_err()
    );
    assert_eq!(calls(&source), 3, "no call starts after the deadline");
    assert_eq!(source.name(), "Fake");
}
