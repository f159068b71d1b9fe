//! Totals and versions are exact on every snapshot, however transactions interleave.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_domain::{
    email::EmailFragment,
    query::{EmailFilter, UserFilter},
    tenant::PoolId,
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestRunner},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgRow};

use super::{
    PgTotals, PoolTotals, TotalsSource,
    fold::{FEW_ROWS, MANY_ROWS, fold_all, fold_once},
    remembered::RememberedTotals,
    totals_statement,
};
use crate::{database::PgDatabase, hand_written::connect, options::StoreOptions};

const WRITERS: usize = 3;
const READERS: usize = 2;
const POOLS: usize = 2;
const LETTERS: [&str; 3] = ["a", "b", "c"];

/// What a writer does to a user of its own: writers that share no user must never wait for each other.
#[derive(Debug, Clone)]
enum Write {
    Put {
        user: u8,
        state: i16,
        verified: bool,
        letter: &'static str,
    },
    Copy {
        users: u8,
        state: i16,
    },
    SetState(u8, i16),
    SetLetter(u8, &'static str),
    MarkDeleted(u8),
    Delete(u8),
    MoveToOtherPool(u8),
    PutEntry {
        user: u8,
        verified: bool,
        letter: &'static str,
    },
    DeleteEntry(u8),
    /// As the background task does, but in the transaction of the writer, which may be rolled back.
    Fold(TotalsSource),
}

#[derive(Debug, Clone)]
enum Step {
    Write { writer: usize, pool: usize, write: Write },
    Savepoint(usize),
    RollbackToSavepoint(usize),
    Commit(usize),
    Rollback(usize),
    TakeSnapshot(usize),
    Read(usize),
}

fn write() -> impl Strategy<Value = Write> {
    let user = || 0..1_u8;
    let letter = || select(&LETTERS[..]);
    prop_oneof![
        4 => (user(), 0..3_i16, any::<bool>(), letter())
            .prop_map(|(user, state, verified, letter)| Write::Put { user, state, verified, letter }),
        1 => (1..5_u8, 0..3_i16).prop_map(|(users, state)| Write::Copy { users, state }),
        2 => (user(), 0..3_i16).prop_map(|(user, state)| Write::SetState(user, state)),
        5 => (user(), letter()).prop_map(|(user, letter)| Write::SetLetter(user, letter)),
        1 => user().prop_map(Write::MarkDeleted),
        1 => user().prop_map(Write::Delete),
        1 => user().prop_map(Write::MoveToOtherPool),
        3 => (user(), any::<bool>(), letter())
            .prop_map(|(user, verified, letter)| Write::PutEntry { user, verified, letter }),
        1 => user().prop_map(Write::DeleteEntry),
        3 => select(&TotalsSource::ALL[..]).prop_map(Write::Fold),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let writer = || 0..WRITERS;
    prop_oneof![
        12 => (writer(), 0..POOLS, write()).prop_map(|(writer, pool, write)| Step::Write { writer, pool, write }),
        1 => writer().prop_map(Step::Savepoint),
        1 => writer().prop_map(Step::RollbackToSavepoint),
        8 => writer().prop_map(Step::Commit),
        1 => writer().prop_map(Step::Rollback),
        5 => (0..READERS).prop_map(Step::TakeSnapshot),
        5 => (0..READERS).prop_map(Step::Read),
    ]
}

async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

async fn connections(database: &TestDatabase, number: usize) -> Vec<PgConnection> {
    let mut all = Vec::new();
    for _ in 0..number {
        let mut connection = PgConnection::connect(&database.url().unwrap()).await.unwrap();
        // The steps run one after the other: waiting for a lock would never end.
        run(&mut connection, "SET lock_timeout = '5s'").await;
        all.push(connection);
    }
    all
}

async fn new_pool(connection: &mut PgConnection, name: &str) -> PoolId {
    let added = sqlx::query_scalar("INSERT INTO pools (name, masters_accounts) VALUES ($1, false) RETURNING id");
    PoolId(added.bind(name).fetch_one(connection).await.unwrap())
}

/// A row of a `COPY` or an `INSERT`.
const COLUMNS: &str = "pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name, last_name, \
                       metadata, search_terms";

async fn copy_in(connection: &mut PgConnection, pool: PoolId, crids: impl Iterator<Item = String>, state: i16) {
    let statement = format!("COPY registrations ({COLUMNS}) FROM STDIN");
    let mut copy = connection.copy_in_raw(&statement).await.unwrap();
    let mut rows = String::new();
    for crid in crids {
        let _ = writeln!(rows, "{}\t{state}\tt\tf\t{crid}\ta@{crid}\t\t\t\t\t{{}}\t{{}}", pool.0);
    }
    copy.send(rows.as_bytes()).await.unwrap();
    copy.finish().await.unwrap();
}

impl Write {
    async fn apply(&self, connection: &mut PgConnection, writer: usize, pools: &[PoolId], pool: usize, step: usize) {
        let PoolId(id) = pools[pool];
        let PoolId(other) = pools[(pool + 1) % pools.len()];
        let of = |user: &u8| format!("pool = {id} AND crid = '{writer}-{user}'");
        let live = |user: &u8| format!("{} AND deleted_at IS NULL", of(user));
        let sql = match self {
            Self::Put {
                user,
                state,
                verified,
                letter,
            } => format!(
                "INSERT INTO registrations ({COLUMNS}) VALUES ({id}, {state}, {verified}, false, '{writer}-{user}',
                    '{letter}@{writer}', '', '', '', '', '{{}}', '{{}}')
                 ON CONFLICT (pool, crid) WHERE deleted_at IS NULL
                 DO UPDATE SET state = EXCLUDED.state, verified = EXCLUDED.verified, email_key = EXCLUDED.email_key"
            ),
            Self::Copy { users, state } => {
                let crids = (0..*users).map(|n| format!("{writer}-{step}-{n}"));
                return copy_in(connection, pools[pool], crids, *state).await;
            }
            Self::SetState(user, state) => format!("UPDATE registrations SET state = {state} WHERE {}", of(user)),
            Self::SetLetter(user, letter) => {
                format!(
                    "UPDATE registrations SET email_key = '{letter}@{writer}' WHERE {}",
                    live(user)
                )
            }
            Self::MarkDeleted(user) => format!("UPDATE registrations SET deleted_at = now() WHERE {}", live(user)),
            Self::Delete(user) => format!("DELETE FROM registrations WHERE {}", of(user)),
            Self::MoveToOtherPool(user) => format!(
                "UPDATE registrations SET pool = {other} WHERE {} AND NOT EXISTS (SELECT FROM registrations
                    WHERE pool = {other} AND crid = '{writer}-{user}' AND deleted_at IS NULL)",
                live(user)
            ),
            Self::PutEntry { user, verified, letter } => format!(
                "INSERT INTO mirror_entries (pool, registration_id, verified, by_email, crid, email_key,
                    first_key, last_key, search_terms)
                 VALUES ({id}, coalesce((SELECT id FROM registrations WHERE {}), 0), {verified}, false,
                    '{writer}-{user}', '{letter}@{writer}', '', '', '{{}}')
                 ON CONFLICT (pool, crid) DO UPDATE SET verified = EXCLUDED.verified, email_key = EXCLUDED.email_key",
                live(user)
            ),
            Self::DeleteEntry(user) => format!("DELETE FROM mirror_entries WHERE {}", of(user)),
            Self::Fold(source) => {
                let before = read(connection, *source, pools[pool]).await;
                let folded: Vec<i64> = pools.iter().map(|pool| pool.0).collect();
                fold_once(&mut *connection, *source, &folded).await.unwrap();
                let after = read(connection, *source, pools[pool]).await;
                assert_eq!(
                    numbers(&before),
                    numbers(&after),
                    "folding changes neither totals nor version"
                );
                return;
            }
        };
        run(connection, sql).await;
    }
}

