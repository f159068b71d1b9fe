//! Bulk lookups in the mirror.

use std::collections::BTreeSet;

use masthead_domain::{
    account::Account,
    email::Email,
    evidence::Evidence,
    join::{AccountPair, join},
    query::UserFilter,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkMirrorEntries, LookupKey},
    mirror::RemovalBrake,
    scan::ScanPage,
};
use time::OffsetDateTime;

use super::{
    super::{
        list,
        look_ups::{email, id},
    },
    MirrorFactory, MirrorSubject, NOON, minute, scan_page, start_run,
};
use crate::{
    accounts::{account, readers},
    mirror::is_named,
    source_client::FindByKey as _,
};

/// A time before every run.
const BEFORE: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

impl MirrorSubject {
    /// The entries of these keys in the mirror of a tenant, if it is younger than this time.
    ///
    /// # Panics
    /// The store does not answer.
    async fn entries(&self, tenant: usize, keys: &[LookupKey], since: OffsetDateTime) -> Option<BulkMirrorEntries> {
        let answer = self.bulk.find_many(&self.context(tenant), keys, Some(since)).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.registrations.len(), keys.len());
        if let Some(entries) = &answer.mirror {
            assert_eq!(entries.by_key.len(), keys.len());
        }
        answer.mirror
    }

    /// The users of each key: the id of the profile and of the registration, `-` for none; `?` for a key in doubt.
    async fn named(&self, keys: &[LookupKey]) -> Vec<String> {
        let entries = self.entries(0, keys, BEFORE).await.expect("a mirror");
        let found = entries.by_key.iter().map(|entries| {
            let Some(entries) = entries else {
                return "?".to_owned();
            };
            let pairs: BTreeSet<String> = entries
                .iter()
                .map(|entry| {
                    let profiles = entry.profile.as_ref().map(|profile| &profile.account);
                    format!("{} {}", id_of(profiles), id_of(entry.registration.as_ref()))
                })
                .collect();
            assert_eq!(pairs.len(), entries.len(), "each user once");
            Vec::from_iter(pairs).join(", ")
        });
        found.collect()
    }

    /// Checks every id, address and number of both sources against a naive join.
    ///
    /// # Panics
    /// They differ.
    pub async fn assert_bulk_equals_join(&self, profiles: &[Account]) {
        let pairs = join(
            Evidence::whole(profiles.to_vec()),
            Evidence::whole(self.all_registrations().await),
        )
        .into_pairs()
        .collect::<Vec<_>>();
        let accounts = || pairs.iter().flat_map(|pair| [&pair.provider, &pair.store]).flatten();
        let ids = accounts().map(|account| LookupKey::User(UserKey::Id(account.crid.clone())));
        let emails = accounts()
            .filter_map(|account| Some(LookupKey::User(UserKey::Email(account.email.as_ref()?.key().clone()))));
        let numbers = accounts().filter_map(|account| account.registration_id.map(LookupKey::Registration));
        let keys: Vec<LookupKey> = ids.chain(emails).chain(numbers).collect();
        let found = self.entries(0, &keys, BEFORE).await.expect("a mirror").by_key;
        for (key, found) in keys.iter().zip(found) {
            let mut found: Vec<AccountPair> = found
                .into_iter()
                .flatten()
                .map(|entry| AccountPair {
                    provider: entry.profile.map(|profile| profile.account),
                    store: entry.registration,
                })
                .collect();
            let named = pairs.iter().filter(|pair| is_named(pair, key, &self.tenants[0]));
            let mut wanted: Vec<AccountPair> = named.cloned().collect();
            for pairs in [&mut found, &mut wanted] {
                pairs.sort_by_key(|pair| format!("{:?}", [&pair.provider, &pair.store].map(|one| id_of(one.as_ref()))));
            }
            assert!(found == wanted, "some key names others");
        }
    }

    /// Whether the bulk answer is complete.
    pub(super) async fn is_whole(&self) -> bool {
        self.entries(0, &[], BEFORE).await.expect("a mirror").whole
    }

    /// Whether lists are complete.
    async fn lists_as_whole(&self) -> bool {
        let query = list(UserFilter::default());
        let page = self.mirror.search(&self.context(0), &query).await;
        page.expect("an answer").expect("a finished run").whole
    }

    /// The number of the registration with this id.
    async fn number(&self, crid: &str) -> LookupKey {
        let crid = masthead_domain::customer_registration_id::CustomerRegistrationId::parse(crid).expect("an id");
        let found = self.registrations.by_id(&self.context(0), &crid).await;
        let number = found.expect("an answer").and_then(|account| account.registration_id);
        LookupKey::Registration(number.expect("a number"))
    }
}

