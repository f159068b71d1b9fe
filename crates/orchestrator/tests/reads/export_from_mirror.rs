//! The export with a current mirror: the same answers without calls to the provider, except for keys in doubt.

use masthead_domain::{
    account::Account,
    event::{EventKind, EventOutcome},
    user_key::UserKey,
};
use masthead_orchestrator::{ExportRequest, ExportedUser};
use masthead_ports::{bulk::LookupKey, mirror::UserMirror as _, source::SourceErrorKind};
use masthead_testkit::{
    accounts::{account, readers},
    providers::ProviderMode,
    store::StoreMode,
};
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture, email, id};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
/// A sync within the default maximum age of the mirror, and one beyond it.
const YOUNG: OffsetDateTime = datetime!(2026-03-04 11:01 UTC);
const OLD: OffsetDateTime = datetime!(2026-03-04 11:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;

/// A fixture with these accounts and without a sync run.
fn fixture_with(provider: &[Account], store: &[Account]) -> ReadFixture {
    let fixture = ReadFixture::at(NOW, FEDERATED);
    fixture.put_at_provider(provider.iter().cloned());
    fixture.put_in_store(store.iter().cloned());
    fixture
}

impl ReadFixture {
    /// The results, and the number of calls to the provider and to the store.
    async fn export_counting_calls(&self, keys: &[LookupKey]) -> (Vec<ExportedUser>, u64, u64) {
        let before = (self.provider.calls(), self.store.calls());
        let request = ExportRequest {
            keys: keys.iter().cloned().map(Some).collect(),
        };
        let answer = self
            .use_cases
            .export_users
            .export(&self.caller(), &request)
            .await
            .unwrap();
        let calls = (self.provider.calls() - before.0, self.store.calls() - before.1);
        (answer.outcomes, calls.0, calls.1)
    }
}

fn registration(number: i64, crid: &str, address: &str) -> Account {
    Account {
        registration_id: Some(number),
        ..account(crid, address, "Store", "")
    }
}

fn provider_account(crid: &str, address: &str) -> Account {
    account(crid, address, "Provider", "Lee")
}

/// The accounts of these readers at the provider.
fn shown(readers: &[Account]) -> Vec<Account> {
    let shown = readers.iter().map(|reader| Account {
        registration_id: None,
        first_name: "Provider".into(),
        ..reader.clone()
    });
    shown.collect()
}

#[tokio::test]
async fn export_from_mirror_makes_one_query() {
    for count in [20_u32, 1_000] {
        let people = readers(count);
        let fixture = fixture_with(&shown(&people), &people);
        fixture.sync(&shown(&people), YOUNG, false).await;
        let keys = people.iter().zip(0..).map(|(reader, n)| match n % 4 {
            0 => LookupKey::User(UserKey::Id(reader.crid.clone())),
            1 => LookupKey::User(UserKey::Email(reader.email.as_ref().unwrap().key().clone())),
            2 => LookupKey::Registration(reader.registration_id.unwrap()),
            _ => id(&format!("unknown-{n}")),
        });
        let keys: Vec<LookupKey> = keys.collect();
        let (outcomes, provider_calls, store_calls) = fixture.export_counting_calls(&keys).await;
        assert_eq!((provider_calls, store_calls), (0, 1), "{count}");
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                ExportedUser::User(user) => assert_eq!((&*user.first_name, n % 4 < 3), ("Provider", true), "{n}"),
                ExportedUser::Absent => assert_eq!(n % 4, 3, "{n}"),
                ExportedUser::Unresolved => unreachable!("{n}"),
            }
        }
        let events = fixture.events.take();
        let report: Vec<_> = events
            .iter()
            .map(|event| (event.kind, event.outcome, event.users))
            .collect();
        let all = count / 4 * 3;
        assert_eq!(
            report,
            [(EventKind::SubscribeUserExport, EventOutcome::Found, all)],
            "the provider is not called"
        );
        fixture.use_cases.close().await;
        assert_eq!(fixture.registrations.take(), [], "only live answers are written back");
    }
}

/// Users of one source, of both by id or by address, with a shared address, with crossing ids and addresses.
#[tokio::test]
async fn mirror_export_equals_live_export() {
    let at_provider = [
        provider_account("a|1", "ann@example.com"),
        provider_account("a|2", "bob@example.com"),
        provider_account("a|3", "cy@example.com"),
        provider_account("a|4", "dee@example.com"),
        provider_account("a|5", "dee@example.com"),
        provider_account("a|6", "eve@example.com"),
        provider_account("a|7", "fay@example.com"),
    ];
    let in_store = [
        registration(1, "a|1", "ann@example.com"),
        registration(2, "2", "bob@example.com"),
        registration(3, "a|3", "cyril@example.com"),
        registration(4, "4", "dee@example.com"),
        registration(6, "6", "eve@example.com"),
        registration(7, "66", "eve@example.com"),
        registration(8, "8", "gil@example.com"),
        registration(9, "a|9", "fay@example.com"),
    ];
    let accounts = at_provider.iter().chain(&in_store);
    let ids = accounts
        .clone()
        .map(|account| LookupKey::User(UserKey::Id(account.crid.clone())));
    let addresses =
        accounts.map(|account| LookupKey::User(UserKey::Email(account.email.as_ref().unwrap().key().clone())));
    let numbers = (1..12).map(LookupKey::Registration);
    let unknown = [id("unknown"), email("unknown@example.com")];
    let keys: Vec<LookupKey> = ids.chain(addresses).chain(numbers).chain(unknown).collect();

    let (live, calls, _) = fixture_with(&at_provider, &in_store).export_counting_calls(&keys).await;
    assert!(calls > 0);
    let fixture = fixture_with(&at_provider, &in_store);
    fixture.sync(&at_provider, YOUNG, false).await;
    let (known, calls, _) = fixture.export_counting_calls(&keys).await;
    assert_eq!(calls, 0);
    for ((key, live), known) in keys.iter().zip(live).zip(known) {
        assert_eq!(known, live, "{key:?}");
    }
}

