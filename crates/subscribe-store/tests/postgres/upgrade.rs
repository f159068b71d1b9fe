//! Upgrades keep the data of older versions.

use masthead_dev_postgres::TestDatabase;
use masthead_domain::{account::Account, query::UserFilter};
use masthead_ports::{
    mirror::{MirrorPage, RemovalBrake},
    scan::ScanCursor,
};
use masthead_subscribe_store::{MigrateOptions, schema};
use masthead_testkit::{
    accounts::readers,
    contract::{
        list,
        mirror::{MirrorSubject, NOON, minute, scan_page, start_run},
    },
};

use crate::{
    mirror::mirror_subject,
    support::{FEDERATED, and_metadata, blocking, containing, fixture, tenant},
};

/// Events as versions 2 to 8 write them: a read of each kind, then changes with their outbox rows, in two pools.
const WRITTEN_BY_VERSION_8: &str = "
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users)
        SELECT pool, kind, now(), 'north/daily/herald', 'r-1', 'CRM', 'found', 1
        FROM generate_series(1, 2) AS pool, unnest(ARRAY[4000, 4001, 4601, 4902]) AS kind;
    WITH written AS (
        INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users)
            SELECT pool, kind, now(), 'north/daily/herald', 'r-1', 'CRM', 'found', 1
            FROM generate_series(1, 2) AS pool, unnest(ARRAY[4004, 4901]) AS kind
        RETURNING pool, id)
    INSERT INTO outbox (pool, event_id) SELECT pool, id FROM written;";

