//! Imports account for every row, decide about duplicates by their policy, and store whole batches or none.

use std::{collections::HashMap, sync::Arc};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata, state::UserState,
    tenant::Tenant,
};
use masthead_subscribe_store::{
    Checkpoint, Duplicate, DuplicateKey, DuplicatePlace, DuplicatePolicy, ImportRow, ImportSession, ImportStopError,
    Importer, NewRegistration, OnDuplicate, PreparedRegistration, RowError, RowOutcome, RowResult, RunProgress,
    StoredBatch, UnstorableFieldError,
};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::support::{FEDERATED, StoreFixture, fixture, import, import_users, origin, tenant};

const CHANGED: OffsetDateTime = datetime!(2024-01-02 03:04:05.000006 UTC);

pub(crate) async fn fixture_with_tenant() -> (StoreFixture, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    (fixture, tenant)
}

pub(crate) fn user(id: &str, email: &str) -> NewRegistration {
    NewRegistration {
        crid: CustomerRegistrationId::parse(id).unwrap(),
        email: Email::from_source(email).ok(),
        first_name: "".into(),
        last_name: "".into(),
        verified: false,
        password_hash: None,
        metadata: Metadata::default(),
        registered_at: None,
        changed_at: Some(CHANGED),
        last_logout_at: None,
    }
}

pub(crate) fn rows(tenant: &Arc<Tenant>, users: Vec<NewRegistration>) -> Vec<Option<ImportRow>> {
    let row = |new| {
        Some(ImportRow {
            tenant: Arc::clone(tenant),
            registration: PreparedRegistration::new(new).unwrap(),
        })
    };
    users.into_iter().map(row).collect()
}

pub(crate) fn begin(importer: &Importer, policy: DuplicatePolicy) -> ImportSession {
    importer.begin(origin(), policy, "run-1".into())
}

pub(crate) async fn store(
    session: &mut ImportSession,
    rows: impl Into<Arc<[Option<ImportRow>]>>,
    most_rejected: Option<u64>,
) -> Result<StoredBatch, ImportStopError> {
    let batch = session.begin_batch(rows).await?;
    session.store(batch, most_rejected).await
}

/// Stores each list as a batch, and returns what became of the rows, in short.
pub(crate) async fn outcomes(
    importer: &Importer,
    policy: DuplicatePolicy,
    tenant: &Arc<Tenant>,
    batches: Vec<Vec<NewRegistration>>,
) -> Vec<String> {
    let mut session = begin(importer, policy);
    let mut shown = Vec::new();
    for batch in batches {
        let stored = store(&mut session, rows(tenant, batch), None).await.unwrap();
        shown.extend(stored.results.iter().map(|result| show(result.unwrap())));
        session.commit(stored, None).await.unwrap();
    }
    session.finish().await.unwrap();
    shown
}

pub(crate) fn show(result: RowResult) -> String {
    let outcome = match result.outcome {
        RowOutcome::Imported => "imported".to_owned(),
        RowOutcome::Merged => "merged".to_owned(),
        RowOutcome::Skipped(reason) => format!("skipped {reason:?}"),
        RowOutcome::Rejected(RowError::Duplicate { .. }) => "rejected".to_owned(),
        RowOutcome::Rejected(RowError::Field(invalid)) => format!("rejected {}", invalid.field),
    };
    match result.duplicate {
        None => outcome,
        Some(Duplicate { key, place }) => format!("{outcome}: {key:?} {place:?}"),
    }
}

#[tokio::test]
async fn import_writes_one_event_per_batch() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let done = import_users(&fixture.store, &tenant, 0..4500).await;
    assert_eq!((done.inserted, done.skipped), (4500, 0));
    assert_eq!(fixture.count("registrations"), 4500);
    assert_eq!(fixture.count("events WHERE kind = 4901"), 3);
    assert_eq!(fixture.count("outbox"), 0, "nothing would ever empty it");
    let logged = fixture.sql("SELECT sum(users), min(tenant), min(request_id) FROM events");
    assert_eq!(logged, "4500|north/daily/herald|import-1");
}

