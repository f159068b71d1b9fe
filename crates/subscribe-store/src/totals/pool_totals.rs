//! The maintained totals of one pool.

use masthead_domain::{state::UserState, tenant::PoolId};
use sqlx::{Executor, Postgres, Row as _, postgres::PgRow};

use crate::query_tag::QueryTag;

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

/// The only row of both statements: the query tag, the version, the number of stored rows, and the sums.
pub(crate) const REGISTRATION_TOTALS: &str = concat!(
    "SELECT $2::bigint AS query_tag, xor_agg(t.mark) AS version, count(*) AS registration_rows, 0::bigint AS mirror_rows, ",
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
    " AS unverified_verified FROM registration_totals AS t WHERE t.pool = $1"
);

/// All users of a provider are `Standard` (contract §2.3).
pub(crate) const MIRROR_TOTALS: &str = concat!(
    "SELECT $2::bigint AS query_tag, m.version # r.version AS version, r.stored AS registration_rows, m.stored AS mirror_rows, \
            0::bigint AS lite, 0::bigint AS lite_verified, m.standard, m.standard_verified, \
            0::bigint AS unverified, 0::bigint AS unverified_verified \
       FROM (SELECT xor_agg(t.mark) AS version, count(*) AS stored, ",
    sum_where!("NOT t.verified"),
    " AS standard, ",
    sum_where!("t.verified"),
    " AS standard_verified FROM mirror_totals AS t WHERE t.pool = $1) AS m, \
       (SELECT xor_agg(t.mark) AS version, count(*) AS stored FROM registration_totals AS t WHERE t.pool = $1) AS r"
);

/// Columns of both statements.
const TAG: usize = 0;
const VERSION: usize = 1;
const REGISTRATION_ROWS: usize = 2;
const MIRROR_ROWS: usize = 3;
const USERS: usize = 4;

impl PoolTotals {
    /// Reads the totals in the snapshot of the executor: of the statement, or of a `REPEATABLE READ` transaction.
    ///
    /// # Errors
    /// The database is unavailable, the answer belongs to another statement, or a total is negative.
    pub(super) async fn read<'c>(
        executor: impl Executor<'c, Database = Postgres>,
        source: TotalsSource,
        pool: PoolId,
    ) -> Result<Self, sqlx::Error> {
        let tag = QueryTag::new();
        let statement = match source {
            TotalsSource::Registrations => REGISTRATION_TOTALS,
            TotalsSource::Mirror => MIRROR_TOTALS,
        };
        let row = sqlx::query(statement)
            .bind(pool.0)
            .bind(tag.number())
            .fetch_one(executor)
            .await?;
        tag.check(row.try_get(TAG)?)?;
        Ok(Self {
            version: row.try_get(VERSION)?,
            users: [
                [number(&row, USERS)?, number(&row, USERS + 1)?],
                [number(&row, USERS + 2)?, number(&row, USERS + 3)?],
                [number(&row, USERS + 4)?, number(&row, USERS + 5)?],
            ],
            rows: StoredRows {
                registrations: number(&row, REGISTRATION_ROWS)?,
                mirror: number(&row, MIRROR_ROWS)?,
            },
        })
    }

    /// The users with this state and verification. Those of a mirror are `Standard`.
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

fn number(row: &PgRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|negative| sqlx::Error::Decode(Box::new(negative)))
}