fn id_of(account: Option<&Account>) -> &str {
    account.map_or("-", |account| account.crid.as_str())
}

/// By an id of either source, by the address of the merged user, by the registration number.
pub async fn bulk_lookup_returns_joined_users(factory: &dyn MirrorFactory) {
    let subject = factory.subject(2, &[]).await;
    let numbered = |crid: &str, number, address: &str| Account {
        registration_id: Some(number),
        ..account(crid, address, "", "")
    };
    // Joined by id, with two addresses; joined by address; registration only; profile only; a shared address.
    for (crid, number, address) in [
        ("a|1", 11, "ann-of-store@example.com"),
        ("2", 12, "bob@example.com"),
        ("3", 13, "cy@example.com"),
        ("6", 16, "twins@example.com"),
    ] {
        subject.register(&numbered(crid, number, address)).await;
    }
    let profiles = [
        ("a|1", "ann@example.com"),
        ("a|2", "bob@example.com"),
        ("a|4", "dee@example.com"),
        ("a|6", "twins@example.com"),
        ("a|7", "twins@example.com"),
    ];
    let profiles = profiles.map(|(crid, address)| account(crid, address, "Ann", "Lee"));
    subject.run(&profiles, NOON, RemovalBrake::On).await;

    let cases = [
        (id("a|1"), "a|1 a|1"),
        (id("a|2"), "a|2 2"),
        (id("2"), "a|2 2"),
        (id("3"), "- 3"),
        (id("a|4"), "a|4 -"),
        (id("6"), "- 6"),
        (id("a|5"), ""),
        (email("ann@example.com"), "a|1 a|1"),
        (email("ann-of-store@example.com"), ""),
        (email("BOB@example.com"), "a|2 2"),
        (email("cy@example.com"), "- 3"),
        (email("dee@example.com"), "a|4 -"),
        (email("twins@example.com"), "- 6, a|6 -, a|7 -"),
        (email(""), ""),
        (email("a\0b"), ""),
        (subject.number("a|1").await, "a|1 a|1"),
        (subject.number("2").await, "a|2 2"),
        (subject.number("3").await, "- 3"),
        (LookupKey::Registration(i64::MAX), ""),
        (id("a|1"), "a|1 a|1"),
    ];
    let keys: Vec<LookupKey> = cases.iter().map(|(key, _)| key.clone()).collect();
    let wanted: Vec<&str> = cases.iter().map(|(_, users)| *users).collect();
    assert_eq!(subject.named(&keys).await, wanted);
    let entries = subject.entries(0, &keys, BEFORE).await.expect("a mirror");
    assert_eq!((entries.as_of, entries.whole), (NOON, true));
    let ann = entries.by_key[0].as_ref().expect("no doubt")[0].clone();
    let sides = [ann.profile.map(|profile| profile.account), ann.registration];
    let addresses = sides.map(|account| account.and_then(|account| account.email).expect("an address"));
    assert_eq!(
        addresses.each_ref().map(Email::as_str),
        ["ann@example.com", "ann-of-store@example.com"]
    );

    let alone = subject.bulk.find_many(&subject.context(0), &keys, None).await;
    let alone = alone.expect("an answer");
    assert_eq!(alone.mirror, None, "not requested");
    let beside = subject.bulk.find_many(&subject.context(0), &keys, Some(BEFORE)).await;
    assert!(beside.expect("an answer").registrations == alone.registrations);
    assert_eq!(subject.entries(1, &keys, BEFORE).await, None, "another pool has none");
}

/// Neither before the first finished run, nor from a mirror that is older than requested.
pub async fn old_or_foreign_mirror_answers_no_keys(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let keys = [id("r-00000")];
    let run = subject.begin(start_run("a", NOON)).await;
    let cx = subject.context(0);
    let taken = subject
        .mirror
        .record_page(&cx, &run, &scan_page(&readers(1), None), NOON)
        .await;
    taken.expect("taken");
    assert_eq!(subject.entries(0, &keys, BEFORE).await, None);
    let finished = subject.mirror.finish_run(&cx, &run, minute(9), RemovalBrake::On).await;
    finished.expect("finished");
    assert!(subject.entries(0, &keys, minute(-1)).await.is_some());
    assert_eq!(subject.entries(0, &keys, NOON).await, None);

    let mut other = (*subject.tenants[0]).clone();
    other.settings =
        masthead_domain::settings::TenantSettings::parse([("Flow.UserProvider", "Auth0"), ("Merge.email", "store")]).0;
    let mut cx = subject.context(0);
    cx.tenant = std::sync::Arc::new(other);
    let answer = subject.bulk.find_many(&cx, &keys, Some(BEFORE)).await;
    assert_eq!(answer.expect("an answer").mirror, None, "it is merged otherwise");
}