async fn read_row(connection: &mut PgConnection, source: TotalsSource, pool: PoolId) -> PgRow {
    totals_statement(source, pool)
        .build()
        .fetch_one(connection)
        .await
        .unwrap()
}

async fn read(connection: &mut PgConnection, source: TotalsSource, pool: PoolId) -> PoolTotals {
    PoolTotals::from_row(&read_row(connection, source, pool).await).unwrap()
}

/// The version and all totals; not the number of stored rows.
const fn numbers(totals: &PoolTotals) -> (i64, u64, u64) {
    (totals.version, totals.all(), totals.active())
}

/// The stored totals by rank of the state, then by verification.
async fn stored(connection: &mut PgConnection, source: TotalsSource, pool: PoolId) -> [u64; 6] {
    let groups = match source {
        TotalsSource::Registrations => {
            "SELECT state, verified, sum(users)::bigint FROM registration_totals WHERE pool = $1 GROUP BY 1, 2"
        }
        TotalsSource::Mirror => {
            "SELECT 1::smallint, verified, sum(users)::bigint FROM mirror_totals WHERE pool = $1 GROUP BY verified"
        }
    };
    by_group(connection, groups, pool).await
}

/// The same by `count(*)`.
async fn counted(connection: &mut PgConnection, source: TotalsSource, pool: PoolId) -> [u64; 6] {
    let groups = match source {
        TotalsSource::Registrations => {
            "SELECT state, verified, count(*) FROM registrations WHERE pool = $1 AND deleted_at IS NULL GROUP BY 1, 2"
        }
        // All users of a provider are `Standard`.
        TotalsSource::Mirror => {
            "SELECT 1::smallint, verified, count(*) FROM mirror_entries WHERE pool = $1 GROUP BY verified"
        }
    };
    by_group(connection, groups, pool).await
}

