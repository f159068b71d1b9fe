//! An export of all registrations: its event, its end, and what refuses it.

use masthead_domain::{
    event::{Event, EventKind, EventOutcome},
    query::UserFilter,
    tenant::PoolId,
};
use masthead_orchestrator::{ExportError, ReadError};
use masthead_testkit::{accounts::account, store::StoreMode, tenants::tenant};

use crate::fixture::{FEDERATED, ReadFixture, with_address_part};

fn loaded(settings: &[(&str, &str)]) -> ReadFixture {
    let fixture = ReadFixture::new(settings);
    let users = ["3", "1", "2"].map(|id| account(id, &format!("u{id}@example.com"), "Ann", "Lee"));
    fixture.store.put(PoolId(1), users);
    fixture
}

/// What an event has: outcome, users, filter and detail. It names no user.
fn described(event: Event) -> (EventOutcome, u32, String, String) {
    assert_eq!(event.kind, EventKind::SubscribeUserExport);
    assert_eq!((event.registration_id, event.user_ids.len()), (None, 0));
    let filter = event.filter.unwrap().kind.into_owned();
    (event.outcome, event.users, filter, event.detail.unwrap().into())
}

/// The event of the end, after that of the start.
fn last_event(fixture: &ReadFixture) -> (EventOutcome, u32, String, String) {
    let mut events: Vec<Event> = fixture.events.take();
    let [start, end] = [events.remove(0), events.remove(0)].map(described);
    assert!(events.is_empty());
    let detail = r#"{"source":"Subscribe","state":"started"}"#.to_owned();
    assert_eq!(start, (EventOutcome::Unknown, 0, end.2.clone(), detail));
    end
}

#[tokio::test]
async fn whole_export_is_recorded_with_its_number() {
    for settings in [&[][..], FEDERATED] {
        let fixture = loaded(settings);
        let exports = &fixture.use_cases.export_registrations;
        let mut stream = exports.start(&fixture.caller(), UserFilter::default()).await.unwrap();
        let mut ids = Vec::new();
        while let Some(batch) = stream.next().await.unwrap() {
            ids.extend(batch.into_iter().map(|one| one.account.crid.as_str().to_owned()));
        }
        assert_eq!(ids, ["1", "2", "3"]);
        drop(stream);
        let detail = r#"{"source":"Subscribe","complete":true}"#.to_owned();
        assert_eq!(last_event(&fixture), (EventOutcome::Found, 3, "all".to_owned(), detail));
    }
}

#[tokio::test]
async fn export_that_is_given_up_is_recorded() {
    let fixture = loaded(&[]);
    let exports = &fixture.use_cases.export_registrations;
    let filter = with_address_part("u");
    let mut stream = exports.start(&fixture.caller(), filter).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 2);
    drop(stream);
    let detail = r#"{"source":"Subscribe","complete":false}"#.to_owned();
    let event = (EventOutcome::Found, 2, "emailContains".to_owned(), detail);
    assert_eq!(last_event(&fixture), event);
}

#[tokio::test]
async fn store_that_does_not_answer_is_recorded() {
    let fixture = loaded(&[]);
    fixture
        .store
        .set_mode(StoreMode::Failing(masthead_ports::source::SourceErrorKind::Unavailable));
    let exports = &fixture.use_cases.export_registrations;
    let refused = exports.start(&fixture.caller(), UserFilter::default()).await.err();
    assert!(matches!(
        refused,
        Some(ExportError::Read(ReadError::Unavailable { .. }))
    ));
    let (outcome, users, ..) = last_event(&fixture);
    assert_eq!((outcome, users), (EventOutcome::Unknown, 0));
}

/// A killed process records no end: what began is in the log before the first row is read.
#[tokio::test]
async fn export_is_recorded_before_its_first_row() {
    let fixture = loaded(&[]);
    let exports = &fixture.use_cases.export_registrations;
    let stream = exports.start(&fixture.caller(), UserFilter::default()).await.unwrap();
    let started = fixture.events.take();
    assert_eq!(started.len(), 1);
    drop(stream);
}

#[tokio::test]
async fn one_export_of_a_pool_runs() {
    let fixture = loaded(&[]);
    let exports = &fixture.use_cases.export_registrations;
    let first = exports.start(&fixture.caller(), UserFilter::default()).await.unwrap();
    for _ in 0..2 {
        let more = exports.start(&fixture.caller(), UserFilter::default()).await.err();
        assert!(matches!(more, Some(ExportError::Busy)));
    }
    drop(first);
    assert!(exports.start(&fixture.caller(), UserFilter::default()).await.is_ok());
}

#[tokio::test]
async fn remote_registrations_are_refused() {
    let fixture = loaded(&[]);
    let mut caller = fixture.caller();
    let remote = &[("Subscribe.Url", "https://users.example"), ("Subscribe.TokenEnv", "T")];
    caller.tenant = tenant("north/daily/herald", 1, remote).into();
    let refused = fixture
        .use_cases
        .export_registrations
        .start(&caller, UserFilter::default())
        .await
        .err();
    assert!(matches!(refused, Some(ExportError::RemoteStore)));
    assert!(fixture.events.take().is_empty());
}
