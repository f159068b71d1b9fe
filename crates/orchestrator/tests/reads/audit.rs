//! What the events of reads contain: who, what was requested, and which users were read; and reads that must be recorded.

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    caller_address::AuditAddress,
    event::{Event, EventKind, hash_text, hashed_user},
    query::{OnProviderFailure, UserFilter},
};
use masthead_orchestrator::{ExportRequest, REFUSALS_PER_SECOND, ReadError, RefusalLog, RefusedCall, UseCases};
use masthead_ports::{
    audit::AuditPolicy,
    events::{EventLostError, ReadEvents},
    keyed_hash::{HashPurpose, KeyedHasher as _},
};
use masthead_testkit::{
    accounts::account, audit::audit_policy, clock::StoppedClock, events::RecordingEvents, hashing::FakeKeyedHasher,
};

use crate::fixture::{FEDERATED, MAX_DEPTH, ReadFixture, first_page, id, with_address_part};

const DEGRADE: OnProviderFailure = OnProviderFailure::Degrade;

fn registered(number: i64, crid: &str, email: &str) -> Account {
    Account {
        registration_id: Some(number),
        ..account(crid, email, "Ann", "Lee")
    }
}

/// The number of a user that has no registration.
fn hashed(fixture: &ReadFixture, crid: &str) -> i64 {
    let id = account(crid, "x@example.com", "", "").crid;
    let hash = FakeKeyedHasher::default().hash(fixture.tenant.pool, HashPurpose::Audit, &hash_text(&id));
    hashed_user(hash.number())
}

fn filter_of(event: &Event) -> (&str, i64) {
    let filter = event.filter.as_ref().unwrap();
    (&filter.kind, filter.hash)
}

#[tokio::test]
async fn event_names_caller_filter_and_users() {
    let fixture = ReadFixture::new(&[("Retention.EventDays", "90")]);
    fixture.put_in_store([
        registered(3, "7", "ann@example.com"),
        registered(4, "8", "bob@example.com"),
    ]);
    fixture.find("7", DEGRADE).await.unwrap();
    fixture.find("9", DEGRADE).await.unwrap_err();
    let list = first_page(with_address_part("example"));
    fixture.search(list.clone(), DEGRADE).await.unwrap();
    fixture.search(list, DEGRADE).await.unwrap();
    let events = fixture.events.take();
    assert_eq!(events.len(), 4);
    for event in &events {
        assert_eq!(event.caller.subject.as_deref(), Some("job"));
        assert_eq!(event.network.as_deref(), Some("203.0.113.0/24"));
        assert_eq!(event.kept_days, 90);
    }
    assert_eq!((filter_of(&events[0]).0, events[0].registration_id), ("id", Some(3)));
    assert!(events[0].user_ids.is_empty());
    assert_eq!((filter_of(&events[1]).0, events[1].registration_id), ("id", None));
    assert_eq!(
        (filter_of(&events[2]).0, &*events[2].user_ids),
        ("emailContains", &[3, 4][..])
    );
    assert_eq!(
        filter_of(&events[2]),
        filter_of(&events[3]),
        "the same filter has the same hash"
    );
    assert_ne!(filter_of(&events[0]).1, filter_of(&events[1]).1);
}

#[tokio::test]
async fn users_without_registration_are_hashed() {
    let fixture = ReadFixture::new(FEDERATED);
    fixture.put_at_provider([account("auth0|1", "ann@example.com", "Ann", "Lee")]);
    fixture.find("auth0|1", DEGRADE).await.unwrap();
    let of_provider = |event: &&Event| event.kind == EventKind::AuthSystemUserGet;
    let events = fixture.events.take();
    let event = events.iter().find(of_provider).unwrap();
    assert_eq!(
        (event.registration_id, &*event.user_ids),
        (None, &[hashed(&fixture, "auth0|1")][..])
    );
    let request = ExportRequest {
        keys: vec![Some(id("auth0|1")), Some(id("auth0|2"))],
    };
    let caller = fixture.caller();
    fixture.use_cases.export_users.export(&caller, &request).await.unwrap();
    let events = fixture.events.take();
    let exported = events.iter().find(|event| event.kind == EventKind::SubscribeUserExport);
    let exported = exported.unwrap();
    assert_eq!(
        (filter_of(exported).0, &*exported.user_ids),
        ("keys", &[hashed(&fixture, "auth0|1")][..])
    );
}