async fn by_group(connection: &mut PgConnection, groups: &'static str, pool: PoolId) -> [u64; 6] {
    let rows = sqlx::query(groups).bind(pool.0).fetch_all(connection).await.unwrap();
    let by_group: BTreeMap<(i16, bool), u64> = rows
        .iter()
        .map(|row| ((row.get(0), row.get(1)), row.get::<i64, _>(2).cast_unsigned()))
        .collect();
    let of = |state: i16, verified| by_group.get(&(state, verified)).copied().unwrap_or_default();
    [
        of(0, false),
        of(0, true),
        of(1, false),
        of(1, true),
        of(2, false),
        of(2, true),
    ]
}

/// How many users have each of the letters in their address, of the mirror in the address of either side.
async fn counted_with_letters(connection: &mut PgConnection, source: TotalsSource, pool: PoolId) -> [u64; 3] {
    let sql = match source {
        TotalsSource::Registrations => {
            "SELECT count(r) FROM unnest($2::text[]) WITH ORDINALITY AS l (letter, n) LEFT JOIN registrations AS r
               ON pool = $1 AND deleted_at IS NULL AND strpos(email_key, letter) > 0 GROUP BY n ORDER BY n"
        }
        TotalsSource::Mirror => {
            "SELECT count(d) FROM unnest($2::text[]) WITH ORDINALITY AS l (letter, n) LEFT JOIN
                (mirror_entries AS d LEFT JOIN registrations AS r
                   ON r.pool = d.pool AND r.id = d.registration_id AND r.deleted_at IS NULL)
               ON d.pool = $1 AND (strpos(d.email_key, letter) > 0 OR strpos(r.email_key, letter) > 0) GROUP BY n ORDER BY n"
        }
    };
    let counts = sqlx::query_scalar::<_, i64>(sql).bind(pool.0).bind(&LETTERS[..]);
    let counts = counts.fetch_all(connection).await.unwrap();
    <[i64; 3]>::try_from(counts).unwrap().map(i64::cast_unsigned)
}

fn containing(letter: &str) -> UserFilter {
    UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(letter))],
        ..UserFilter::default()
    }
}

/// Compares all totals of the connection's snapshot with `count(*)`. Returns how many were remembered.
async fn check_snapshot(connection: &mut PgConnection, pools: &[PoolId], remembered: &RememberedTotals) -> u32 {
    let mut hits = 0;
    for pool in pools {
        for source in TotalsSource::ALL {
            let totals = read(connection, source, *pool).await;
            let counted = counted(connection, source, *pool).await;
            assert_eq!(stored(connection, source, *pool).await, counted, "{source:?}");
            let (version, all, active) = numbers(&totals);
            let [active_users, users] = [4, 6].map(|groups| counted[..groups].iter().sum());
            assert_eq!((all, active), (users, active_users), "{source:?}");
            let letters = counted_with_letters(connection, source, *pool).await;
            for (letter, real) in LETTERS.into_iter().zip(letters) {
                let key = remembered.key(source, *pool, &containing(letter), false);
                match remembered.get(&key, version) {
                    Some(total) => {
                        assert_eq!(total, real, "{source:?} {letter}");
                        hits += 1;
                    }
                    None => remembered.insert(key, version, real),
                }
            }
        }
    }
    hits
}