#[tokio::test]
async fn existing_ids_are_skipped_without_an_event() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import_users(&fixture.store, &tenant, 0..10).await;
    let again = import_users(&fixture.store, &tenant, 5..15).await;
    assert_eq!((again.inserted, again.skipped), (5, 5));
    assert_eq!(fixture.count("registrations"), 15);
    let again = import_users(&fixture.store, &tenant, 0..15).await;
    assert_eq!((again.inserted, again.skipped), (0, 15));
    assert_eq!(fixture.count("events WHERE kind = 4901"), 2);
}

#[tokio::test]
async fn bad_rows_cost_themselves_only() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let long = "x".repeat(256);
    let users = [
        user("1", "ann@example.org"),
        NewRegistration {
            first_name: long.as_str().into(),
            ..user("2", "secret@example.org")
        },
        user("1", "bo@example.org"),
        user("3", "ANN@example.org"),
        user("4", "di@example.org"),
    ];
    let done = import(&fixture.store, &tenant, users.into_iter()).await;
    assert_eq!((done.inserted, done.skipped), (2, 0));
    let field = RowError::Field(UnstorableFieldError {
        field: "firstName",
        problem: "longer than 255 bytes",
    });
    let duplicate = |key| RowError::Duplicate {
        key,
        place: DuplicatePlace::File,
    };
    assert_eq!(
        done.rejected,
        [
            (2, field),
            (3, duplicate(DuplicateKey::Id)),
            (4, duplicate(DuplicateKey::Email))
        ]
    );
    assert_eq!(
        fixture.sql("SELECT string_agg(crid, ',' ORDER BY crid) FROM registrations"),
        "1,4"
    );
}

/// The rows of a file that has each duplicate twice: beside its first, and in a batch of its own.
fn file_with_duplicates() -> Vec<Vec<NewRegistration>> {
    let first = NewRegistration {
        registered_at: Some(CHANGED - Duration::days(1)),
        ..user("1", "ann@example.org")
    };
    let later = NewRegistration {
        first_name: "Ann".into(),
        verified: true,
        changed_at: Some(CHANGED + Duration::days(1)),
        ..user("1", "ann@example.org")
    };
    let same_address = NewRegistration {
        last_name: "Lee".into(),
        changed_at: Some(CHANGED + Duration::days(2)),
        ..user("2", "Ann@Example.org")
    };
    vec![
        vec![first, later.clone(), same_address.clone()],
        vec![later, same_address, user("3", "")],
    ]
}

#[tokio::test]
async fn each_policy_decides_about_rows_of_one_file() {
    for (policy, expected, stored) in [
        (
            DuplicatePolicy::default(),
            ["rejected: Id File", "rejected: Email File"],
            "1|||f|2024-01-02\n3|||f|2024-01-02",
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Skip),
            ["skipped Repeated: Id File", "skipped Repeated: Email File"],
            "1|||f|2024-01-02\n3|||f|2024-01-02",
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Newest),
            ["merged: Id File", "merged: Email File"],
            "1|Ann|Lee|t|2024-01-04\n3|||f|2024-01-02",
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Verified),
            ["merged: Id File", "skipped Exists: Email File"],
            "1|Ann||t|2024-01-03\n3|||f|2024-01-02",
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Merge),
            ["merged: Id File", "merged: Email File"],
            "1|Ann|Lee|t|2024-01-02\n3|||f|2024-01-02",
        ),
    ] {
        let (fixture, tenant) = fixture_with_tenant().await;
        let importer = fixture.store.importer();
        let dry = outcomes(&importer.clone().dry_run(), policy, &tenant, file_with_duplicates()).await;
        assert_eq!(fixture.count("registrations") + fixture.count("import_scratch"), 0);
        assert_eq!(fixture.count("events"), 0);
        let shown = outcomes(&importer, policy, &tenant, file_with_duplicates()).await;
        assert_eq!(dry, shown, "{policy:?}");
        assert_eq!(shown[..3], ["imported", expected[0], expected[1]], "{policy:?}");
        let again = |text: &str| text.replace("merged", "skipped Exists");
        assert_eq!(
            shown[3..],
            [again(expected[0]), again(expected[1]), "imported".to_owned()]
        );
        let rows = fixture.sql(
            "SELECT crid, first_name, last_name, verified, (changed_at AT TIME ZONE 'UTC')::date FROM registrations ORDER BY crid",
        );
        assert_eq!(rows, stored, "{policy:?}");
    }
}