#[tokio::test]
async fn at_most_a_thousand_users_are_named() {
    let fixture = ReadFixture::new(&[]);
    let numbers = 1..=1100;
    let user = |n: i64| registered(n, &n.to_string(), &format!("r{n}@example.com"));
    fixture.put_in_store(numbers.clone().map(user));
    let request = ExportRequest {
        keys: numbers.map(|n| Some(id(&n.to_string()))).collect(),
    };
    let caller = fixture.caller();
    fixture.use_cases.export_users.export(&caller, &request).await.unwrap();
    let events = fixture.events.take();
    assert_eq!((events[0].users, events[0].user_ids.len()), (1100, 1000));
}

#[test]
fn skipped_refusals_are_in_the_next_event() {
    let (events, clock) = (Arc::new(RecordingEvents::default()), Arc::new(StoppedClock::default()));
    let refusals = RefusalLog::new(events.clone(), clock.clone(), AuditAddress::Network);
    let refuse = || {
        refusals.record(&RefusedCall {
            status: 401,
            reason: "the token is expired".into(),
            tenant: None,
            caller: Arc::default(),
            address: None,
            request_id: "r",
            source_system: "",
        });
    };
    (0..REFUSALS_PER_SECOND + 30).for_each(|_| refuse());
    clock.advance(time::Duration::SECOND);
    refuse();
    let details: Vec<_> = events.take().into_iter().map(|event| event.detail.unwrap()).collect();
    assert_eq!(details.len(), REFUSALS_PER_SECOND as usize + 1);
    let last = details.last().unwrap();
    assert_eq!(
        &**last,
        r#"{"status":401,"reason":"the token is expired","skipped":30}"#
    );
}

/// A queue that is full.
struct FullQueue;

impl ReadEvents for FullQueue {
    fn record(&self, _event: Event) -> Result<(), EventLostError> {
        Err(EventLostError)
    }
}

#[tokio::test]
async fn read_that_must_be_recorded_is_refused() {
    for settings in [&[][..], FEDERATED] {
        for required in [false, true] {
            let mut fixture = ReadFixture::new(settings);
            let ann = [registered(3, "auth0|1", "ann@example.com")];
            fixture.put_in_store(ann.clone());
            fixture.put_at_provider(ann);
            let mut dependencies = fixture.dependencies.clone();
            dependencies.events = Arc::new(FullQueue);
            dependencies.audit = AuditPolicy {
                required,
                ..audit_policy()
            };
            fixture.use_cases = UseCases::new(dependencies, MAX_DEPTH);
            let request = ExportRequest {
                keys: vec![Some(id("auth0|1"))],
            };
            let list = first_page(with_address_part("example"));
            let caller = fixture.caller();
            let refusals = [
                fixture.find("auth0|1", DEGRADE).await.err(),
                fixture.search(list.clone(), DEGRADE).await.err(),
                fixture.search_provider(&list, DEGRADE).await.err(),
                fixture.use_cases.export_users.export(&caller, &request).await.err(),
            ];
            for refused in refusals {
                assert_eq!(refused.is_some(), required, "{settings:?}");
                assert!(refused.is_none_or(|error| matches!(error, ReadError::Unavailable { .. })));
            }
            let exports = &fixture.use_cases.export_registrations;
            let refused = exports.start(&caller, UserFilter::default()).await.err();
            assert_eq!(refused.is_some(), required, "{settings:?}: before the first row");
        }
    }
}
