//! The export of a tenant whose directory is young: no call to the provider, the answers that asking it would have given,
//! and the provider for what the directory cannot tell.

#![expect(clippy::unwrap_used, reason = "a test may stop where its stage is wrong")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    event::{EventKind, EventOutcome},
};
use masthead_orchestrator::{Caller, Dependencies, Export, ExportRequest, ExportedUser, Users};
use masthead_ports::{
    bulk::LookupKey,
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    scan::ScanPage,
    source::{Priority, SourceErrorKind},
};
use masthead_testkit::{
    accounts::{account, readers},
    clock::StoppedClock,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
/// Within the hour that lists of a directory count as current by default, and beyond it.
const YOUNG: OffsetDateTime = datetime!(2026-03-04 11:01 UTC);
const OLD: OffsetDateTime = datetime!(2026-03-04 11:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;

struct Stage {
    users: Users,
    export: Export,
    store: Arc<FakeStore>,
    provider: Arc<FakeProvider>,
    directory: Arc<FakeMirror>,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    caller: Caller,
}

impl Stage {
    /// Both sides have these accounts; no run has ever begun.
    fn new(theirs: &[Account], ours: &[Account]) -> Self {
        let store = Arc::new(FakeStore::default());
        let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(NOW)));
        let directory = Arc::new(FakeMirror::over(Arc::clone(&store)));
        let (events, registrations) = <(Arc<RecordingEvents>, Arc<RecordingRegistrationWriter>)>::default();
        let world = Dependencies {
            store: Arc::clone(&store) as _,
            registrations: Arc::clone(&registrations) as _,
            providers: Arc::new(FakeProviders(Some(Arc::clone(&provider)))),
            directory: Arc::clone(&directory) as _,
            events: Arc::clone(&events) as _,
            clock: Arc::new(StoppedClock::at(NOW)),
        };
        let users = Users::new(world, 1_000);
        let tenant = Arc::new(tenant("north/daily/herald", 1, &[("Flow.UserProvider", "Auth0")]));
        store.put(tenant.pool, ours.iter().cloned());
        provider.put(tenant.pool, theirs.iter().cloned());
        Self {
            export: Export::new(users.clone(), Arc::clone(&directory) as _),
            users,
            store,
            provider,
            directory,
            events,
            registrations,
            caller: Caller {
                tenant,
                source_system: "herald".into(),
                request_id: "r-1".into(),
                deadline: Instant::now() + Duration::from_mins(5),
            },
        }
    }

    /// A whole run that began at this moment and showed these accounts.
    async fn synchronised(&self, theirs: &[Account], at: OffsetDateTime, gaps: bool) {
        let cx = self.caller.context(Priority::Sync);
        let beginning = StartRun {
            holder: "test",
            at,
            lease: Duration::from_mins(1),
            full_every: Duration::ZERO,
        };
        let StartOutcome::Run(run) = self.directory.start_run(&cx, beginning).await.unwrap() else {
            unreachable!("nobody else is at it")
        };
        let step = ScanPage {
            accounts: theirs.to_vec(),
            next: None,
            expected: None,
            truncated: false,
            gaps,
            left_out: Vec::new(),
        };
        self.directory.record_page(&cx, &run, &step, at).await.unwrap();
        self.directory
            .finish_run(&cx, &run, at, RemovalBrake::On)
            .await
            .unwrap();
    }

    /// The outcomes, and how many calls were made to the provider and to the store.
    async fn ask(&self, keys: &[LookupKey]) -> (Vec<ExportedUser>, u64, u64) {
        let before = (self.provider.calls(), self.store.calls());
        let request = ExportRequest {
            keys: keys.iter().cloned().map(Some).collect(),
            network: None,
        };
        let answer = self.export.export(&self.caller, &request).await;
        let calls = (self.provider.calls() - before.0, self.store.calls() - before.1);
        (answer.outcomes, calls.0, calls.1)
    }
}

fn id(text: &str) -> LookupKey {
    LookupKey::Id(CustomerRegistrationId::parse(text).unwrap())
}

fn email(text: &str) -> LookupKey {
    LookupKey::Email(EmailKey::from_text(text))
}

fn ours(number: i64, crid: &str, address: &str) -> Account {
    Account {
        registration_id: Some(number),
        ..account(crid, address, "Our", "")
    }
}