/// Reverts migrations 0014 and 0016, so that a database of this version is one of version 13. Its search terms are lost.
const REVERT_TO_VERSION_13: &str = "
    DROP TABLE sealing_keys; ALTER TABLE sign_in_attempts DROP COLUMN unfinished;
    DROP INDEX idempotency_keys_crid_idx; DROP FUNCTION take_user_statistics;
    ALTER TABLE reset_links DROP COLUMN crid, DROP COLUMN proves_address, ALTER COLUMN registration_id SET NOT NULL;
    DROP INDEX write_intents_crid_idx;
    ALTER TABLE workspace_keys DROP COLUMN last_used_at;
    DROP TABLE rate_usage, caller_grants, caller_denials, caller_rules_version; DROP FUNCTION count_caller_rules;
    DROP INDEX registrations_crid_key, registrations_state_idx, registrations_email_key, registrations_first_idx,
        registrations_last_idx, registrations_registered_idx, registrations_changed_idx, registrations_grams_idx,
        mirror_entries_grams_idx;
    ALTER INDEX registrations_pkey RESET (fillfactor);
    DROP FUNCTION address_grams;
    DROP EXTENSION pg_trgm; DROP EXTENSION btree_gin;
    ALTER TABLE registrations DROP CONSTRAINT registrations_deleted_check,
        ALTER COLUMN search_terms TYPE bigint[] USING '{}',
        ADD CONSTRAINT registrations_deleted_check CHECK (deleted_at IS NULL OR search_terms = '{}');
    ALTER TABLE mirror_entries ALTER COLUMN search_terms TYPE bigint[] USING '{}',
        ADD COLUMN shares_search_terms boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT mirror_entries_search_terms_check CHECK (NOT shares_search_terms OR search_terms = '{}');
    ALTER TABLE mirror_entries ALTER COLUMN shares_search_terms DROP DEFAULT;
    CREATE UNIQUE INDEX registrations_crid_key ON registrations (pool, crid) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_email_idx ON registrations (pool, email_key, crid) INCLUDE (first_key, last_key) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_first_idx ON registrations (pool, first_key, crid) INCLUDE (email_key, last_key) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_last_idx ON registrations (pool, last_key, crid) INCLUDE (email_key, first_key) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_state_idx ON registrations (pool, state, crid) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_verified_idx ON registrations (pool, verified, crid) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_registered_idx ON registrations (pool, registered_at, crid) WHERE deleted_at IS NULL;
    CREATE INDEX registrations_changed_idx ON registrations (pool, changed_at, crid) WHERE deleted_at IS NULL;
    CREATE UNIQUE INDEX registrations_email_key ON registrations (pool, email_key)
        WHERE masters_accounts AND deleted_at IS NULL AND email_key <> '';
    CREATE INDEX registrations_search_terms_idx ON registrations USING gin (search_terms) WITH (gin_pending_list_limit = 512);
    CREATE INDEX mirror_entries_search_terms_idx ON mirror_entries USING gin (search_terms) WITH (gin_pending_list_limit = 512);
    DROP TABLE erasures, last_sign_ins, import_runs, import_scratch; DROP FUNCTION forget_event_user;
    ALTER TABLE registrations DROP COLUMN stored_on;
    ALTER TABLE pools DROP COLUMN sign_ins_since;
    UPDATE stored_keys SET rules = 2;
    DROP TABLE events, event_callers, event_writers;
    DROP FUNCTION add_event_partition, index_event_partition, drop_event_partition, summarize_event_partition;
    CREATE TABLE events (
        pool bigint NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, kind integer NOT NULL, at timestamptz NOT NULL,
        tenant text COLLATE \"C\" NOT NULL, request_id text COLLATE \"C\" NOT NULL, source_system text COLLATE \"C\" NOT NULL,
        outcome text COLLATE \"C\" NOT NULL, registration_id bigint, users bigint NOT NULL, network text COLLATE \"C\");
    CREATE UNIQUE INDEX events_changes_key ON events (pool, id) WHERE kind NOT IN (4000, 4001, 4601, 4902);
    DELETE FROM _sqlx_migrations WHERE version >= 14;";

/// Reverts migrations 0013 and 0012, so that a database of version 13 is one of version 11.
const REVERT_TO_VERSION_11: &str = "
    DROP TABLE pending_registrations, verification_codes, reset_links, sign_in_attempts, known_addresses, idempotency_keys,
               write_intents, tombstones, mail_outbox;
    DROP INDEX registrations_deleted_idx;
    DROP FUNCTION add_registration_totals, add_mirror_totals, remove_totals, recount_totals CASCADE;
    DROP FUNCTION random_mark;
    DROP AGGREGATE xor_agg (bigint);
    DROP TABLE registration_totals, mirror_totals;
    ALTER TABLE mirrors ADD COLUMN run_truncated boolean NOT NULL DEFAULT false;
    ALTER TABLE mirrors RENAME COLUMN run_incomplete TO run_gaps;
    ALTER TABLE mirrors RENAME COLUMN run_cursor TO run_place;
    ALTER TABLE mirrors RENAME COLUMN run_scanned TO run_walked;
    ALTER TABLE mirrors RENAME CONSTRAINT mirrors_pkey TO directories_pkey;
    ALTER TABLE mirrors RENAME CONSTRAINT mirrors_pool_fkey TO directories_pool_fkey;
    ALTER TABLE mirrors RENAME TO directories;
    ALTER TABLE mirror_entries RENAME COLUMN scanned_at TO walked_at;
    ALTER TABLE mirror_entries RENAME COLUMN shares_search_terms TO shares_tokens;
    ALTER TABLE mirror_entries RENAME COLUMN search_terms TO tokens;
    ALTER TABLE mirror_entries RENAME CONSTRAINT mirror_entries_sides_check TO directory_entries_somebody_check;
    ALTER TABLE mirror_entries RENAME CONSTRAINT mirror_entries_search_terms_check TO directory_entries_tokens_check;
    ALTER TABLE mirror_entries RENAME CONSTRAINT mirror_entries_as_of_check TO directory_entries_as_of_check;
    ALTER TABLE mirror_entries RENAME CONSTRAINT mirror_entries_pkey TO directory_entries_pkey;
    ALTER TABLE mirror_entries RENAME TO directory_entries;
    ALTER INDEX mirror_entries_search_terms_idx RENAME TO directory_entries_tokens_idx;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT indexrelid::regclass FROM pg_index WHERE indexrelid::regclass::text LIKE 'mirror_entries_%' LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', name, replace(name, 'mirror_entries', 'directory_entries'));
        END LOOP;
    END $$;
    ALTER TABLE registrations RENAME COLUMN search_terms TO tokens;
    ALTER INDEX registrations_search_terms_idx RENAME TO registrations_tokens_idx;
    DELETE FROM _sqlx_migrations WHERE version >= 12;";

/// All columns, indexes and constraints, by name.
const CATALOG: &str = "
    SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
     WHERE table_schema = 'public' ORDER BY 1, 2;
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname;
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY conname;";

pub(crate) async fn database_of_version(version: i64) -> TestDatabase {
    let database = blocking(TestDatabase::empty).await.unwrap();
    migrate_to(version, &database).await;
    database
}

pub(crate) async fn migrate_to(version: i64, database: &TestDatabase) {
    let options = MigrateOptions {
        to: Some(version),
        ..MigrateOptions::default()
    };
    schema::migrate_with(&database.url().unwrap(), &options).await.unwrap();
}

#[tokio::test]
async fn events_of_version_8_are_kept() {
    let database = database_of_version(8).await;
    database.run(WRITTEN_BY_VERSION_8).unwrap();
    let kept = || {
        database
            .run(
                "SELECT pool, id, kind, at, tenant, request_id, source_system, outcome, registration_id, users FROM events
                  ORDER BY id; SELECT o FROM outbox AS o ORDER BY event_id",
            )
            .unwrap()
    };
    let before = kept();
    assert_eq!(before.lines().count(), 2 * (6 + 2));

    schema::migrate(&database.url().unwrap()).await.unwrap();
    assert_eq!(kept(), before);

    // A server of version 8 may still write.
    database.run(WRITTEN_BY_VERSION_8).unwrap();
    let found = database
        .run(
            "SELECT count(*), count(kind) FROM outbox LEFT JOIN events
               ON (events.pool, events.id) = (outbox.pool, event_id) AND kind IN (4004, 4901)",
        )
        .unwrap();
    assert_eq!(found.trim(), "8|8", "each outbox row has its event");
}

/// Migration 0030 writes the function anew that the search index is built on.
#[tokio::test]
async fn grams_of_addresses_stay_the_same() {
    let grams = "SELECT address, address_grams(address), array_dims(address_grams(address))
                   FROM (SELECT left('Ann+1_é.日本@xn--mnchen-3ya.example', n) AS address FROM generate_series(0, 34) AS n) AS a;
                 SELECT count(DISTINCT address_grams(repeat(chr(n), 3))) FROM generate_series(1, 3000) AS n";
    let database = database_of_version(29).await;
    let before = database.run(grams).unwrap();
    // 0x41 << 21 | 0x4e << 14.
    assert!(before.starts_with("|{}|\nA|{}|\nAn|{137592832}|[1:1]\n"), "{before}");
    migrate_to(30, &database).await;
    assert_eq!(database.run(grams).unwrap(), before);
}

#[tokio::test]
async fn events_of_version_15_are_kept_in_a_partition() {
    let database = database_of_version(15).await;
    database.run(WRITTEN_BY_VERSION_8).unwrap();
    // A migration that broke off after its first step.
    database
        .run("ALTER TABLE events ADD COLUMN expires_on date NOT NULL DEFAULT '0001-01-01'")
        .unwrap();
    migrate_to(16, &database).await;
    // A server of version 15 still writes.
    database.run(WRITTEN_BY_VERSION_8).unwrap();
    let kept = database
        .run("SELECT tableoid::regclass, count(*), count(DISTINCT id) FROM events GROUP BY 1 ORDER BY 2, 1")
        .unwrap();
    let (old, new) = kept.trim().split_once('\n').unwrap();
    assert_eq!(old, "events_before_partitions|12|12");
    assert!(
        new.starts_with("events_until_") && new.ends_with("|12|12"),
        "by the default of its retention: {new}"
    );
    assert_eq!(
        database.run("SELECT count(DISTINCT id) FROM events").unwrap().trim(),
        "24"
    );
}

/// Users of two pools as version 12 stores them: in the first 6 live registrations and a deleted one, in the second 4 entries
/// of a mirror.
const WRITTEN_BY_VERSION_12: &str = "
    INSERT INTO pools (name, masters_accounts) VALUES ('one', false), ('two', false);
    INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                               last_name, metadata, search_terms, deleted_at)
        SELECT 1, n % 3, n < 4, false, 'user-' || n, '', '', '', '', '', '{}', '{}', CASE n WHEN 6 THEN now() END
          FROM generate_series(0, 6) AS n;
    INSERT INTO mirror_entries (pool, registration_id, verified, by_email, shares_search_terms, crid, email_key, first_key,
                                last_key, search_terms)
        SELECT 2, n, n = 1, false, true, 'user-' || n, '', '', '', '{}' FROM generate_series(1, 4) AS n;";

