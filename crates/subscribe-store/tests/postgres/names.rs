//! Names are searched ignoring case and, by script, accents; stored keys are recomputed when these rules change.

use std::{collections::BTreeSet, sync::Arc};

use masthead_domain::{
    account::Account,
    case::RULES,
    customer_registration_id::CustomerRegistrationId,
    metadata::Metadata,
    name::fold_name,
    query::{NamePrefix, UserFilter},
    tenant::Tenant,
};
use masthead_ports::{
    mirror::{RemovalBrake, UserMirror as _},
    readiness::Readiness as _,
    source::UserSource as _,
};
use masthead_subscribe_store::{KeysMade, SchemaError};
use masthead_testkit::contract::mirror::NOON;
use sqlx::Connection as _;

use crate::{
    mirror::mirror_subject,
    support::{
        FEDERATED, StoreFixture, and_first_name, and_metadata, context, first_page, fixture, import_accounts, tenant,
    },
};

/// Names, and the keys that versions before ADR 0098 stored: lower case, all marks removed, decomposed.
const NAMES: [(&str, &str); 9] = [
    ("Ada", "ada"),
    ("कुमार", "कमर"),
    ("कमार", "कमर"),
    ("かとう", "かとう"),
    ("がとう", "かとう"),
    ("김", "\u{1100}\u{1175}\u{11b7}"),
    ("straße", "straße"),
    ("Sørensen", "sørensen"),
    ("Đặng", "đang"),
];

/// How many of them have another key since.
const CHANGED: u64 = 7;

/// Typed texts, and the names that they find (ADR 0098; sources: the tests of `masthead_domain::name`).
const FINDS: [(&str, &[&str]); 12] = [
    ("ADA", &["Ada"]),
    ("कुमार", &["कुमार"]),
    ("कमार", &["कमार"]),
    ("क", &["कुमार", "कमार"]),
    ("かとう", &["かとう"]),
    ("がとう", &["がとう"]),
    ("기", &[]),
    ("김", &["김"]),
    ("STRASSE", &["straße"]),
    ("straß", &["straße"]),
    ("sorensen", &["Sørensen"]),
    ("dang", &["Đặng"]),
];

/// One account per name, with the name as first name, last name and metadata value.
fn accounts(prefix: &str) -> Vec<Account> {
    let named = NAMES.iter().enumerate().map(|(n, (name, _))| Account {
        first_name: (*name).into(),
        last_name: (*name).into(),
        metadata: Metadata::new([("nick".to_owned(), (*name).to_owned())]).unwrap(),
        ..Account::new(CustomerRegistrationId::parse(&format!("{prefix}{n}")).unwrap())
    });
    named.collect()
}

/// A pool of registrations, and a mirror with registrations only, profiles only, and both.
struct NamesFixture {
    fixture: StoreFixture,
    plain: Arc<Tenant>,
    federated: Arc<Tenant>,
}

impl NamesFixture {
    async fn new() -> Self {
        let fixture = fixture().await;
        let store = &fixture.store;
        let plain = tenant(store, "north/daily/herald", &[]).await;
        import_accounts(store, &plain, &accounts("")).await;
        let federated = tenant(store, "north/daily/mirror", FEDERATED).await;
        let subject = mirror_subject(store, vec![Arc::clone(&federated)], ());
        for account in [accounts("store"), accounts("both")].concat() {
            subject.register(&account).await;
        }
        let profiles = [accounts("provider"), accounts("both")].concat();
        subject.run(&profiles, NOON, RemovalBrake::On).await;
        Self {
            fixture,
            plain,
            federated,
        }
    }

    /// The same, with the keys of version 9.
    async fn of_version_9() -> Self {
        let names = Self::new().await;
        let keys: Vec<String> = NAMES
            .iter()
            .map(|(name, old)| format!("('{name}', '{}', '{old}')", fold_name(name)))
            .collect();
        let keys = keys.join(", ");
        // The old search terms do not matter: they were hashes of other texts.
        names.fixture.sql(&format!(
            "UPDATE registrations SET first_key = old, last_key = old, search_terms = '{{7}}'
               FROM (VALUES {keys}) AS k (name, key, old) WHERE first_name = name AND key <> old;
             UPDATE mirror_entries SET first_key = old, last_key = old, search_terms = '{{7}}'
               FROM (VALUES {keys}) AS k (name, key, old) WHERE first_key = key AND key <> old;
             DROP TABLE stored_keys;
             DELETE FROM _sqlx_migrations WHERE version = 10;"
        ));
        names
    }

    /// Applies the SQL migrations only.
    async fn migrate_schema_only(&self) {
        let url = self.fixture.database.url().unwrap();
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        sqlx::migrate!("../../migrations").run(&mut connection).await.unwrap();
    }

