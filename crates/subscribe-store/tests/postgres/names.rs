//! Names are searched ignoring case and accents by script, in registrations and in the directory, also after an upgrade.

use std::{collections::BTreeSet, sync::Arc};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    metadata::{Metadata, MetadataPair},
    query::{NamePrefix, UserFilter},
    tenant::Tenant,
};
use masthead_ports::{mirror::RemovalBrake, mirror::UserMirror as _, source::UserSource as _};
use masthead_subscribe_store::{KeysMade, SchemaError};
use masthead_testkit::contract::mirror::{MirrorSubject, NOON};

use crate::{
    directory::Synchronising,
    support::{World, context, first_page, origin, registration, tenant, world},
};

/// Names, and the keys that versions before ADR 0098 stored of them: lower case, all marks removed, decomposed.
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

/// What is typed, and the names that it finds (ADR 0098; the sources are in the tests of `masthead_domain::name`).
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

/// One who has each name as a first name, a last name and a value of metadata.
fn people(prefix: &str) -> Vec<Account> {
    let named = NAMES.iter().enumerate().map(|(n, (name, _))| Account {
        first_name: (*name).into(),
        last_name: (*name).into(),
        metadata: Metadata::new([("nick".to_owned(), (*name).to_owned())]).unwrap(),
        ..Account::new(CustomerRegistrationId::parse(&format!("{prefix}{n}")).unwrap())
    });
    named.collect()
}

/// A pool of our own, and one with a directory: of some users registrations alone, of some profiles alone, of some both.
struct Names {
    world: World,
    plain: Arc<Tenant>,
    federated: Arc<Tenant>,
}

impl Names {
    async fn kept() -> Self {
        let world = world().await;
        let store = &world.store;
        let plain = tenant(store, "north/daily/herald", &[]).await;
        let registrations = people("").into_iter().map(|account| registration(&account));
        let importer = store.importer();
        importer.registrations(&plain, &origin(), registrations).await.unwrap();
        let federated = tenant(store, "north/daily/mirror", &[("Flow.UserProvider", "Auth0")]).await;
        let subject = MirrorSubject {
            directory: store.directory(),
            bulk: store.bulk_lookups(),
            registrations: store.registrations(),
            registrar: Arc::new(Synchronising(store.registrations())),
            tenants: vec![Arc::clone(&federated)],
            keep: Box::new(()),
        };
        for account in [people("ours"), people("both")].concat() {
            subject.register(&account).await;
        }
        subject
            .run(&[people("theirs"), people("both")].concat(), NOON, RemovalBrake::On)
            .await;
        Self {
            world,
            plain,
            federated,
        }
    }

    /// Makes all keys and tokens what an earlier version wrote, at its version of the schema.
    fn as_of_version_9(&self) {
        let keys: Vec<String> = NAMES
            .iter()
            .map(|(name, old)| format!("('{name}', '{}', '{old}')", masthead_domain::name::fold_name(name)))
            .collect();
        let keys = keys.join(", ");
        // What tokens were does not matter: they were hashes of other texts.
        let script = format!(
            "UPDATE registrations SET first_key = old, last_key = old, tokens = '{{7}}'
               FROM (VALUES {keys}) AS k (name, key, old) WHERE first_name = name AND key <> old;
             UPDATE directory_entries SET first_key = old, last_key = old,
                    tokens = CASE WHEN shares_tokens THEN '{{}}'::bigint[] ELSE '{{7}}' END
               FROM (VALUES {keys}) AS k (name, key, old) WHERE first_key = key AND key <> old;
             DROP TABLE stored_keys;
             DELETE FROM _sqlx_migrations WHERE version = 10;"
        );
        self.world.database.run(&script).unwrap();
    }

    /// Whom a filter finds among our registrations and in the directory: ids, each beginning with where it is.
    async fn found(&self, filter: UserFilter) -> BTreeSet<String> {
        let store = &self.world.store;
        let page = store
            .registrations()
            .search(&context(&self.plain), &first_page(filter.clone()))
            .await
            .unwrap();
        let ids = page.accounts.into_iter().map(|account| account.crid);
        let mut query = first_page(filter);
        query.size = 100;
        let page = store
            .directory()
            .search(&context(&self.federated), &query)
            .await
            .unwrap()
            .unwrap();
        let entries = page.entries.into_iter().filter_map(|entry| {
            let theirs = entry.profile.map(|profile| profile.account);
            theirs.or(entry.registration).map(|account| account.crid)
        });
        ids.chain(entries).map(|crid| crid.as_str().to_owned()).collect()
    }

