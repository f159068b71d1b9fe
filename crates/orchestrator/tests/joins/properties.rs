//! Random worlds of a few ids and addresses that cross each other, with moves between the reads.

use std::collections::BTreeMap;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, join::AccountPair,
};
use masthead_testkit::accounts::with_metadata;
use proptest::{collection::vec, option, prelude::*};

use crate::{
    doors::{ADDRESSES, Door, filters},
    model,
    world::{Sides, Synchronised, crid},
};

const IDS: usize = 4;

/// What an account says, beside its id.
#[derive(Debug, Clone)]
struct Content {
    address: Option<usize>,
    first_name: &'static str,
    last_name: &'static str,
    club: &'static str,
}

/// A change that somebody else makes between two reads, or between a read and its write.
#[derive(Debug, Clone)]
struct Move {
    at_provider: bool,
    id: usize,
    /// `None` removes the account.
    content: Option<Content>,
}

fn content() -> impl Strategy<Value = Content> {
    let first_name = prop_oneof![Just(""), Just("Ann"), Just("Bob")];
    let last_name = prop_oneof![Just(""), Just("Lee"), Just("Ray")];
    let club = prop_oneof![Just(""), Just("gold")];
    let address = option::weighted(0.9, 0..ADDRESSES.len());
    (address, first_name, last_name, club).prop_map(|(address, first_name, last_name, club)| Content {
        address,
        first_name,
        last_name,
        club,
    })
}

fn side() -> impl Strategy<Value = Vec<Option<Content>>> {
    vec(option::weighted(0.7, content()), IDS)
}

