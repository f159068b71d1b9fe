//! Lists over both sides: the rows of a directory's search as entries.

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

use super::{profile, state::provider_of, trouble::Trouble, write::UNTOLD};
use crate::{
    database::Database,
    question::{Foreign, Question},
    row::{self, ACCOUNT_COLUMNS, BadRow},
    search::{Found, corrupt},
};

/// Where the columns of a row begin, after the question's number and the total: the standing, the entry's own, the
/// registration's.
pub(crate) const STANDING: usize = 2;
pub(crate) const ENTRY: usize = 3;
pub(crate) const REGISTRATION: usize = 7;

/// Where a row of a list says whether the directory is whole: behind the registration.
const WHOLE: usize = REGISTRATION + ACCOUNT_COLUMNS;

/// The page that was found; `None` where no list may be answered from the directory.
pub(super) fn page_of(found: &Found, tenant: &Tenant, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
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
        .map(|row| entry_of(row, tenant))
        .collect::<Result<Vec<_>, _>>()
        .map_err(corrupt)?;
    let size = usize::from(query.size);
    let more = entries.len() > size;
    entries.truncate(size);
    if !query.filter.metadata.is_empty() {
        // Two pairs of metadata may share a token, if somebody took pains to make them.
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
    pair.merged(&tenant.settings.precedence, UNTOLD)
        .is_some_and(|(merged, _)| query.filter.matches(&merged))
}

/// The entry that a row tells, from [`ENTRY`] on; refuses a row that is not of the tenant's pool.
pub(crate) fn entry_of(row: &PgRow, tenant: &Tenant) -> Result<MirrorEntry, BadRow> {
    if row::number(row, ENTRY, "pool")? != tenant.pool.0 {
        return Err(BadRow::WrongPool);
    }
    let as_of: Option<OffsetDateTime> = row::moment(row, ENTRY + 2, "profile_as_of")?;
    let profile = match (as_of, row::optional_text(row, ENTRY + 3, "profile")?) {
        (Some(as_of), Some(text)) => Some(Profile {
            account: profile::account_of(row::text(row, ENTRY + 1, "crid")?, text)?,
            as_of,
        }),
        _ => None,
    };
    let registration = if row::is_empty(row, REGISTRATION) {
        None
    } else {
        Some(row::account_of(row, REGISTRATION, tenant.pool)?)
    };
    Ok(MirrorEntry { registration, profile })
}

/// The page of conditions that no key can meet.
pub(super) fn nobody(query: &UserQuery, (as_of, whole): (OffsetDateTime, bool)) -> MirrorPage {
    MirrorPage {
        whole,
        entries: Vec::new(),
        more: false,
        total: (query.count != CountMode::None).then_some(Total::Exact(0)),
        as_of,
    }
}

/// When the provider's side was last true, and whether it is whole; `None` where no list may be answered from the directory.
pub(super) async fn as_of(pool: &Database, tenant: &Tenant) -> Result<Option<(OffsetDateTime, bool)>, Trouble> {
    let question = Question::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "question!", s.as_of AS "as_of?", coalesce(s.whole AND s.braked_at IS NULL, false) AS "whole!"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN directories AS s ON s.pool = $1 AND s.provider = $2 AND s.precedence = $3 AND s.entered_to IS NULL"#,
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
        question.number(),
    )
    .fetch_one(pool)
    .await?;
    question.check(row.question)?;
    Ok(row.as_of.map(|as_of| (as_of, row.whole)))
}

/// As [`masthead_ports::mirror::UserMirror::profile`].
pub(super) async fn profile(
    pool: &Database,
    tenant: &Tenant,
    id: &CustomerRegistrationId,
) -> Result<Option<Profile>, Trouble> {
    let question = Question::new();
    let rows = sqlx::query_as!(
        ProfileRow,
        r#"SELECT q.n AS "question!", d.crid AS "crid?", d.profile::text AS profile, d.profile_as_of AS "as_of?"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN (directory_entries AS d JOIN directories AS s ON s.pool = d.pool)
               ON d.pool = $1 AND d.crid = $2 AND d.profile IS NOT NULL AND s.provider = $3"#,
        tenant.pool.0,
        id.as_str(),
        provider_of(tenant),
        question.number(),
    )
    .fetch_all(pool)
    .await?;
    Ok(profiles_of(question, rows)?.pop())
}

/// As [`masthead_ports::mirror::UserMirror::profiles_by_email`].
pub(super) async fn profiles_by_email(
    pool: &Database,
    tenant: &Tenant,
    email: &EmailKey,
) -> Result<Vec<Profile>, Trouble> {
    let question = Question::new();
    let rows = sqlx::query_as!(
        ProfileRow,
        r#"SELECT q.n AS "question!", d.crid AS "crid?", d.profile::text AS profile, d.profile_as_of AS "as_of?"
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN ((SELECT * FROM directory_entries
                    WHERE pool = $1 AND email_key = $2 AND profile_email IS NULL AND profile IS NOT NULL
                   UNION ALL
                   SELECT * FROM directory_entries WHERE pool = $1 AND profile_email = $2 AND profile_email <> '') AS d
             JOIN directories AS s ON s.pool = d.pool) ON s.provider = $3
            ORDER BY d.crid"#,
        tenant.pool.0,
        email.as_str(),
        provider_of(tenant),
        question.number(),
    )
    .fetch_all(pool)
    .await?;
    profiles_of(question, rows)
}

/// A row of a question for profiles: without one where there is none.
struct ProfileRow {
    question: i64,
    crid: Option<String>,
    profile: Option<String>,
    as_of: Option<OffsetDateTime>,
}

/// The profiles of a question's rows, of which there is at least one.
fn profiles_of(question: Question, rows: Vec<ProfileRow>) -> Result<Vec<Profile>, Trouble> {
    if rows.is_empty() {
        return Err(sqlx::Error::from(Foreign::Missing).into());
    }
    let mut profiles = Vec::with_capacity(rows.len());
    for row in rows {
        question.check(row.question)?;
        let Some(((crid, text), as_of)) = row.crid.zip(row.profile).zip(row.as_of) else {
            continue;
        };
        let account = profile::account_of(&crid, &text)?;
        profiles.push(Profile { account, as_of });
    }
    Ok(profiles)
}

/// As [`masthead_ports::mirror::UserMirror::status`].
pub(super) async fn standing(pool: &Database, tenant: &Tenant) -> Result<Option<MirrorStatus>, Trouble> {
    let question = Question::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "question!", CASE WHEN s.entered_to IS NULL THEN s.as_of END AS as_of, s.braked_at AS "braked_at?",
                  coalesce(s.whole, false) AS "whole!",
                  CASE WHEN s.pool IS NOT NULL THEN
                    (SELECT count(*) FROM directory_entries AS d WHERE d.pool = $1 AND d.profile IS NOT NULL)
                  END AS profiles
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN directories AS s ON s.pool = $1 AND s.provider = $2 AND s.precedence = $3"#,
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
        question.number(),
    )
    .fetch_one(pool)
    .await?;
    question.check(row.question)?;
    Ok(row.profiles.map(|profiles| MirrorStatus {
        as_of: row.as_of,
        whole: row.whole,
        profiles: profiles.unsigned_abs(),
        braked_at: row.braked_at,
    }))
}
