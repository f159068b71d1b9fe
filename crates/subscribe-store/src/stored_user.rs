//! What the store has about one user, for an operator's question why it does not appear.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{PoolId, Tenant},
    user_key::UserKey,
};
use time::OffsetDateTime;

use crate::{
    database::PgDatabase,
    schema::{SchemaError, unavailable},
    tombstones::{StoredTombstone, Tombstones},
};

/// The number of rows of each kind up to which they are shown.
const MOST: i64 = 20;

/// What the store has about a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredUser {
    /// The registrations with the key, those that were deleted last.
    pub registrations: Vec<StoredRegistration>,
    /// Until when a registration waits for the verification of the address.
    pub pending_until: Option<OffsetDateTime>,
    /// The tombstones of the key; `None` where there are no sealing keys to recognise them with.
    pub tombstones: Option<Vec<StoredTombstone>>,
    /// Two-sided writes of the id that are not settled.
    pub open_writes: i64,
}

/// A registration, without what is personal but its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRegistration {
    /// Its number in the audit log.
    pub number: i64,
    /// Its id.
    pub crid: CustomerRegistrationId,
    /// Whether its address is verified.
    pub verified: bool,
    /// Whether it has a password.
    pub has_password: bool,
    /// When it was registered.
    pub registered_at: Option<OffsetDateTime>,
    /// When it was deleted.
    pub deleted_at: Option<OffsetDateTime>,
}

/// Reads what the store has about single users.
#[derive(Clone)]
pub struct StoredUsers {
    pub(crate) pool: PgDatabase,
    pub(crate) tombstones: Tombstones,
}

impl StoredUsers {
    /// What the store has about the user with this key, at `at`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn find(&self, tenant: &Tenant, key: &UserKey, at: OffsetDateTime) -> Result<StoredUser, SchemaError> {
        let found = self.find_user(tenant.pool, key, at).await;
        found.map_err(unavailable)
    }

    async fn find_user(&self, pool: PoolId, key: &UserKey, at: OffsetDateTime) -> Result<StoredUser, sqlx::Error> {
        let (id, email) = match key {
            UserKey::Id(id) => (Some(id.as_str()), None),
            UserKey::Email(email) => (None, Some(email.as_str())),
        };
        let mut transaction = self.pool.begin().await?;
        let live = sqlx::query_as!(
            RegistrationRow,
            r#"SELECT id AS "id!", crid AS "crid!", verified AS "verified!",
                      coalesce(password_hash, '') <> '' AS "has_password!", registered_at, deleted_at
                 FROM registrations WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL
                UNION ALL
               SELECT id, crid, verified, coalesce(password_hash, '') <> '', registered_at, deleted_at
                 FROM registrations WHERE pool = $1 AND email_key = $3 AND deleted_at IS NULL
                LIMIT $4"#,
            pool.0,
            id,
            email,
            MOST,
        )
        .fetch_all(&mut transaction)
        .await?;
        // The index of deleted registrations; no index has their ids and addresses.
        let deleted = sqlx::query_as!(
            RegistrationRow,
            r#"SELECT id, crid, verified, coalesce(password_hash, '') <> '' AS "has_password!", registered_at, deleted_at
                 FROM registrations
                WHERE pool = $1 AND deleted_at IS NOT NULL AND (crid = $2 OR email_key = $3)
                ORDER BY deleted_at DESC LIMIT $4"#,
            pool.0,
            id,
            email,
            MOST,
        )
        .fetch_all(&mut transaction)
        .await?;
        let pending_until = sqlx::query_scalar!(
            "SELECT expires_at FROM pending_registrations WHERE pool = $1 AND email_key = $2 AND expires_at > $3",
            pool.0,
            email,
            at,
        )
        .fetch_optional(&mut transaction)
        .await?;
        let open_writes = sqlx::query_scalar!(
            r#"SELECT count(*) AS "open!" FROM write_intents WHERE pool = $1 AND crid = $2"#,
            pool.0,
            id,
        )
        .fetch_one(&mut transaction)
        .await?;
        let tombstones = self.tombstones.find_by_key(&mut transaction, pool, key).await?;
        transaction.rollback().await?;
        let registrations = live.into_iter().chain(deleted).map(RegistrationRow::parse);
        Ok(StoredUser {
            registrations: registrations.collect::<Result<_, _>>()?,
            pending_until,
            tombstones,
            open_writes,
        })
    }
}

struct RegistrationRow {
    id: i64,
    crid: String,
    verified: bool,
    has_password: bool,
    registered_at: Option<OffsetDateTime>,
    deleted_at: Option<OffsetDateTime>,
}

impl RegistrationRow {
    fn parse(self) -> Result<StoredRegistration, sqlx::Error> {
        let crid = CustomerRegistrationId::parse(&self.crid);
        Ok(StoredRegistration {
            number: self.id,
            crid: crid.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            verified: self.verified,
            has_password: self.has_password,
            registered_at: self.registered_at,
            deleted_at: self.deleted_at,
        })
    }
}
