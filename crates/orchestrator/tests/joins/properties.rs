//! Random accounts with few, crossing ids and addresses, and edits between the reads.

use std::collections::BTreeMap;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, join::AccountPair,
};
use masthead_testkit::accounts::with_metadata;
use proptest::{collection::vec, option, prelude::*};

use crate::{
    fixture::{JoinFixture, MirrorContent, crid},
    model,
    read_paths::{ADDRESSES, ReadPath, filters},
};

const IDS: usize = 4;

/// An account without its id.
#[derive(Debug, Clone)]
struct AccountContent {
    address: Option<usize>,
    first_name: &'static str,
    last_name: &'static str,
    club: &'static str,
}

/// A concurrent edit between two reads, or between a read and its write-back.
#[derive(Debug, Clone)]
struct AccountEdit {
    at_provider: bool,
    id: usize,
    /// `None` removes the account.
    content: Option<AccountContent>,
}

fn content() -> impl Strategy<Value = AccountContent> {
    let first_name = prop_oneof![Just(""), Just("Ann"), Just("Bob")];
    let last_name = prop_oneof![Just(""), Just("Lee"), Just("Ray")];
    let club = prop_oneof![Just(""), Just("gold")];
    let address = option::weighted(0.9, 0..ADDRESSES.len());
    (address, first_name, last_name, club).prop_map(|(address, first_name, last_name, club)| AccountContent {
        address,
        first_name,
        last_name,
        club,
    })
}

fn side() -> impl Strategy<Value = Vec<Option<AccountContent>>> {
    vec(option::weighted(0.7, content()), IDS)
}

fn change() -> impl Strategy<Value = AccountEdit> {
    let content = option::weighted(0.8, content());
    (any::<bool>(), 0..IDS, content).prop_map(|(at_provider, id, content)| AccountEdit {
        at_provider,
        id,
        content,
    })
}

fn settings() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    prop_oneof![
        Just(Vec::new()),
        Just(vec![("Merge.email", "store")]),
        Just(vec![("Merge.firstName", "store"), ("Merge.lastName", "store")]),
    ]
}

fn path() -> impl Strategy<Value = ReadPath> {
    let mirror_content = || prop_oneof![Just(MirrorContent::Never), Just(MirrorContent::Whole)];
    let exported = || prop_oneof![mirror_content(), (0..IDS).prop_map(MirrorContent::Without)];
    prop_oneof![
        1 => (0..IDS).prop_map(ReadPath::ById),
        1 => (0..IDS).prop_map(ReadPath::ByIdFilter),
        1 => (0..ADDRESSES.len()).prop_map(ReadPath::ByEmail),
        4 => (0..filters().len(), mirror_content()).prop_map(|(at, with)| ReadPath::List(at, with)),
        1 => (0..IDS, exported()).prop_map(|(id, with)| ReadPath::ExportId(id, with)),
        1 => (0..ADDRESSES.len(), exported()).prop_map(|(at, with)| ReadPath::ExportEmail(at, with)),
        1 => (1..6_i64, exported()).prop_map(|(number, with)| ReadPath::ExportNumber(number, with)),
        1 => (0..IDS).prop_map(ReadPath::ProviderById),
        1 => (0..filters().len()).prop_map(ReadPath::ProviderList),
    ]
}

fn account(id: usize, content: &AccountContent) -> Account {
    let account = Account {
        email: content.address.map(|at| Email::parse(ADDRESSES[at]).unwrap()),
        first_name: content.first_name.into(),
        last_name: content.last_name.into(),
        verified: Some(true),
        ..Account::new(crid(id))
    };
    match content.club {
        "" => account,
        club => with_metadata(account, &[("club", club)]),
    }
}

impl JoinFixture {
    fn with(settings: &[(&str, &str)], provider: &[Option<AccountContent>], store: &[Option<AccountContent>]) -> Self {
        let fixture = Self::new(settings);
        for (at_provider, contents) in [(true, provider), (false, store)] {
            for (id, content) in contents.iter().enumerate() {
                let content = content.clone();
                fixture.make(&AccountEdit {
                    at_provider,
                    id,
                    content,
                });
            }
        }
        fixture
    }

    fn make(&self, change: &AccountEdit) {
        let (pool, id) = (self.tenant.pool, crid(change.id));
        if change.at_provider {
            self.provider.remove(pool, &id);
            self.provider
                .put(pool, change.content.iter().map(|content| account(change.id, content)));
            return;
        }
        let kept = self.registrations();
        let number = kept
            .iter()
            .find(|known| known.crid == id)
            .and_then(|known| known.registration_id);
        let next = kept.iter().filter_map(|known| known.registration_id).max().unwrap_or(0) + 1;
        self.store.remove(pool, &id);
        let made = change.content.iter().map(|content| Account {
            registration_id: number.or(Some(next)),
            ..account(change.id, content)
        });
        self.store.put(pool, made);
    }