#[tokio::test]
async fn each_policy_decides_about_registrations() {
    for (policy, expected) in [
        (
            DuplicatePolicy::default(),
            ["skipped Exists: Id Store", "skipped Exists: Email Store"],
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Reject),
            ["rejected: Id Store", "rejected: Email Store"],
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Skip),
            ["skipped Exists: Id Store", "skipped Exists: Email Store"],
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Newest),
            ["skipped Exists: Id Store", "merged: Email Store"],
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Verified),
            ["merged: Id Store", "skipped Exists: Email Store"],
        ),
        (
            DuplicatePolicy::all(OnDuplicate::Merge),
            ["merged: Id Store", "merged: Email Store"],
        ),
    ] {
        let (fixture, tenant) = fixture_with_tenant().await;
        let importer = fixture.store.importer();
        let known = [user("1", "ann@example.org"), user("2", "bo@example.org")];
        import(&fixture.store, &tenant, known.into_iter()).await;
        let file = || {
            let earlier = NewRegistration {
                first_name: "Ann".into(),
                verified: true,
                changed_at: Some(CHANGED - Duration::days(1)),
                ..user("1", "ann@example.org")
            };
            let same_address = NewRegistration {
                last_name: "Lee".into(),
                changed_at: Some(CHANGED + Duration::days(1)),
                ..user("9", "BO@example.org")
            };
            vec![vec![earlier, same_address]]
        };
        let dry = outcomes(&importer.clone().dry_run(), policy, &tenant, file()).await;
        let shown = outcomes(&importer, policy, &tenant, file()).await;
        assert_eq!(dry, shown, "{policy:?}");
        assert_eq!(shown, expected, "{policy:?}");
        assert_eq!(
            fixture.sql("SELECT string_agg(crid, ',' ORDER BY crid) FROM registrations"),
            "1,2"
        );
        let again = outcomes(&importer, policy, &tenant, file()).await;
        assert!(
            !again.iter().any(|outcome| outcome.contains("merged")),
            "{policy:?}: {again:?}"
        );
        let totals = fixture.sql("SELECT sum(users) FROM registration_totals");
        assert_eq!(totals, "2", "{policy:?}");
    }
}

#[tokio::test]
async fn address_of_another_user_is_not_taken() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let known = [user("1", "ann@example.org"), user("2", "bo@example.org")];
    import(&fixture.store, &tenant, known.into_iter()).await;
    let moved = |id: &str, email: &str| NewRegistration {
        changed_at: Some(CHANGED + Duration::days(1)),
        ..user(id, email)
    };
    // Two swap their addresses: within a batch an address stays with its user.
    let swapped = vec![vec![
        moved("1", "new@example.org"),
        moved("2", "ann@example.org"),
        moved("3", "bo@example.org"),
    ]];
    let importer = fixture.store.importer();
    let shown = outcomes(&importer, DuplicatePolicy::all(OnDuplicate::Newest), &tenant, swapped).await;
    assert_eq!(
        shown,
        ["merged: Id Store", "merged: Id Store", "skipped Exists: Email Store"]
    );
    let stored = fixture.sql("SELECT crid, email_key FROM registrations ORDER BY crid");
    assert_eq!(stored, "1|new@example.org\n2|bo@example.org");
}

#[tokio::test]
async fn changed_password_ends_links_to_set_one() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import(&fixture.store, &tenant, [user("1", ""), user("2", "")].into_iter()).await;
    fixture.sql(
        "INSERT INTO reset_links (pool, registration_id, created_at, expires_at, hash)
         SELECT pool, id, now(), now(), sha256(crid::bytea) FROM registrations",
    );
    let with_password = vec![vec![
        NewRegistration {
            password_hash: Some("$md5$x".into()),
            ..user("1", "")
        },
        NewRegistration {
            first_name: "Bo".into(),
            ..user("2", "")
        },
    ]];
    let importer = fixture.store.importer();
    outcomes(
        &importer,
        DuplicatePolicy::all(OnDuplicate::Merge),
        &tenant,
        with_password,
    )
    .await;
    let left = "SELECT r.crid, r.state, r.password_hash FROM registrations AS r JOIN reset_links AS l ON l.registration_id = r.id";
    assert_eq!(fixture.sql(left), "2|0|");
    assert_eq!(fixture.sql("SELECT state FROM registrations WHERE crid = '1'"), "2");
}

