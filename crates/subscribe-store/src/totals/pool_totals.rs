//! The maintained totals of one pool.

#[cfg(test)]
use masthead_domain::state::UserState;
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
    /// By rank of the state, then by verification.
    users: [[u64; 2]; 3],
    rows: StoredRows,
}

/// How many rows the totals are the sums of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredRows {
    registrations: u64,
    mirror: u64,
}

macro_rules! sum_where {
    ($condition:literal) => {
        concat!("coalesce(sum(t.users) FILTER (WHERE ", $condition, "), 0)::bigint")
    };
}

/// What [`PoolTotals::from_row`] reads, one column instead of nine.
const NUMBERS: &str = "ARRAY[v.version, v.registration_rows, v.mirror_rows, v.lite, v.lite_verified, v.standard, \
                       v.standard_verified, v.unverified, v.unverified_verified]";

const OF_REGISTRATIONS: &str = concat!(
    "SELECT xor_agg(t.mark) AS version, count(*) AS registration_rows, 0::bigint AS mirror_rows, ",
    sum_where!("t.state = 0 AND NOT t.verified"),
    " AS lite, ",
    sum_where!("t.state = 0 AND t.verified"),
    " AS lite_verified, ",
    sum_where!("t.state = 1 AND NOT t.verified"),
    " AS standard, ",
    sum_where!("t.state = 1 AND t.verified"),
    " AS standard_verified, ",
    sum_where!("t.state = 2 AND NOT t.verified"),
    " AS unverified, ",
    sum_where!("t.state = 2 AND t.verified"),
    " AS unverified_verified FROM registration_totals AS t WHERE t.pool = "
);

/// All users of a provider are `Standard` (contract §2.3).
const OF_MIRROR: &str = concat!(
    "SELECT m.version # r.version AS version, r.stored AS registration_rows, m.stored AS mirror_rows, 0::bigint AS lite, \
            0::bigint AS lite_verified, m.standard, m.standard_verified, 0::bigint AS unverified, \
            0::bigint AS unverified_verified \
       FROM (SELECT xor_agg(t.mark) AS version, count(*) AS stored FROM registration_totals AS t WHERE t.pool = p.pool) AS r, \
       (SELECT xor_agg(t.mark) AS version, count(*) AS stored, ",
    sum_where!("NOT t.verified"),
    " AS standard, ",
    sum_where!("t.verified"),
    " AS standard_verified FROM mirror_totals AS t WHERE t.pool = p.pool) AS m"
);

/// Writes the column `totals`: the version, the numbers of stored rows, and the sums, in the snapshot of the statement, which reads them
/// once.
pub(crate) fn push_totals(sql: &mut QueryBuilder<Postgres>, source: TotalsSource, pool: PoolId) {
    sql.push("(SELECT ").push(NUMBERS).push(" FROM ");
    match source {
        TotalsSource::Registrations => sql.push("(").push(OF_REGISTRATIONS).push_bind(pool.0).push(") AS v"),
        TotalsSource::Mirror => sql
            .push("(SELECT ")
            .push_bind(pool.0)
            .push("::bigint AS pool) AS p CROSS JOIN LATERAL (")
            .push(OF_MIRROR)
            .push(") AS v"),
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
        let &[registrations, mirror, l, lv, s, sv, u, uv] = &counts[..] else {
            return Err(sqlx::Error::Decode("another number of totals".into()));
        };
        Ok(Self {
            version: *version,
            users: [[l, lv], [s, sv], [u, uv]],
            rows: StoredRows { registrations, mirror },
        })
    }

    /// The users with this state and verification. Those of a mirror are `Standard`.
    #[cfg(test)]
    pub(crate) const fn users(&self, state: UserState, verified: bool) -> u64 {
        let [no, yes] = match state {
            UserState::Lite => self.users[0],
            UserState::Standard => self.users[1],
            UserState::Unverified => self.users[2],
        };
        if verified { yes } else { no }
    }

    /// All users.
    pub(crate) fn all(&self) -> u64 {
        self.users.iter().flatten().sum()
    }

    /// The users whose state is not `Unverified`.
    pub(crate) fn active(&self) -> u64 {
        self.users[..2].iter().flatten().sum()
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