fn theirs(crid: &str, address: &str) -> Account {
    account(crid, address, "Their", "Lee")
}

/// As a provider has them.
fn shown(readers: &[Account]) -> Vec<Account> {
    let shown = readers.iter().map(|reader| Account {
        registration_id: None,
        first_name: "Their".into(),
        ..reader.clone()
    });
    shown.collect()
}

#[tokio::test]
async fn the_store_is_asked_once_and_the_provider_never_for_twenty_and_for_a_thousand() {
    for count in [20_u32, 1_000] {
        let people = readers(count);
        let stage = Stage::new(&shown(&people), &people);
        stage.synchronised(&shown(&people), YOUNG, false).await;
        let keys = people.iter().zip(0..).map(|(reader, n)| match n % 4 {
            0 => LookupKey::Id(reader.crid.clone()),
            1 => LookupKey::Email(reader.email.as_ref().unwrap().key().clone()),
            2 => LookupKey::Registration(reader.registration_id.unwrap()),
            _ => id(&format!("nobody-{n}")),
        });
        let keys: Vec<LookupKey> = keys.collect();
        let (outcomes, of_provider, of_store) = stage.ask(&keys).await;
        assert_eq!((of_provider, of_store), (0, 1), "{count}");
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                ExportedUser::User(user) => assert_eq!((&*user.first_name, n % 4 < 3), ("Their", true), "{n}"),
                ExportedUser::Absent => assert_eq!(n % 4, 3, "{n}"),
                ExportedUser::Unresolved => unreachable!("{n}"),
            }
        }
        let events = stage.events.take();
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.kind, event.outcome, event.users))
            .collect();
        let all = count / 4 * 3;
        assert_eq!(
            told,
            [(EventKind::SubscribeUserExport, EventOutcome::Found, all)],
            "nobody was called"
        );
        stage.users.close().await;
        assert_eq!(stage.registrations.take(), [], "only a live answer writes");
    }
}