struct Interleaving<'a> {
    writers: &'a mut [PgConnection],
    in_transaction: [bool; WRITERS],
    has_savepoint: [bool; WRITERS],
    readers: &'a mut [PgConnection],
    pools: Vec<PoolId>,
    remembered: RememberedTotals,
    hits: u32,
}

impl Interleaving<'_> {
    async fn end(&mut self, writer: usize, how: &str) {
        run(&mut self.writers[writer], how).await;
        self.in_transaction[writer] = false;
        self.has_savepoint[writer] = false;
    }

    async fn take(&mut self, number: usize, step: &Step) {
        match step {
            Step::Write { writer, pool, write } => {
                let connection = &mut self.writers[*writer];
                if !self.in_transaction[*writer] {
                    run(connection, "BEGIN").await;
                    self.in_transaction[*writer] = true;
                }
                write.apply(connection, *writer, &self.pools, *pool, number).await;
            }
            Step::Savepoint(writer) if self.in_transaction[*writer] => {
                run(&mut self.writers[*writer], "SAVEPOINT s").await;
                self.has_savepoint[*writer] = true;
            }
            Step::RollbackToSavepoint(writer) if self.has_savepoint[*writer] => {
                run(&mut self.writers[*writer], "ROLLBACK TO s").await;
            }
            Step::Savepoint(_) | Step::RollbackToSavepoint(_) => {}
            Step::Commit(writer) => {
                self.end(*writer, "COMMIT").await;
                // Each committed state is seen: a change without a new version is hidden by the next change with one.
                let committed = check_snapshot(&mut self.writers[*writer], &self.pools, &self.remembered);
                self.hits += committed.await;
            }
            Step::Rollback(writer) => self.end(*writer, "ROLLBACK").await,
            Step::TakeSnapshot(reader) => {
                let script = "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1 FROM pools LIMIT 1";
                run(&mut self.readers[*reader], script).await;
            }
            Step::Read(reader) => {
                let connection = &mut self.readers[*reader];
                self.hits += check_snapshot(connection, &self.pools, &self.remembered).await;
            }
        }
    }
}

#[test]
fn totals_are_exact_on_each_snapshot() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (database, setup) = runtime.block_on(connect());
    let mut writers = runtime.block_on(connections(&database, WRITERS));
    // The one that adds pools is the last.
    writers.push(setup);
    let readers = runtime.block_on(connections(&database, READERS));
    let connections = RefCell::new((writers, readers));
    let (cases, hits) = (Cell::new(0_u32), Cell::new(0_u32));
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&vec(step(), 20..80), |steps| {
        let (writers, readers) = &mut *connections.borrow_mut();
        cases.set(cases.get() + 1);
        hits.set(hits.get() + runtime.block_on(take_all(writers, readers, cases.get(), &steps)));
        Ok(())
    });
    checked.unwrap();
    let hits = hits.get();
    assert!(hits > 500, "remembered totals were compared {hits} times");
}

/// Takes the steps in new pools. Returns how many totals were remembered.
async fn take_all(writers: &mut [PgConnection], readers: &mut [PgConnection], case: u32, steps: &[Step]) -> u32 {
    // After a failure, the connections of the last case are still in transactions.
    for connection in writers.iter_mut().chain(readers.iter_mut()) {
        run(connection, "ROLLBACK").await;
    }
    let mut pools = Vec::new();
    for n in 0..POOLS {
        pools.push(new_pool(&mut writers[WRITERS], &format!("{case}-{n}")).await);
    }
    let mut interleaving = Interleaving {
        writers,
        in_transaction: [false; WRITERS],
        has_savepoint: [false; WRITERS],
        readers,
        pools,
        remembered: RememberedTotals::new(1000),
        hits: 0,
    };
    for (number, step) in steps.iter().enumerate() {
        interleaving.take(number, step).await;
    }
    for writer in 0..WRITERS {
        interleaving.end(writer, "COMMIT").await;
    }
    for reader in 0..READERS {
        interleaving.take(0, &Step::TakeSnapshot(reader)).await;
        interleaving.take(0, &Step::Read(reader)).await;
    }
    interleaving.hits
}