    /// The ids that a filter finds, in the registrations and in the mirror.
    async fn find(&self, filter: UserFilter) -> BTreeSet<String> {
        let store = &self.fixture.store;
        let mut query = first_page(filter);
        query.size = 100;
        let page = store.registrations().search(&context(&self.plain), &query).await;
        let ids = page.unwrap().accounts.into_iter().map(|account| account.crid);
        let page = store.mirror().search(&context(&self.federated), &query).await;
        let entries = page.unwrap().unwrap().entries.into_iter().filter_map(|entry| {
            let profile = entry.profile.map(|profile| profile.account);
            profile.or(entry.registration).map(|account| account.crid)
        });
        ids.chain(entries).map(|crid| crid.as_str().to_owned()).collect()
    }

    async fn check(&self) {
        for (typed, names) in FINDS {
            let number = |name: &&str| NAMES.iter().position(|(known, _)| known == name).unwrap();
            let everywhere = |name| ["", "store", "both", "provider"].map(|kind| format!("{kind}{}", number(name)));
            let expected: BTreeSet<String> = names.iter().flat_map(everywhere).collect();
            let by_first = and_first_name(UserFilter::default(), typed);
            assert_eq!(self.find(by_first).await, expected, "{typed} as a first name");
            let by_last = UserFilter {
                last_name: Some(NamePrefix::from_text(typed)),
                ..UserFilter::default()
            };
            assert_eq!(self.find(by_last).await, expected, "{typed} as a last name");
        }
        // Equal ignoring case, but not accents (contract §3.1).
        for (key, typed, found) in [
            ("firstName", "STRASSE", 4),
            ("nick", "STRASSE", 4),
            ("nick", "SØRENSEN", 4),
            ("nick", "sorensen", 0),
            ("nick", "कुमार", 4),
        ] {
            let pair = and_metadata(UserFilter::default(), key, typed);
            assert_eq!(self.find(pair).await.len(), found, "{key} = {typed}");
        }
    }
}

#[tokio::test]
async fn names_fold_by_script_in_both_tables() {
    NamesFixture::new().await.check().await;
}

/// With keys of other rules a server would miss users (ADR 0098).
#[tokio::test]
async fn old_keys_are_recomputed_by_migrate() {
    let names = NamesFixture::of_version_9().await;
    let store = &names.fixture.store;
    assert!(matches!(store.check_schema().await, Err(SchemaError::Behind { .. })));

    // The schema alone is not enough.
    names.migrate_schema_only().await;
    let behind = store.check_schema().await;
    assert!(matches!(behind, Err(SchemaError::KeysBehind { found: 1, .. })));
    assert_eq!(store.readiness().check().await, Err("wrong schema version"));

    // Each name has three registrations and three entries.
    let (one, two) = tokio::join!(store.migrate(), store.migrate());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.registrations + two.registrations, CHANGED * 3);
    assert_eq!(one.entries + two.entries, CHANGED * 3);
    assert_eq!(one.left + two.left, 0);
    store.check_schema().await.unwrap();
    names.check().await;

    let again = store.migrate().await.unwrap();
    assert_eq!(again, KeysMade::default(), "nothing is left to do");
}

#[tokio::test]
async fn interrupted_recomputation_is_continued() {
    let names = NamesFixture::of_version_9().await;
    let store = &names.fixture.store;
    names.migrate_schema_only().await;
    // Interrupted after the first two registrations of the first pool.
    names.fixture.sql(&format!(
        "UPDATE stored_keys SET new_rules = {RULES}, registrations_pool = p.pool, registrations_id = p.id
           FROM (SELECT pool, id FROM registrations ORDER BY pool, id OFFSET 1 LIMIT 1) AS p"
    ));
    // One of these two is Ada, whose key has not changed.
    assert_eq!(store.migrate().await.unwrap().registrations, CHANGED * 3 - 1);

    // Rows that a server of the earlier version has written meanwhile are recomputed by the next run.
    let made = store.migrate().await.unwrap();
    assert_eq!((made.registrations, made.entries), (1, 0));
    names.check().await;
}

/// More rows than one window; few are written, and none of the deleted ones.
#[tokio::test]
async fn recomputation_skips_unaffected_rows() {
    let names = NamesFixture::of_version_9().await;
    names.migrate_schema_only().await;
    names.fixture.sql(
        "UPDATE stored_keys SET rules = 3;
         INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                    last_name, metadata, search_terms, deleted_at)
         SELECT p.id, 0, false, p.masters_accounts, 'many' || n, '', CASE WHEN n % 1000 = 0 THEN 'straße' ELSE 'ann' END, '',
                CASE WHEN n % 1000 = 0 THEN 'Straße' ELSE 'Ann' END, '', '{}', CASE WHEN n = 5000 THEN '{}'::integer[] ELSE '{7}' END,
                CASE WHEN n = 5000 THEN now() END
           FROM generate_series(1, 5000) AS n, (SELECT * FROM pools ORDER BY id LIMIT 1) AS p",
    );
    let made = names.fixture.store.migrate().await.unwrap();
    assert_eq!(made.registrations, CHANGED * 3 + 4);
    let changed = names
        .fixture
        .count("registrations WHERE crid LIKE 'many%' AND first_key = 'strasse'");
    assert_eq!(changed, 4);
}
