//! The person that a key names: its ids and addresses in our store.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId, user_key::UserKey,
};
use masthead_ports::{erasure::Person, source::CallContext};

use super::{
    PgUsers,
    error::{PgWriteError, in_time},
};
use crate::{
    database::Transaction,
    row::{RowError, is_email_key},
};

/// How many rows of a kind are looked at: an address that more users share is no one person's.
const MOST: i64 = 100;

/// As [`masthead_ports::erasure::Erasures::identify`].
pub(super) async fn identify(users: &PgUsers, cx: &CallContext, key: &UserKey) -> Result<Person, PgWriteError> {
    let work = || async {
        let mut transaction = users.service.begin().await?;
        let person = identify_within(&mut transaction, cx.tenant.pool, key).await?;
        transaction.rollback().await?;
        Ok(person)
    };
    in_time(cx, work).await
}

async fn identify_within(transaction: &mut Transaction, pool: PoolId, key: &UserKey) -> Result<Person, PgWriteError> {
    let (id, email) = match key {
        UserKey::Id(id) => (Some(id.as_str()), None),
        UserKey::Email(email) => (None, Some(email.as_str()).filter(|_| is_email_key(email))),
    };
    let mut person = match key {
        UserKey::Id(id) => Person::from_id(id.clone()),
        UserKey::Email(email) => {
            let mut person = Person::default();
            person.add_email(Email::from_stored(None, email.as_str()));
            person
        }
    };
    let mut numbers = Vec::new();
    // No index has the ids and addresses of deleted registrations; the index of these is read for the pool.
    let rows = sqlx::query!(
        r#"(SELECT id AS "id!", crid AS "crid!", email_key AS "email_key!", email_typed FROM registrations
             WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL LIMIT $4)
           UNION ALL
           (SELECT id, crid, email_key, email_typed FROM registrations
             WHERE pool = $1 AND email_key = $3 AND deleted_at IS NULL LIMIT $4)
           UNION ALL
           (SELECT id, crid, email_key, email_typed FROM registrations
             WHERE pool = $1 AND deleted_at IS NOT NULL AND (crid = $2 OR email_key = $3) LIMIT $4)"#,
        pool.0,
        id,
        email,
        MOST,
    )
    .fetch_all(&mut *transaction)
    .await?;
    for row in rows {
        person.is_stored = true;
        numbers.push(row.id);
        person.add_id(parsed(&row.crid)?);
        person.add_email(Email::from_stored(row.email_typed.as_deref(), &row.email_key));
    }
    add_of_mirror(transaction, pool, &mut person, &numbers, email).await?;
    add_pending(transaction, pool, &mut person, id).await?;
    Ok(person)
}

/// The entries of the mirror: those of the ids, those that the address joins to a registration, and with an address all that have it.
async fn add_of_mirror(
    transaction: &mut Transaction,
    pool: PoolId,
    person: &mut Person,
    numbers: &[i64],
    email: Option<&str>,
) -> Result<(), PgWriteError> {
    let ids: Vec<&str> = person.ids.iter().map(CustomerRegistrationId::as_str).collect();
    let emails: Vec<&str> = person.emails.iter().map(|email| email.key().as_str()).collect();
    let rows = sqlx::query!(
        r#"SELECT m.crid AS "crid!", m.email_key AS "email_key!", m.profile_email, r.crid AS "registration?",
                  r.email_key AS "registration_email?"
             FROM ((SELECT pool, crid, email_key, profile_email, registration_id FROM mirror_entries
                     WHERE pool = $1 AND crid = ANY ($2))
                   UNION
                   (SELECT pool, crid, email_key, profile_email, registration_id FROM mirror_entries
                     WHERE pool = $1 AND email_key = ANY ($3) AND by_email AND registration_id = ANY ($4))
                   UNION
                   (SELECT pool, crid, email_key, profile_email, registration_id FROM mirror_entries
                     WHERE pool = $1 AND email_key = $5)
                   UNION
                   (SELECT pool, crid, email_key, profile_email, registration_id FROM mirror_entries
                     WHERE pool = $1 AND profile_email = $5 AND profile_email <> '')) AS m
             LEFT JOIN registrations AS r ON r.pool = m.pool AND r.id = m.registration_id
            ORDER BY m.crid LIMIT $6"#,
        pool.0,
        &ids as &[&str],
        &emails as &[&str],
        numbers,
        email,
        MOST,
    )
    .fetch_all(transaction)
    .await?;
    for row in rows {
        person.is_stored = true;
        person.add_id(parsed(&row.crid)?);
        if let Some(registration) = row.registration {
            person.add_id(parsed(&registration)?);
        }
        let addresses = [Some(row.email_key), row.profile_email, row.registration_email];
        for address in addresses.into_iter().flatten() {
            person.add_email(Email::from_stored(None, &address));
        }
    }
    Ok(())
}

async fn add_pending(
    transaction: &mut Transaction,
    pool: PoolId,
    person: &mut Person,
    id: Option<&str>,
) -> Result<(), PgWriteError> {
    let emails: Vec<&str> = person.emails.iter().map(|email| email.key().as_str()).collect();
    // By id without an index: the table has the registrations of two days.
    let pending = sqlx::query!(
        "SELECT email_key, email_typed, crid FROM pending_registrations
          WHERE pool = $1 AND (email_key = ANY ($2) OR crid = $3) LIMIT $4",
        pool.0,
        &emails as &[&str],
        id,
        MOST,
    )
    .fetch_all(transaction)
    .await?;
    for row in pending {
        person.is_stored = true;
        person.add_email(Email::from_stored(row.email_typed.as_deref(), &row.email_key));
        if let Some(crid) = row.crid {
            person.add_id(parsed(&crid)?);
        }
    }
    Ok(())
}

fn parsed(crid: &str) -> Result<CustomerRegistrationId, RowError> {
    CustomerRegistrationId::parse(crid).map_err(|_| RowError::Column { column: "crid" })
}