#[tokio::test]
async fn federated_pool_shares_addresses_and_its_mirror_follows() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    let importer = fixture.store.importer();
    let file = || {
        let twin = NewRegistration {
            first_name: "Ann".into(),
            ..user("1", "twin@example.org")
        };
        vec![
            vec![user("1", "twin@example.org"), user("2", "twin@example.org")],
            vec![twin],
        ]
    };
    let policy = DuplicatePolicy::all(OnDuplicate::Merge);
    let shown = outcomes(&importer, policy, &tenant, file()).await;
    assert_eq!(shown, ["imported", "imported", "merged: Id File"]);
    assert_eq!(
        fixture.sql("SELECT crid, first_name FROM registrations ORDER BY crid"),
        "1|Ann\n2|"
    );
}

#[tokio::test]
async fn rows_of_two_tenants_are_one_batch() {
    let (fixture, herald) = fixture_with_tenant().await;
    let times = tenant(&fixture.store, "north/daily/times", &[]).await;
    let mut batch = rows(&herald, vec![user("1", "ann@example.org"), user("2", "bo@example.org")]);
    batch.extend(rows(&times, vec![user("1", "ann@example.org")]));
    let mut session = begin(&fixture.store.importer(), DuplicatePolicy::default());
    let stored = store(&mut session, batch, None).await.unwrap();
    assert!(
        stored
            .results
            .iter()
            .all(|result| result.unwrap().outcome == RowOutcome::Imported)
    );
    session.commit(stored, None).await.unwrap();
    let logged = fixture.sql("SELECT tenant, users FROM events ORDER BY tenant");
    assert_eq!(logged, "north/daily/herald|2\nnorth/daily/times|1");
}

#[tokio::test]
async fn batch_ends_after_too_many_rejected_rows() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let mut batch = rows(
        &tenant,
        vec![
            user("1", ""),
            user("1", ""),
            user("2", ""),
            user("1", ""),
            user("3", ""),
        ],
    );
    batch.insert(1, None);
    let mut session = begin(&fixture.store.importer(), DuplicatePolicy::default());
    let stored = store(&mut session, batch, Some(2)).await.unwrap();
    assert_eq!(stored.results.len(), 5);
    session.commit(stored, None).await.unwrap();
    assert_eq!(
        fixture.sql("SELECT string_agg(crid, ',' ORDER BY crid) FROM registrations"),
        "1,2"
    );
}

#[tokio::test]
async fn progress_changes_with_the_batch() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let runs = importer.runs();
    assert_eq!(runs.find("run-1").await.unwrap(), None);
    runs.begin("run-1", CHANGED).await.unwrap();
    assert_eq!(runs.find("run-1").await.unwrap(), Some(RunProgress::default()));
    let to = Checkpoint {
        run: "run-1",
        before: 0,
        rows: 2,
        rejects_bytes: 7,
        report: "{\"rows\":2}",
        at: CHANGED,
    };
    let mut session = begin(&importer, DuplicatePolicy::default());
    let batch: Arc<[_]> = rows(&tenant, vec![user("1", ""), user("2", "")]).into();
    let again = || Arc::clone(&batch);
    // Killed before the commit.
    drop(store(&mut session, again(), None).await.unwrap());
    assert_eq!(runs.find("run-1").await.unwrap(), Some(RunProgress::default()));
    assert_eq!(fixture.count("registrations"), 0);

    let mut session = begin(&importer, DuplicatePolicy::default());
    let stored = store(&mut session, again(), None).await.unwrap();
    session.commit(stored, Some(to)).await.unwrap();
    let kept = RunProgress {
        rows: 2,
        rejects_bytes: 7,
        report: Some("{\"rows\":2}".to_owned()),
    };
    assert_eq!(runs.find("run-1").await.unwrap(), Some(kept));

    // The next process knows the rows of the one before.
    let mut session = begin(&importer, DuplicatePolicy::default());
    session.observe(&batch).await.unwrap();
    let stored = store(&mut session, rows(&tenant, vec![user("2", ""), user("3", "")]), None)
        .await
        .unwrap();
    let shown: Vec<_> = stored.results.iter().map(|result| show(result.unwrap())).collect();
    assert_eq!(shown, ["rejected: Id File", "imported"]);
    assert!(
        session.commit(stored, Some(to)).await.is_err(),
        "another process has gone on"
    );
    runs.end("run-1").await.unwrap();
    let stored = store(&mut session, again(), None).await.unwrap();
    let next = Checkpoint {
        before: 2,
        rows: 4,
        ..to
    };
    assert!(
        session.commit(stored, Some(next)).await.is_err(),
        "another process has ended the run"
    );
    assert_eq!(fixture.count("registrations"), 2);
}