const TOTALS: &str = "
    SELECT pool, state, verified, sum(users) FROM registration_totals GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
    SELECT pool, verified, sum(users) FROM mirror_totals GROUP BY 1, 2 ORDER BY 1, 2;";

#[tokio::test]
async fn users_of_version_12_are_counted() {
    let database = database_of_version(12).await;
    database.run(WRITTEN_BY_VERSION_12).unwrap();
    migrate_to(13, &database).await;
    assert_eq!(
        database.run(TOTALS).unwrap(),
        "1|0|t|2\n1|1|f|1\n1|1|t|1\n1|2|f|1\n1|2|t|1\n2|f|3\n2|t|1"
    );

    // What a server of version 12 writes is counted too.
    let written =
        "UPDATE registrations SET state = 0 WHERE crid = 'user-1'; DELETE FROM mirror_entries WHERE verified;";
    database.run(written).unwrap();
    assert_eq!(
        database.run(TOTALS).unwrap(),
        "1|0|t|3\n1|1|f|1\n1|1|t|0\n1|2|f|1\n1|2|t|1\n2|f|3\n2|t|0"
    );
}

/// What the mirror and the registrations answer to several filters.
async fn answers(subject: &MirrorSubject) -> Vec<(Option<MirrorPage>, Vec<Account>)> {
    let cx = subject.context(0);
    let mut answers = Vec::new();
    for filter in [
        UserFilter::default(),
        containing("ann"),
        containing("example"),
        and_metadata(UserFilter::default(), "firstName", "Ada"),
    ] {
        let query = list(filter);
        let page = subject.mirror.search(&cx, &query).await.unwrap();
        let registered = subject.registrations.search(&cx, &query).await.unwrap();
        answers.push((page, registered.accounts));
    }
    answers
}