    async fn check(&self) {
        for (typed, names) in FINDS {
            let number = |name: &&str| NAMES.iter().position(|(known, _)| known == name).unwrap();
            let everywhere = |name| ["", "ours", "both", "theirs"].map(|place| format!("{place}{}", number(name)));
            let wanted: BTreeSet<String> = names.iter().flat_map(everywhere).collect();
            let prefix = Some(NamePrefix::from_text(typed));
            let by_first = UserFilter {
                first_name: prefix.clone(),
                ..UserFilter::default()
            };
            assert_eq!(self.found(by_first).await, wanted, "{typed} as a first name");
            let by_last = UserFilter {
                last_name: prefix,
                ..UserFilter::default()
            };
            assert_eq!(self.found(by_last).await, wanted, "{typed} as a last name");
        }
        // Equal ignoring case, accents kept (contract §3.1).
        for (key, typed, name) in [
            ("firstName", "STRASSE", Some("straße")),
            ("nick", "STRASSE", Some("straße")),
            ("nick", "SØRENSEN", Some("Sørensen")),
            ("nick", "sorensen", None),
            ("nick", "कुमार", Some("कुमार")),
        ] {
            let wanted = name.map_or(0, |_| 4);
            let pair = UserFilter {
                metadata: vec![MetadataPair::new(key, typed)],
                ..UserFilter::default()
            };
            assert_eq!(self.found(pair).await.len(), wanted, "{key} = {typed}");
        }
    }
}

#[tokio::test]
async fn names_are_searched_by_script_in_registrations_and_directory() {
    Names::kept().await.check().await;
}

/// A server that answered from keys of other rules would miss users (ADR 0098).
#[tokio::test]
async fn keys_of_an_earlier_version_are_made_anew_before_a_server_starts() {
    let names = Names::kept().await;
    names.as_of_version_9();
    let store = &names.world.store;
    assert!(matches!(store.check_schema().await, Err(SchemaError::Behind { .. })));

    // The schema alone is not enough.
    let url = names.world.database.url().unwrap();
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::migrate!("../../migrations").run(&mut connection).await.unwrap();
    assert!(matches!(
        store.check_schema().await,
        Err(SchemaError::KeysBehind { found: 1, .. })
    ));
    assert_eq!(
        masthead_ports::readiness::Readiness::check(&*store.readiness()).await,
        Err("wrong schema version")
    );

    // Each name has three registrations and three entries of the directory.
    let (one, two) = tokio::join!(store.migrate(), store.migrate());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.registrations + two.registrations, CHANGED * 3);
    assert_eq!(one.entries + two.entries, CHANGED * 3);
    assert_eq!(one.left + two.left, 0);
    store.check_schema().await.unwrap();
    names.check().await;

    let again = store.migrate().await.unwrap();
    assert_eq!(again, KeysMade::default(), "there is nothing left to do");
}

#[tokio::test]
async fn making_keys_goes_on_where_it_was_stopped() {
    let names = Names::kept().await;
    names.as_of_version_9();
    let (store, database) = (&names.world.store, &names.world.database);
    let url = database.url().unwrap();
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::migrate!("../../migrations").run(&mut connection).await.unwrap();
    // As a run leaves it that was stopped after the first two registrations of the first pool with any.
    let stopped = format!(
        "UPDATE stored_keys SET new_rules = {}, registrations_pool = p.pool, registrations_id = p.id
           FROM (SELECT pool, id FROM registrations ORDER BY pool, id OFFSET 1 LIMIT 1) AS p",
        masthead_domain::case::RULES
    );
    database.run(&stopped).unwrap();
    // One of these two is Ada, whose key is the same.
    assert_eq!(store.migrate().await.unwrap().registrations, CHANGED * 3 - 1);

    // What a server of the earlier version has written meanwhile is made anew by the next run.
    let made = store.migrate().await.unwrap();
    assert_eq!((made.registrations, made.entries), (1, 0));
    names.check().await;
}

/// Rows beyond one window, of which a few must be written, and keys of deleted registrations, which no search reads.
#[tokio::test]
async fn making_keys_passes_over_rows_that_fold_as_before() {
    let names = Names::kept().await;
    names.as_of_version_9();
    let database = &names.world.database;
    database
        .run(
            "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                        last_name, metadata, tokens, deleted_at)
             SELECT p.id, 0, false, p.masters_accounts, 'many' || n, '', CASE WHEN n % 1000 = 0 THEN 'straße' ELSE 'ann' END, '',
                    CASE WHEN n % 1000 = 0 THEN 'Straße' ELSE 'Ann' END, '', '{}', CASE WHEN n = 5000 THEN '{}'::bigint[] ELSE '{7}' END,
                    CASE WHEN n = 5000 THEN now() END
               FROM generate_series(1, 5000) AS n, (SELECT * FROM pools ORDER BY id LIMIT 1) AS p",
        )
        .unwrap();
    let made = names.world.store.migrate().await.unwrap();
    assert_eq!(made.registrations, CHANGED * 3 + 4);
    let keys = database
        .run("SELECT count(*) FROM registrations WHERE crid LIKE 'many%' AND first_key = 'strasse'")
        .unwrap();
    assert_eq!(keys, "4");
}