#[tokio::test]
async fn hashes_are_put_aside_and_found() {
    let (fixture, _) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let hashes = |texts: &[(&str, &str)]| {
        texts
            .iter()
            .map(|(key, hash)| ((*key).to_owned(), (*hash).to_owned()))
            .collect()
    };
    let mut session = begin(&importer, DuplicatePolicy::default());
    session.put_hashes(&hashes(&[("a", "1"), ("b", "2")])).await.unwrap();
    session.put_hashes(&hashes(&[("b", "3")])).await.unwrap();
    assert_eq!(importer.runs().complete_hashes("run-1").await.unwrap(), None);
    importer.runs().begin("run-1", CHANGED).await.unwrap();
    let with_rejected = Checkpoint {
        run: "run-1",
        before: 0,
        rows: 0,
        rejects_bytes: 9,
        report: "{}",
        at: CHANGED,
    };
    let completed = session.complete_hashes("2 rows".to_owned(), Some(with_rejected));
    completed.await.unwrap();
    let run = importer.runs().find("run-1").await.unwrap().unwrap();
    assert_eq!((run.rows, run.rejects_bytes), (0, 9));
    let complete = importer.runs().complete_hashes("run-1").await.unwrap();
    assert_eq!(complete.as_deref(), Some("2 rows"));
    let keys = ["b", "c"].map(str::to_owned);
    assert_eq!(session.find_hashes(&keys).await.unwrap(), hashes(&[("b", "3")]));
    importer.runs().end("run-1").await.unwrap();
    assert_eq!(fixture.count("import_scratch"), 0);

    let mut dry = begin(&importer.clone().dry_run(), DuplicatePolicy::default());
    dry.put_hashes(&hashes(&[("a", "1")])).await.unwrap();
    dry.complete_hashes("1 row".to_owned(), None).await.unwrap();
    let keys = ["a".to_owned()];
    assert_eq!(dry.find_hashes(&keys).await.unwrap(), hashes(&[("a", "1")]));
    drop(dry);
    assert_eq!(fixture.count("import_scratch"), 0);
}

/// A crash of the server empties an unlogged table.
#[tokio::test]
async fn lost_hashes_stop_the_import() {
    let (fixture, _) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begin(&importer, DuplicatePolicy::default());
    let hashes = HashMap::from([("a".to_owned(), "1".to_owned())]);
    session.put_hashes(&hashes).await.unwrap();
    fixture.sql("TRUNCATE import_scratch");
    session.put_hashes(&hashes).await.unwrap();
    let completed = session.complete_hashes("1 row".to_owned(), None).await;
    assert!(matches!(completed, Err(ImportStopError::HashesLost)), "{completed:?}");

    let mut session = begin(&importer, DuplicatePolicy::default());
    session.put_hashes(&hashes).await.unwrap();
    session.complete_hashes("1 row".to_owned(), None).await.unwrap();
    fixture.sql("TRUNCATE import_scratch");
    let found = session.find_hashes(&["a".to_owned()]).await;
    assert!(matches!(found, Err(ImportStopError::HashesLost)), "{found:?}");
}

