//! Reading the mirror: lists, profiles, and its state.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    join::AccountPair,
    query::{CountMode, Total, UserQuery},
    tenant::Tenant,
};
use masthead_ports::{
    mirror::{MirrorEntry, MirrorPage, MirrorStatus, Profile},
    source::SourceError,
};
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::{entry_rows::SIDE_NAMES, error::MirrorError, mirror_row::provider_of, profile};
use crate::{
    database::PgDatabase,
    query_tag::{ForeignRowError, QueryTag},
    row::{self, ACCOUNT_COLUMNS, RowError},
    search::{SearchRows, corrupt},
};

/// Columns of a row, after the query tag and the total: the mirror's `as_of`, the entry, the registration.
pub(crate) const STANDING: usize = 2;
pub(crate) const ENTRY: usize = 3;
pub(crate) const REGISTRATION: usize = 7;

/// Column after the registration: whether the mirror is complete.
const WHOLE: usize = REGISTRATION + ACCOUNT_COLUMNS;

/// The page; `None` if the mirror cannot answer lists.
pub(super) fn page_of(
    found: &SearchRows,
    tenant: &Tenant,
    query: &UserQuery,
) -> Result<Option<MirrorPage>, SourceError> {
    let standing = found
        .rows
        .first()
        .map(|row| row::moment(row, STANDING, "as_of"))
        .transpose()
        .map_err(corrupt)?;
    let (Some(as_of), Some(first)) = (standing.flatten(), found.rows.first()) else {
        return Ok(None);
    };
    let whole = row::truth(first, WHOLE, "whole").map_err(corrupt)?;
    let mut entries = found
        .rows
        .iter()
        .filter(|row| !row::is_empty(row, ENTRY))
        .map(|row| read_entry(row, tenant))
        .collect::<Result<Vec<_>, _>>()
        .map_err(corrupt)?;
    let size = usize::from(query.size);
    let more = entries.len() > size;
    entries.truncate(size);
    if !query.filter.metadata.is_empty() {
        // Different metadata pairs may collide in one search term.
        entries.retain(|entry| meets(entry, tenant, query));
    }
    Ok(Some(MirrorPage {
        entries,
        more,
        total: found.total,
        as_of,
        whole,
    }))
}

fn meets(entry: &MirrorEntry, tenant: &Tenant, query: &UserQuery) -> bool {
    let pair = AccountPair {
        provider: entry.profile.as_ref().map(|profile| profile.account.clone()),
        store: entry.registration.clone(),
    };
    pair.merged(&tenant.settings.precedence, SIDE_NAMES)
        .is_some_and(|(merged, _)| query.filter.matches(&merged))
}

/// The entry of a row, from [`ENTRY`] on; rejects a row of another pool.
pub(crate) fn read_entry(row: &PgRow, tenant: &Tenant) -> Result<MirrorEntry, RowError> {
    if row::number(row, ENTRY, "pool")? != tenant.pool.0 {
        return Err(RowError::WrongPool);
    }
    let as_of: Option<OffsetDateTime> = row::moment(row, ENTRY + 2, "profile_as_of")?;
    let profile = match (as_of, row::optional_text(row, ENTRY + 3, "profile")?) {
        (Some(as_of), Some(text)) => Some(Profile {
            account: profile::parse(row::text(row, ENTRY + 1, "crid")?, text)?,
            as_of,
        }),
        _ => None,
    };
    let registration = if row::is_empty(row, REGISTRATION) {
        None
    } else {
        Some(row::read_account(row, REGISTRATION, tenant.pool)?)
    };
    Ok(MirrorEntry { registration, profile })
}

/// The page of a filter that no key can meet.
pub(super) fn empty_page(query: &UserQuery, (as_of, whole): (OffsetDateTime, bool)) -> MirrorPage {
    MirrorPage {
        whole,
        entries: Vec::new(),
        more: false,
        total: (query.count != CountMode::None).then_some(Total::Exact(0)),
        as_of,
    }
}

/// The mirror's `as_of`, and whether it is complete; `None` if it cannot answer lists.
pub(super) async fn as_of(pool: &PgDatabase, tenant: &Tenant) -> Result<Option<(OffsetDateTime, bool)>, MirrorError> {
    let tag = QueryTag::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "tag!", s.as_of AS "as_of?", coalesce(s.whole AND s.braked_at IS NULL, false) AS "whole!"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN mirrors AS s ON s.pool = $1 AND s.provider = $2 AND s.precedence = $3 AND s.entered_to IS NULL"#,
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
        tag.number(),
    )
    .fetch_one(pool)
    .await?;
    tag.check(row.tag)?;
    Ok(row.as_of.map(|as_of| (as_of, row.whole)))
}