#[tokio::test]
async fn mirror_of_version_11_is_served_and_its_run_resumed() {
    let fixture = fixture().await;
    let store = &fixture.store;
    let tenant = tenant(store, "north/daily/herald", FEDERATED).await;
    let subject = mirror_subject(store, vec![tenant], ());
    let users = readers(6);
    for user in &users[..3] {
        subject.register(user).await;
    }
    subject.run(&users[1..4], NOON, RemovalBrake::On).await;
    let cx = subject.context(0);
    let run = subject.begin(start_run("a", minute(1))).await;
    let first = scan_page(&users[4..5], Some("page-2"));
    subject.mirror.record_page(&cx, &run, &first, minute(1)).await.unwrap();
    subject.mirror.release_run(&cx, &run).await.unwrap();
    let before = answers(&subject).await;
    assert_eq!(subject.pairs().await.len(), 5);

    let current = fixture.sql(CATALOG);
    fixture.sql(REVERT_TO_VERSION_13);
    fixture.sql(REVERT_TO_VERSION_11);
    // A step of the run was truncated, which version 11 records in a column of its own.
    fixture.sql("UPDATE directories SET run_truncated = true");
    let version_11 = database_of_version(11).await;
    assert_eq!(fixture.sql(CATALOG), version_11.run(CATALOG).unwrap().trim());

    store.migrate().await.unwrap();
    assert_eq!(fixture.sql(CATALOG), current);
    assert_eq!(answers(&subject).await, before);
    let resumed = subject.begin(start_run("b", minute(2))).await;
    assert!(resumed.resumed);
    assert_eq!(resumed.cursor.as_ref().map(ScanCursor::as_str), Some("page-2"));
    subject
        .mirror
        .record_page(&cx, &resumed, &scan_page(&[], None), minute(2))
        .await
        .unwrap();
    let finished = subject
        .mirror
        .finish_run(&cx, &resumed, minute(3), RemovalBrake::On)
        .await
        .unwrap();
    assert!(!finished.whole, "the truncated step is not forgotten");
}