#[tokio::test]
async fn concurrent_writers_of_one_id_leave_one() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begin(&importer, DuplicatePolicy::default());
    let batch = rows(&tenant, vec![user("1", "ann@example.org")]);
    // The other writer holds its row until the import waits for it.
    let database = Arc::clone(&fixture.database);
    let other = std::thread::spawn(move || {
        database.run(
            "BEGIN; INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, \
             first_name, last_name, metadata, search_terms) \
             SELECT id, 0, false, true, '1', 'x@example.org', '', '', '', '', '{}', '{}' FROM pools; SELECT pg_sleep(1); COMMIT",
        )
    });
    while fixture.count("pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let stored = store(&mut session, batch, None).await.unwrap();
    other.join().unwrap().unwrap();
    assert_eq!(show(stored.results[0].unwrap()), "skipped Exists: Id Store");
    session.commit(stored, None).await.unwrap();
    assert_eq!(fixture.count("registrations"), 1);
}

/// Removes and inserts users of the import, each in a transaction of its own, until there is a table `finished`, for a minute at most.
const RACING_WRITER: &str = "
    DO $$ DECLARE n integer; BEGIN
        WHILE to_regclass('finished') IS NULL AND clock_timestamp() < statement_timestamp() + interval '1 minute' LOOP
            n := 1 + floor(random() * 300);
            DELETE FROM registrations WHERE crid = n::text;
            COMMIT;
            INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                       last_name, metadata, search_terms)
            SELECT id, 0, false, true, n::text, n || '@' || current_database(), '', '', '', '', '{}', '{}' FROM pools
                ON CONFLICT DO NOTHING;
            COMMIT;
        END LOOP;
    END $$";

#[tokio::test]
async fn busy_writers_do_not_stop_an_import() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let database = Arc::clone(&fixture.database);
            std::thread::spawn(move || database.run(RACING_WRITER))
        })
        .collect();
    while fixture.count("registrations") < 100 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Of no other test: the log is read.
    let domain = fixture.database.name();
    let import = async {
        let mut session = begin(&fixture.store.importer(), DuplicatePolicy::default());
        for _ in 0..5 {
            let users = (1..=300).map(|n| user(&n.to_string(), &format!("{n}@{domain}")));
            let stored = store(&mut session, rows(&tenant, users.collect()), None).await?;
            assert_eq!(stored.results.len(), 300);
            session.commit(stored, None).await?;
        }
        Ok::<_, ImportStopError>(())
    };
    let imported = import.await;
    fixture.sql("CREATE TABLE finished ()");
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
    imported.unwrap();
    if let Some(log) = fixture.database.server().log_file() {
        let log = String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned();
        assert!(!log.contains(&format!("@{domain}")), "an address is in the log");
    }
}

#[tokio::test]
async fn new_users_have_their_state_in_the_result() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let mut session = begin(&fixture.store.importer(), DuplicatePolicy::default());
    let with_password = NewRegistration {
        password_hash: Some("$md5$x".into()),
        ..user("2", "")
    };
    let stored = store(
        &mut session,
        rows(&tenant, vec![user("1", ""), with_password, user("1", "")]),
        None,
    )
    .await
    .unwrap();
    let states: Vec<_> = stored.results.iter().map(|result| result.unwrap().state).collect();
    assert_eq!(states, [Some(UserState::Lite), Some(UserState::Unverified), None]);
}

#[tokio::test]
async fn mastered_pool_has_each_address_once() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import(&fixture.store, &tenant, [user("1", "Ann@example.org")].into_iter()).await;
    let done = import(
        &fixture.store,
        &tenant,
        [user("3", ""), user("2", "ann@EXAMPLE.org")].into_iter(),
    )
    .await;
    let taken = RowError::Duplicate {
        key: DuplicateKey::Email,
        place: DuplicatePlace::Store,
    };
    assert_eq!((done.inserted, done.rejected), (1, vec![(2, taken)]));
    assert_eq!(taken.to_string(), "email: in use by another registration");
    // The unique index enforces the same rule.
    let forced = fixture.database.run(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, \
         first_name, last_name, metadata, search_terms) SELECT pool, state, verified, masters_accounts, 'x', email_key, '', '', \
         '', '', '{}', '{}' FROM registrations WHERE crid = '1'",
    );
    assert!(forced.unwrap_err().to_string().contains("registrations_email_key"));
}

#[tokio::test]
async fn rows_are_narrow() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import_users(&fixture.store, &tenant, 0..500).await;
    let width = fixture.sql("SELECT pg_relation_size('registrations') / count(*) FROM registrations");
    assert!(width.parse::<u32>().unwrap() < 512, "{width} bytes a row");
}