/// Writers, folders and readers at the same time, as they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn totals_are_exact_under_load() {
    const WRITES: usize = 150;
    let (database, mut setup) = connect().await;
    let pools = vec![new_pool(&mut setup, "one").await, new_pool(&mut setup, "two").await];
    let mut tasks = tokio::task::JoinSet::new();
    for (writer, mut connection) in connections(&database, WRITERS).await.into_iter().enumerate() {
        let pools = pools.clone();
        tasks.spawn(async move {
            let mut state = writer;
            for n in 0..WRITES {
                // Any mixture will do: the interleaving is that of the machine.
                state = state.wrapping_mul(31).wrapping_add(n) % 1_000_003;
                let (user, state_rank) = (u8::try_from(state % 4).unwrap(), i16::try_from(state % 3).unwrap());
                let letter = LETTERS[state % 3];
                let verified = state % 2 == 0;
                let writes = [
                    Write::Put {
                        user,
                        state: state_rank,
                        verified,
                        letter,
                    },
                    Write::PutEntry { user, verified, letter },
                    [
                        Write::SetState(user, 0),
                        Write::MarkDeleted(user),
                        Write::DeleteEntry(user),
                    ][state % 3]
                        .clone(),
                ];
                run(&mut connection, "BEGIN").await;
                for write in &writes {
                    write.apply(&mut connection, writer, &pools, state % POOLS, n).await;
                }
                run(&mut connection, if state % 5 == 0 { "ROLLBACK" } else { "COMMIT" }).await;
            }
            0
        });
    }
    for mut connection in connections(&database, 2).await {
        let pools = pools.clone();
        tasks.spawn(async move {
            for n in 0..WRITES {
                for source in TotalsSource::ALL {
                    fold_once(&mut connection, source, &[pools[n % POOLS].0]).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            0
        });
    }
    let remembered = std::sync::Arc::new(RememberedTotals::new(1000));
    for mut connection in connections(&database, READERS).await {
        let (pools, remembered) = (pools.clone(), std::sync::Arc::clone(&remembered));
        tasks.spawn(async move {
            let mut hits = 0;
            for _ in 0..40 {
                run(&mut connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
                check_snapshot(&mut connection, &pools, &remembered).await;
                hits += check_snapshot(&mut connection, &pools, &remembered).await;
                run(&mut connection, "COMMIT").await;
            }
            hits
        });
    }
    let hits: u32 = tasks.join_all().await.into_iter().sum();
    assert!(hits > 0);
    check_snapshot(&mut setup, &pools, &remembered).await;
}

#[tokio::test]
async fn every_write_changes_the_version() {
    let (_database, mut connection) = connect().await;
    let pools = [
        new_pool(&mut connection, "one").await,
        new_pool(&mut connection, "two").await,
    ];
    let put = Write::Put {
        user: 0,
        state: 1,
        verified: true,
        letter: "a",
    };
    let entry = Write::PutEntry {
        user: 0,
        verified: true,
        letter: "a",
    };
    for (step, (write, changes_registrations)) in [
        (put.clone(), true),
        (put, true),
        (Write::Copy { users: 2, state: 0 }, true),
        (Write::SetState(0, 2), true),
        // The lists of the mirror read the registrations too.
        (Write::SetLetter(0, "b"), true),
        (entry.clone(), false),
        (entry, false),
        (Write::DeleteEntry(0), false),
        (Write::MoveToOtherPool(0), true),
        (
            Write::Put {
                user: 0,
                state: 1,
                verified: true,
                letter: "a",
            },
            true,
        ),
        (Write::MarkDeleted(0), true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut versions = Vec::new();
        for _ in 0..2 {
            for source in TotalsSource::ALL {
                versions.push(read(&mut connection, source, pools[0]).await.version);
            }
            if versions.len() == 2 {
                write.apply(&mut connection, 0, &pools, 0, step).await;
            }
        }
        assert_eq!(versions[0] != versions[2], changes_registrations, "{write:?}");
        assert_ne!(versions[1], versions[3], "{write:?}");
    }
}

/// As the store's connections, directly and through statements that are each a transaction.
fn writing_database(database: &TestDatabase) -> PgDatabase {
    let options = StoreOptions::new(database.url().unwrap());
    let servers = crate::database_url::DatabaseServers::parse(&options.url).unwrap();
    options.database(options.connector(&servers, &[]), 2)
}

async fn stored_rows(connection: &mut PgConnection, pool: PoolId) -> i64 {
    let rows = sqlx::query_scalar("SELECT count(*) FROM registration_totals WHERE pool = $1");
    rows.bind(pool.0).fetch_one(connection).await.unwrap()
}

async fn add_users(connection: &mut PgConnection, pool: PoolId, users: u64) {
    for n in 0..users {
        copy_in(connection, pool, std::iter::once(format!("user-{n}")), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_has_many_rows_folded() {
    let (database, mut connection) = connect().await;
    let pool = new_pool(&mut connection, "one").await;
    let totals = PgTotals::start(writing_database(&database));
    add_users(&mut connection, pool, MANY_ROWS).await;
    let before = totals
        .read_row(
            &read_row(&mut connection, TotalsSource::Registrations, pool).await,
            TotalsSource::Registrations,
            pool,
        )
        .unwrap();
    assert_eq!((before.all(), before.active()), (MANY_ROWS, MANY_ROWS));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        stored_rows(&mut connection, pool).await,
        MANY_ROWS.cast_signed(),
        "these are not many"
    );

    run(
        &mut connection,
        "UPDATE registrations SET state = 2 WHERE crid = 'user-0'",
    )
    .await;
    // The lists of the mirror read the registrations too, so this reader reports them.
    let before = totals
        .read_row(
            &read_row(&mut connection, TotalsSource::Mirror, pool).await,
            TotalsSource::Mirror,
            pool,
        )
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while stored_rows(&mut connection, pool).await > 2 {
        assert!(Instant::now() < until, "the rows are not folded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let after = totals
        .read_row(
            &read_row(&mut connection, TotalsSource::Mirror, pool).await,
            TotalsSource::Mirror,
            pool,
        )
        .unwrap();
    assert_eq!(numbers(&before), numbers(&after));
    let after = totals
        .read_row(
            &read_row(&mut connection, TotalsSource::Registrations, pool).await,
            TotalsSource::Registrations,
            pool,
        )
        .unwrap();
    assert_eq!((after.all(), after.active()), (MANY_ROWS, MANY_ROWS - 1));
    totals.close(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_folds_all_pools_but_those_with_a_few_rows() {
    let (database, mut connection) = connect().await;
    let few_rows = FEW_ROWS.unsigned_abs();
    let mut pools = Vec::new();
    for (users, rows) in [(MANY_ROWS + 1, 1), (few_rows + 1, 1), (few_rows, FEW_ROWS)] {
        let pool = new_pool(&mut connection, &format!("pool-of-{users}")).await;
        add_users(&mut connection, pool, users).await;
        pools.push((pool, rows));
    }
    fold_all(&writing_database(&database)).await.unwrap();
    for (pool, rows) in &pools {
        assert_eq!(stored_rows(&mut connection, *pool).await, *rows);
    }
    let pools: Vec<PoolId> = pools.iter().map(|(pool, _)| *pool).collect();
    let remembered = RememberedTotals::new(100);
    check_snapshot(&mut connection, &pools, &remembered).await;
}

#[tokio::test]
async fn truncated_tables_have_no_users() {
    let (_database, mut connection) = connect().await;
    let pool = new_pool(&mut connection, "one").await;
    add_users(&mut connection, pool, 3).await;
    let entry = Write::PutEntry {
        user: 0,
        verified: true,
        letter: "a",
    };
    entry.apply(&mut connection, 0, &[pool], 0, 0).await;
    let remembered = RememberedTotals::new(100);
    for (table, registrations, entries) in [("registrations", 0, 1), ("mirror_entries", 0, 0)] {
        run(&mut connection, format!("TRUNCATE {table}")).await;
        check_snapshot(&mut connection, &[pool], &remembered).await;
        assert_eq!(
            read(&mut connection, TotalsSource::Registrations, pool).await.all(),
            registrations
        );
        assert_eq!(read(&mut connection, TotalsSource::Mirror, pool).await.all(), entries);
    }
}

#[tokio::test]
async fn totals_can_be_counted_again() {
    let (_database, mut connection) = connect().await;
    let pool = new_pool(&mut connection, "one").await;
    add_users(&mut connection, pool, 3).await;
    run(
        &mut connection,
        "ALTER TABLE registrations DISABLE TRIGGER USER; DELETE FROM registrations WHERE crid = 'user-1';
         ALTER TABLE registrations ENABLE TRIGGER USER",
    )
    .await;
    let before = read(&mut connection, TotalsSource::Registrations, pool).await;
    assert_eq!(before.all(), 3);
    run(&mut connection, "SELECT recount_totals()").await;
    let after = read(&mut connection, TotalsSource::Registrations, pool).await;
    assert_eq!(after.all(), 2);
    assert_ne!(before.version, after.version);
}