    /// The owner of each registration, by its number: the id of the provider's account, and the registration.
    fn owners(&self) -> BTreeMap<i64, (Option<CustomerRegistrationId>, Account)> {
        let users = model::users(&self.provider_accounts(), &self.registrations());
        let owner = |AccountPair { provider, store }: AccountPair| {
            let store = store?;
            Some((store.registration_id?, (provider.map(|provider| provider.crid), store)))
        };
        users.into_iter().filter_map(owner).collect()
    }
}

/// Reads, applies an edit between the answer and its write-back, and checks both with the model.
async fn check_read(fixture: &JoinFixture, path: ReadPath, between: Option<&AccountEdit>) {
    let expected = path.expected(fixture);
    let reads = fixture.reads(path.mirror_content()).await;
    assert_eq!(path.read(&reads).await, expected, "{path:?}");
    // The write-back checks the store only; edits at the provider are found by the next read.
    if let Some(between) = between.filter(|between| !between.at_provider) {
        fixture.make(between);
    }
    let (before, kept) = (fixture.owners(), fixture.registrations());
    reads.use_cases.close().await;
    let after = fixture.owners();
    for (number, (owner, registration)) in &before {
        let (now, changed) = &after[number];
        assert_eq!(
            changed.metadata.get("club"),
            registration.metadata.get("club"),
            "{path:?}"
        );
        // The update of a stale address may leave another registration as the only one with it.
        let was_shared = registration
            .email
            .as_ref()
            .is_some_and(|email| model::holders(&kept, email.key()).len() > 1);
        if !(owner.is_none() && was_shared) {
            assert_eq!(now, owner, "{path:?}: registration {number} changes its user");
        }
    }
    let made: Vec<_> = after
        .iter()
        .filter(|(number, _)| !before.contains_key(number))
        .collect();
    assert!(made.len() <= usize::from(path.may_write()), "{path:?}: {made:?}");
    for (_, (owner, registration)) in made {
        assert_eq!(owner.as_ref(), Some(&registration.crid), "{path:?}");
        assert!(
            before.values().all(|(had, _)| had != owner),
            "{path:?}: a second registration"
        );
    }
    if !path.may_write() {
        assert_eq!(fixture.registrations(), kept, "{path:?} writes");
    }
}

/// JoinReads by every whole key, in this order, until nothing is written any more; what the store has then.
async fn read_until_stable(fixture: &JoinFixture, order: &[ReadPath]) -> Vec<Account> {
    for _ in 0..10 {
        let before = fixture.registrations();
        for path in order {
            let reads = fixture.reads(MirrorContent::Never).await;
            path.read(&reads).await;
            reads.use_cases.close().await;
        }
        if fixture.registrations() == before {
            break;
        }
    }
    let numbered = |account: Account| Account {
        registration_id: None,
        registered_at: None,
        changed_at: None,
        ..account
    };
    let mut store: Vec<Account> = fixture.registrations().into_iter().map(numbered).collect();
    store.sort_by(|a, b| a.crid.cmp(&b.crid));
    store
}

/// Runs a test with paused time.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(test);
}

proptest! {
    #[test]
    fn every_read_equals_the_model(
        settings in settings(),
        provider in side(),
        store in side(),
        steps in vec((option::weighted(0.3, change()), path(), option::weighted(0.2, change())), 1..12),
    ) {
        run(async {
            let fixture = JoinFixture::with(&settings, &provider, &store);
            for (before, path, between) in &steps {
                if let Some(before) = before {
                    fixture.make(before);
                }
                check_read(&fixture, *path, between.as_ref()).await;
            }
        });
    }

    #[test]
    fn write_back_is_independent_of_read_order(
        settings in settings(),
        provider in side(),
        store in side(),
        order in Just((0..IDS).map(ReadPath::ById).chain((0..ADDRESSES.len()).map(ReadPath::ByEmail)).collect::<Vec<_>>())
            .prop_shuffle(),
    ) {
        run(async {
            let mut straight = order.clone();
            straight.sort_by_key(|path| format!("{path:?}"));
            let one = read_until_stable(&JoinFixture::with(&settings, &provider, &store), &straight).await;
            let other = read_until_stable(&JoinFixture::with(&settings, &provider, &store), &order).await;
            assert_eq!(one, other);
        });
    }
}