fn change() -> impl Strategy<Value = Move> {
    let content = option::weighted(0.8, content());
    (any::<bool>(), 0..IDS, content).prop_map(|(at_provider, id, content)| Move {
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

fn door() -> impl Strategy<Value = Door> {
    let synchronised = || prop_oneof![Just(Synchronised::Never), Just(Synchronised::Whole)];
    let exported = || prop_oneof![synchronised(), (0..IDS).prop_map(Synchronised::Without)];
    prop_oneof![
        1 => (0..IDS).prop_map(Door::ById),
        1 => (0..IDS).prop_map(Door::ByIdFilter),
        1 => (0..ADDRESSES.len()).prop_map(Door::ByEmail),
        4 => (0..filters().len(), synchronised()).prop_map(|(at, with)| Door::List(at, with)),
        1 => (0..IDS, exported()).prop_map(|(id, with)| Door::ExportId(id, with)),
        1 => (0..ADDRESSES.len(), exported()).prop_map(|(at, with)| Door::ExportEmail(at, with)),
        1 => (1..6_i64, exported()).prop_map(|(number, with)| Door::ExportNumber(number, with)),
        1 => (0..IDS).prop_map(Door::ProviderById),
        1 => (0..filters().len()).prop_map(Door::ProviderList),
    ]
}

fn account(id: usize, content: &Content) -> Account {
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

impl Sides {
    fn with(settings: &[(&str, &str)], theirs: &[Option<Content>], ours: &[Option<Content>]) -> Self {
        let sides = Self::new(settings);
        for (at_provider, contents) in [(true, theirs), (false, ours)] {
            for (id, content) in contents.iter().enumerate() {
                let content = content.clone();
                sides.make(&Move {
                    at_provider,
                    id,
                    content,
                });
            }
        }
        sides
    }

    fn make(&self, change: &Move) {
        let (pool, id) = (self.tenant.pool, crid(change.id));
        if change.at_provider {
            self.provider.remove(pool, &id);
            self.provider
                .put(pool, change.content.iter().map(|content| account(change.id, content)));
            return;
        }
        let kept = self.ours();
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

    /// Whose each registration is: by its number the id of the provider's account, and what only a newspaper keeps.
    fn owners(&self) -> BTreeMap<i64, (Option<CustomerRegistrationId>, Account)> {
        let users = model::users(&self.theirs(), &self.ours());
        let owner = |AccountPair {
                         provider: theirs,
                         store: ours,
                     }: AccountPair| {
            let ours = ours?;
            Some((ours.registration_id?, (theirs.map(|theirs| theirs.crid), ours)))
        };
        users.into_iter().filter_map(owner).collect()
    }
}

/// Asks, lets a move come between the answer and its write, and holds both against the model.
async fn step(sides: &Sides, door: Door, between: Option<&Move>) {
    let expected = door.expected(sides);
    let reads = sides.reads(door.synchronised()).await;
    assert_eq!(door.ask(&reads).await, expected, "{door:?}");
    // The write-back guards the store's side; the provider's own moves are met by the next read.
    if let Some(between) = between.filter(|between| !between.at_provider) {
        sides.make(between);
    }
    let (before, kept) = (sides.owners(), sides.ours());
    reads.users.close().await;
    let after = sides.owners();
    for (number, (owner, registration)) in &before {
        let (now, changed) = &after[number];
        assert_eq!(
            changed.metadata.get("club"),
            registration.metadata.get("club"),
            "{door:?}"
        );
        // A stale address that is brought up to date may leave another registration the only one of it.
        let was_shared = registration
            .email
            .as_ref()
            .is_some_and(|email| model::holders(&kept, email.key()).len() > 1);
        if !(owner.is_none() && was_shared) {
            assert_eq!(now, owner, "{door:?}: registration {number} is another user's");
        }
    }
    let made: Vec<_> = after
        .iter()
        .filter(|(number, _)| !before.contains_key(number))
        .collect();
    assert!(made.len() <= usize::from(door.may_write()), "{door:?}: {made:?}");
    for (_, (owner, registration)) in made {
        assert_eq!(owner.as_ref(), Some(&registration.crid), "{door:?}");
        assert!(
            before.values().all(|(had, _)| had != owner),
            "{door:?}: a second registration"
        );
    }
    if !door.may_write() {
        assert_eq!(sides.ours(), kept, "{door:?} writes");
    }
}

/// Reads by every whole key, in this order, until nothing is written any more; what the store has then.
async fn settled(sides: &Sides, order: &[Door]) -> Vec<Account> {
    for _ in 0..10 {
        let before = sides.ours();
        for door in order {
            let reads = sides.reads(Synchronised::Never).await;
            door.ask(&reads).await;
            reads.users.close().await;
        }
        if sides.ours() == before {
            break;
        }
    }
    let numbered = |account: Account| Account {
        registration_id: None,
        registered_at: None,
        changed_at: None,
        ..account
    };
    let mut ours: Vec<Account> = sides.ours().into_iter().map(numbered).collect();
    ours.sort_by(|a, b| a.crid.cmp(&b.crid));
    ours
}

/// Time that is waited for passes at once.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(test);
}

proptest! {
    #[test]
    fn every_door_answers_the_models_users_and_keeps_whose_registration_it_is(
        settings in settings(),
        theirs in side(),
        ours in side(),
        steps in vec((option::weighted(0.3, change()), door(), option::weighted(0.2, change())), 1..12),
    ) {
        run(async {
            let sides = Sides::with(&settings, &theirs, &ours);
            for (before, door, between) in &steps {
                if let Some(before) = before {
                    sides.make(before);
                }
                step(&sides, *door, between.as_ref()).await;
            }
        });
    }

    #[test]
    fn what_is_written_does_not_depend_on_who_was_read_first(
        settings in settings(),
        theirs in side(),
        ours in side(),
        order in Just((0..IDS).map(Door::ById).chain((0..ADDRESSES.len()).map(Door::ByEmail)).collect::<Vec<_>>())
            .prop_shuffle(),
    ) {
        run(async {
            let mut straight = order.clone();
            straight.sort_by_key(|door| format!("{door:?}"));
            let one = settled(&Sides::with(&settings, &theirs, &ours), &straight).await;
            let other = settled(&Sides::with(&settings, &theirs, &ours), &order).await;
            assert_eq!(one, other);
        });
    }
}