/// As [`masthead_ports::mirror::UserMirror::profiles`], by id.
pub(super) async fn profiles_by_id(
    pool: &PgDatabase,
    tenant: &Tenant,
    id: &CustomerRegistrationId,
) -> Result<Vec<Profile>, MirrorError> {
    let tag = QueryTag::new();
    let rows = sqlx::query_as!(
        ProfileRow,
        r#"SELECT q.n AS "tag!", d.crid AS "crid?", d.profile::text AS profile, d.profile_as_of AS "as_of?"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN (mirror_entries AS d JOIN mirrors AS s ON s.pool = d.pool)
               ON d.pool = $1 AND d.crid = $2 AND d.profile IS NOT NULL AND s.provider = $3"#,
        tenant.pool.0,
        id.as_str(),
        provider_of(tenant),
        tag.number(),
    )
    .fetch_all(pool)
    .await?;
    read_profiles(tag, rows)
}

/// As [`masthead_ports::mirror::UserMirror::profiles`], by address.
pub(super) async fn profiles_by_email(
    pool: &PgDatabase,
    tenant: &Tenant,
    email: &EmailKey,
) -> Result<Vec<Profile>, MirrorError> {
    let tag = QueryTag::new();
    let rows = sqlx::query_as!(
        ProfileRow,
        r#"SELECT q.n AS "tag!", d.crid AS "crid?", d.profile::text AS profile, d.profile_as_of AS "as_of?"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN ((SELECT * FROM mirror_entries
                    WHERE pool = $1 AND email_key = $2 AND profile_email IS NULL AND profile IS NOT NULL
                   UNION ALL
                   SELECT * FROM mirror_entries WHERE pool = $1 AND profile_email = $2 AND profile_email <> '') AS d
             JOIN mirrors AS s ON s.pool = d.pool) ON s.provider = $3
            ORDER BY d.crid"#,
        tenant.pool.0,
        email.as_str(),
        provider_of(tenant),
        tag.number(),
    )
    .fetch_all(pool)
    .await?;
    read_profiles(tag, rows)
}

/// A profile row; without a profile if none exists.
struct ProfileRow {
    tag: i64,
    crid: Option<String>,
    profile: Option<String>,
    as_of: Option<OffsetDateTime>,
}

/// The profiles of the rows, of which there is at least one.
fn read_profiles(tag: QueryTag, rows: Vec<ProfileRow>) -> Result<Vec<Profile>, MirrorError> {
    if rows.is_empty() {
        return Err(sqlx::Error::from(ForeignRowError::Missing).into());
    }
    let mut profiles = Vec::with_capacity(rows.len());
    for row in rows {
        tag.check(row.tag)?;
        let Some(((crid, text), as_of)) = row.crid.zip(row.profile).zip(row.as_of) else {
            continue;
        };
        let account = profile::parse(&crid, &text)?;
        profiles.push(Profile { account, as_of });
    }
    Ok(profiles)
}

/// As [`masthead_ports::mirror::UserMirror::status`].
pub(super) async fn standing(pool: &PgDatabase, tenant: &Tenant) -> Result<Option<MirrorStatus>, MirrorError> {
    let tag = QueryTag::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "tag!", CASE WHEN s.entered_to IS NULL THEN s.as_of END AS as_of, s.braked_at AS "braked_at?",
                  coalesce(s.whole, false) AS "whole!",
                  CASE WHEN s.pool IS NOT NULL THEN
                    (SELECT count(*) FROM mirror_entries AS d WHERE d.pool = $1 AND d.profile IS NOT NULL)
                  END AS profiles
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN mirrors AS s ON s.pool = $1 AND s.provider = $2 AND s.precedence = $3"#,
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
        tag.number(),
    )
    .fetch_one(pool)
    .await?;
    tag.check(row.tag)?;
    Ok(row.profiles.map(|profiles| MirrorStatus {
        as_of: row.as_of,
        whole: row.whole,
        profiles: profiles.unsigned_abs(),
        braked_at: row.braked_at,
    }))
}