/// After a confirmed absence, until the provider returns the user again.
pub async fn user_missing_since_is_in_doubt(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let people = readers(2);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let keys = [id("r-00000"), email("reader0@example.org"), id("r-00001")];
    let gone = &people[0].crid;
    let found = subject
        .mirror
        .record_absence(&subject.context(0), gone, minute(1))
        .await;
    found.expect("an answer");
    assert_eq!(subject.named(&keys).await, ["?", "?", "r-00001 -"]);
    subject.feed(&people[..1], minute(2)).await;
    assert_eq!(subject.named(&keys).await, ["r-00000 -", "r-00000 -", "r-00001 -"]);
}

/// A page has gaps or is truncated, or an account cannot be stored, in the last full run or later.
pub async fn mirror_is_whole_only_without_gaps(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let people = readers(2);
    let long = Account {
        first_name: "x".repeat(300).into(),
        ..account("long", "long@example.org", "", "")
    };
    let flawed = [
        ScanPage {
            gaps: true,
            ..scan_page(&people, Some("more"))
        },
        ScanPage {
            truncated: true,
            ..scan_page(&people, Some("more"))
        },
        scan_page(&[people[0].clone(), people[1].clone(), long], Some("more")),
    ];
    let mut now = 0;
    for first in flawed {
        for about_changes in [false, true] {
            subject.run(&people, minute(now), RemovalBrake::On).await;
            assert!(subject.is_whole().await);
            now += 60;
            let mut begin = start_run("a", minute(now));
            if !about_changes {
                begin.full_every = std::time::Duration::ZERO;
            }
            let run = subject.begin(begin).await;
            let at = minute(now);
            let taken = subject.mirror.record_page(&cx, &run, &first, at).await;
            taken.expect("taken");
            // After a restart the flaw is still known.
            let run = subject.begin(begin).await;
            let last = subject
                .mirror
                .record_page(&cx, &run, &scan_page(&people, None), at)
                .await;
            last.expect("taken");
            let finished = subject.mirror.finish_run(&cx, &run, at, RemovalBrake::On).await;
            assert!(!finished.expect("finished").braked);
            assert!(!subject.is_whole().await, "about changes: {about_changes}");
            // A run about changes cannot make it whole again.
            now += 60;
            let run = subject.begin(start_run("a", minute(now))).await;
            let last = subject
                .mirror
                .record_page(&cx, &run, &scan_page(&[], None), minute(now))
                .await;
            last.expect("taken");
            let finished = subject
                .mirror
                .finish_run(&cx, &run, minute(now), RemovalBrake::On)
                .await;
            finished.expect("finished");
            assert!(!subject.is_whole().await);
            now += 60;
        }
    }
}

/// An account that cannot be stored, or a brake, makes it incomplete; a complete full run repairs it (contract
/// `answers.md`).
pub async fn list_reports_whether_mirror_is_whole(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let people = readers(200);
    let long = Account {
        first_name: "x".repeat(300).into(),
        ..account("long", "long@example.org", "", "")
    };
    subject.run(&people, NOON, RemovalBrake::On).await;
    assert!(subject.lists_as_whole().await);
    subject.feed(std::slice::from_ref(&long), minute(1)).await;
    assert!(!subject.lists_as_whole().await && !subject.is_whole().await);
    subject.run(&people, minute(60), RemovalBrake::On).await;
    assert!(subject.lists_as_whole().await && subject.is_whole().await);
    // More than one percent are missing: nothing is removed, and the mirror is incomplete.
    let braked = subject.run(&people[3..], minute(240), RemovalBrake::On).await;
    assert!(braked.braked && !subject.lists_as_whole().await);
    assert_eq!(
        subject.entries(0, &[id("r-00000")], BEFORE).await,
        None,
        "an export reads the provider"
    );
    subject.run(&people, minute(300), RemovalBrake::On).await;
    assert!(subject.lists_as_whole().await);
}