/// Users of one side, of both by id or by address, of a shared address, with ids and addresses that cross each other.
#[tokio::test]
async fn the_answers_are_those_of_asking_the_provider() {
    let at_theirs = [
        theirs("a|1", "ann@example.com"),
        theirs("a|2", "bob@example.com"),
        theirs("a|3", "cy@example.com"),
        theirs("a|4", "dee@example.com"),
        theirs("a|5", "dee@example.com"),
        theirs("a|6", "eve@example.com"),
        theirs("a|7", "fay@example.com"),
    ];
    let at_ours = [
        ours(1, "a|1", "ann@example.com"),
        ours(2, "2", "bob@example.com"),
        ours(3, "a|3", "cyril@example.com"),
        ours(4, "4", "dee@example.com"),
        ours(6, "6", "eve@example.com"),
        ours(7, "66", "eve@example.com"),
        ours(8, "8", "gil@example.com"),
        ours(9, "a|9", "fay@example.com"),
    ];
    let accounts = at_theirs.iter().chain(&at_ours);
    let ids = accounts.clone().map(|account| LookupKey::Id(account.crid.clone()));
    let addresses = accounts.map(|account| LookupKey::Email(account.email.as_ref().unwrap().key().clone()));
    let numbers = (1..12).map(LookupKey::Registration);
    let nobody = [id("nobody"), email("nobody@example.com")];
    let keys: Vec<LookupKey> = ids.chain(addresses).chain(numbers).chain(nobody).collect();

    let (live, calls, _) = Stage::new(&at_theirs, &at_ours).ask(&keys).await;
    assert!(calls > 0);
    let stage = Stage::new(&at_theirs, &at_ours);
    stage.synchronised(&at_theirs, YOUNG, false).await;
    let (known, calls, _) = stage.ask(&keys).await;
    assert_eq!(calls, 0);
    for ((key, live), known) in keys.iter().zip(live).zip(known) {
        assert_eq!(known, live, "{key:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_nobody_untold_whom_a_young_directory_knows() {
    let people = readers(3);
    let stage = Stage::new(&[], &people[1..]);
    stage.synchronised(&shown(&people[..2]), YOUNG, false).await;
    stage.provider.set_mode(ProviderMode::Failing(DOWN));
    let keys = [id("r-00000"), id("r-00001"), id("r-00002"), id("r-00003")];
    let (outcomes, calls, _) = stage.ask(&keys).await;
    assert_eq!(calls, 0);
    assert!(matches!(
        outcomes[..3],
        [ExportedUser::User(_), ExportedUser::User(_), ExportedUser::User(_)]
    ));
    assert_eq!(outcomes[3], ExportedUser::Absent);
}

#[tokio::test]
async fn an_old_directory_is_no_more_than_a_memory_and_one_that_never_was_tells_nothing() {
    for (as_of, first) in [(Some(OLD), true), (None, false)] {
        let people = readers(2);
        let stage = Stage::new(&[], &people[1..]);
        if let Some(as_of) = as_of {
            stage.synchronised(&shown(&people[..1]), as_of, false).await;
        }
        stage.provider.set_mode(ProviderMode::Failing(DOWN));
        let (outcomes, calls, _) = stage.ask(&[id("r-00000"), id("r-00001"), id("r-00002")]).await;
        assert!(calls >= 3, "each is asked of the provider");
        assert_eq!(matches!(outcomes[0], ExportedUser::User(_)), first, "{as_of:?}");
        assert!(matches!(outcomes[1], ExportedUser::User(_)), "the store's");
        assert_eq!(
            outcomes[2],
            ExportedUser::Unresolved,
            "nobody has confirmed that there is none"
        );
    }
}

#[tokio::test]
async fn who_is_in_doubt_is_asked_of_the_provider_and_nobody_else_is() {
    let people = readers(3);
    let stage = Stage::new(&shown(&people[1..]), &[]);
    stage.synchronised(&shown(&people), YOUNG, false).await;
    let cx = stage.caller.context(Priority::Sync);
    stage.directory.record_absence(&cx, &people[0].crid, NOW).await.unwrap();
    let (outcomes, calls, _) = stage.ask(&[id("r-00000"), id("r-00001"), id("r-00002")]).await;
    assert_eq!((&outcomes[0], calls), (&ExportedUser::Absent, 1));
    stage.provider.set_mode(ProviderMode::Failing(DOWN));
    let (outcomes, ..) = stage.ask(&[id("r-00000")]).await;
    assert!(matches!(outcomes[0], ExportedUser::User(_)), "the last that is known");
}

/// Whoever has no profile may have been left out, and so may another user of an address.
#[tokio::test]
async fn a_directory_with_gaps_tells_only_of_those_who_are_in_it_by_their_id() {
    let stage = Stage::new(
        &[theirs("a|1", "ann@example.com"), theirs("a|2", "bob@example.com")],
        &[
            ours(1, "a|1", "ann@example.com"),
            ours(2, "2", "bob@example.com"),
            ours(3, "3", "cy@example.com"),
        ],
    );
    let known = [
        theirs("a|1", "ann@example.com"),
        theirs("a|2", "bob@example.com"),
        theirs("a|4", "dee@example.com"),
    ];
    stage.synchronised(&known, YOUNG, true).await;
    for key in [id("a|1"), id("a|4"), LookupKey::Registration(1)] {
        let (outcomes, calls, _) = stage.ask(std::slice::from_ref(&key)).await;
        assert_eq!(
            (calls, matches!(outcomes[0], ExportedUser::User(_))),
            (0, true),
            "{key:?}"
        );
    }
    for key in [
        id("2"),
        id("a|2"),
        id("3"),
        id("nobody"),
        LookupKey::Registration(2),
        LookupKey::Registration(3),
        email("ann@example.com"),
        email("cy@example.com"),
        email("nobody@example.com"),
    ] {
        assert!(stage.ask(std::slice::from_ref(&key)).await.1 > 0, "{key:?}");
    }
    let (outcomes, calls, _) = stage.ask(&[LookupKey::Registration(9)]).await;
    assert_eq!(
        (&outcomes[0], calls),
        (&ExportedUser::Absent, 0),
        "nobody else knows our numbers"
    );
}

#[tokio::test]
async fn a_silent_store_is_no_directory() {
    let people = readers(1);
    let stage = Stage::new(&[], &people);
    stage.synchronised(&shown(&people), YOUNG, false).await;
    stage.store.set_mode(StoreMode::Failing(DOWN));
    let (outcomes, calls, _) = stage.ask(&[id("r-00000"), id("nobody")]).await;
    assert_eq!((outcomes, calls > 0), (vec![ExportedUser::Unresolved; 2], true));
}