#[tokio::test]
async fn current_mirror_replaces_unavailable_provider() {
    let people = readers(3);
    let fixture = fixture_with(&[], &people[1..]);
    fixture.sync(&shown(&people[..2]), YOUNG, false).await;
    fixture.provider.set_mode(ProviderMode::Failing(DOWN));
    let keys = [id("r-00000"), id("r-00001"), id("r-00002"), id("r-00003")];
    let (outcomes, calls, _) = fixture.export_counting_calls(&keys).await;
    assert_eq!(calls, 0);
    assert!(matches!(
        outcomes[..3],
        [ExportedUser::User(_), ExportedUser::User(_), ExportedUser::User(_)]
    ));
    assert_eq!(outcomes[3], ExportedUser::Absent);
}

#[tokio::test]
async fn export_uses_old_mirror_only_as_memory() {
    for (as_of, first) in [(Some(OLD), true), (None, false)] {
        let people = readers(2);
        let fixture = fixture_with(&[], &people[1..]);
        if let Some(as_of) = as_of {
            fixture.sync(&shown(&people[..1]), as_of, false).await;
        }
        fixture.provider.set_mode(ProviderMode::Failing(DOWN));
        let (outcomes, calls, _) = fixture
            .export_counting_calls(&[id("r-00000"), id("r-00001"), id("r-00002")])
            .await;
        assert!(calls >= 3, "each is looked up at the provider");
        assert_eq!(matches!(outcomes[0], ExportedUser::User(_)), first, "{as_of:?}");
        assert!(matches!(outcomes[1], ExportedUser::User(_)), "the store's");
        assert_eq!(outcomes[2], ExportedUser::Unresolved, "the absence is not confirmed");
    }
}

#[tokio::test]
async fn only_users_in_doubt_are_looked_up() {
    let people = readers(3);
    let fixture = fixture_with(&shown(&people[1..]), &[]);
    fixture.sync(&shown(&people), YOUNG, false).await;
    let cx = fixture.sync_context();
    fixture.mirror.record_absence(&cx, &people[0].crid, NOW).await.unwrap();
    let (outcomes, calls, _) = fixture
        .export_counting_calls(&[id("r-00000"), id("r-00001"), id("r-00002")])
        .await;
    assert_eq!((&outcomes[0], calls), (&ExportedUser::Absent, 1));
    fixture.provider.set_mode(ProviderMode::Failing(DOWN));
    let (outcomes, ..) = fixture.export_counting_calls(&[id("r-00000")]).await;
    assert!(matches!(outcomes[0], ExportedUser::User(_)), "the last known account");
}

/// A user without a profile may exist, and so may another user with the same address.
#[tokio::test]
async fn mirror_with_gaps_answers_known_ids_only() {
    let fixture = fixture_with(
        &[
            provider_account("a|1", "ann@example.com"),
            provider_account("a|2", "bob@example.com"),
        ],
        &[
            registration(1, "a|1", "ann@example.com"),
            registration(2, "2", "bob@example.com"),
            registration(3, "3", "cy@example.com"),
        ],
    );
    let known = [
        provider_account("a|1", "ann@example.com"),
        provider_account("a|2", "bob@example.com"),
        provider_account("a|4", "dee@example.com"),
    ];
    fixture.sync(&known, YOUNG, true).await;
    for key in [id("a|1"), id("a|4"), LookupKey::Registration(1)] {
        let (outcomes, calls, _) = fixture.export_counting_calls(std::slice::from_ref(&key)).await;
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
        id("unknown"),
        LookupKey::Registration(2),
        LookupKey::Registration(3),
        email("ann@example.com"),
        email("cy@example.com"),
        email("unknown@example.com"),
    ] {
        assert!(
            fixture.export_counting_calls(std::slice::from_ref(&key)).await.1 > 0,
            "{key:?}"
        );
    }
    let (outcomes, calls, _) = fixture.export_counting_calls(&[LookupKey::Registration(9)]).await;
    assert_eq!(
        (&outcomes[0], calls),
        (&ExportedUser::Absent, 0),
        "only the store knows the numbers"
    );
}

#[tokio::test]
async fn unavailable_store_has_no_mirror() {
    let people = readers(1);
    let fixture = fixture_with(&[], &people);
    fixture.sync(&shown(&people), YOUNG, false).await;
    fixture.store.set_mode(StoreMode::Failing(DOWN));
    let (outcomes, calls, _) = fixture.export_counting_calls(&[id("r-00000"), id("unknown")]).await;
    assert_eq!((outcomes, calls > 0), (vec![ExportedUser::Unresolved; 2], true));
}
