//! The maintained totals of one pool.

use masthead_domain::tenant::PoolId;
use sqlx::{Postgres, QueryBuilder, Row as _, postgres::PgRow};

/// Whose users are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TotalsSource {
    /// The registrations.
    Registrations,
    /// The entries of the mirror.
    Mirror,
}

/// How many users a source has in a pool: exact for the snapshot in which they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolTotals {
    /// Equal in two snapshots only if all rows of users that lists of the source read are equal too. For the mirror these
    /// are its entries and the registrations, which its lists join.
    pub(crate) version: i64,
    all: u64,
    active: u64,
    rows: StoredRows,
}

/// How many rows the totals are the sums of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredRows {
    registrations: u64,
    mirror: u64,
}

/// The sums, as `integer`, of which PostgreSQL makes a `bigint`: a sum of `bigint` is a `numeric`, at several times the cost.
macro_rules! sum_of_users {
    ($filter:literal) => {
        concat!("coalesce(sum(t.users::integer)", $filter, ", 0)")
    };
}

/// What [`PoolTotals::from_row`] reads: one column for the version, the stored rows of registrations and of the mirror, all users, and those
/// that are not `Unverified`.
const OF_REGISTRATIONS: &str = concat!(
    "SELECT ARRAY[xor_agg(t.mark), count(*), 0, ",
    sum_of_users!(""),
    ", ",
    sum_of_users!(" FILTER (WHERE t.state < 2)"),
    "] FROM registration_totals AS t WHERE t.pool = "
);

/// The same; all users of a provider are `Standard` (contract §2.3).
const OF_MIRROR: &str = concat!(
    "SELECT ARRAY[m.version # r.version, r.stored, m.stored, m.users, m.users] \
       FROM (SELECT xor_agg(t.mark) AS version, count(*) AS stored FROM registration_totals AS t WHERE t.pool = p.pool) AS r, \
       (SELECT xor_agg(t.mark) AS version, count(*) AS stored, ",
    sum_of_users!(""),
    " AS users FROM mirror_totals AS t WHERE t.pool = p.pool) AS m"
);

/// Writes the column `totals`, in the snapshot of the statement, which computes it once.
pub(crate) fn push_totals(sql: &mut QueryBuilder<Postgres>, source: TotalsSource, pool: PoolId) {
    sql.push("(");
    match source {
        TotalsSource::Registrations => sql.push(OF_REGISTRATIONS).push_bind(pool.0),
        TotalsSource::Mirror => sql
            .push("SELECT v.numbers FROM (SELECT ")
            .push_bind(pool.0)
            .push("::bigint AS pool) AS p CROSS JOIN LATERAL (")
            .push(OF_MIRROR)
            .push(") AS v (numbers)"),
    };
    sql.push(") AS totals");
}

impl PoolTotals {
    /// Reads the column that [`push_totals`] writes.
    ///
    /// # Errors
    /// A total is negative.
    pub(crate) fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let numbers: Vec<i64> = row.try_get("totals")?;
        let [version, counts @ ..] = &numbers[..] else {
            return Err(sqlx::Error::Decode("no totals".into()));
        };
        let counts: Result<Vec<u64>, _> = counts.iter().map(|count| u64::try_from(*count)).collect();
        let counts = counts.map_err(|negative| sqlx::Error::Decode(Box::new(negative)))?;
        let &[registrations, mirror, all, active] = &counts[..] else {
            return Err(sqlx::Error::Decode("another number of totals".into()));
        };
        Ok(Self {
            version: *version,
            all,
            active,
            rows: StoredRows { registrations, mirror },
        })
    }

    /// All users.
    pub(crate) const fn all(&self) -> u64 {
        self.all
    }

    /// The users whose state is not `Unverified`.
    pub(crate) const fn active(&self) -> u64 {
        self.active
    }

    /// The sources with more stored rows than this in the pool.
    pub(super) fn sources_with_more_rows(&self, than: u64) -> impl Iterator<Item = TotalsSource> {
        let both = [
            (TotalsSource::Registrations, self.rows.registrations),
            (TotalsSource::Mirror, self.rows.mirror),
        ];
        both.into_iter()
            .filter(move |(_, rows)| *rows > than)
            .map(|(source, _)| source)
    }
}

/// A statement that reads the totals alone.
#[cfg(test)]
pub(crate) fn totals_statement(source: TotalsSource, pool: PoolId) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT ");
    push_totals(&mut sql, source, pool);
    sql
}
