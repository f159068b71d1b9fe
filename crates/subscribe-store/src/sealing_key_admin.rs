//! Check values of sealing keys, by which another key under a known id is noticed (ADR 0144).

use std::collections::BTreeMap;

use masthead_ports::sealing::KeyCheck;
use time::OffsetDateTime;

use crate::admin::{Admin, AdminError};

/// How the keys of a process compare to those with which the database was used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComparedKeys {
    /// The ids under which the database knows another key.
    pub other: Vec<String>,
    /// The ids that the database does not know.
    pub new: Vec<String>,
    /// The ids that the database knows, and the process does not have.
    pub missing: Vec<String>,
}

/// A sealing key that the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKeyRow {
    /// Its id.
    pub id: String,
    /// When it was first used with this database.
    pub first_used_at: OffsetDateTime,
}

impl Admin {
    /// Compares the keys of a process with those that the database knows; writes nothing.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn compare_sealing_keys(&self, given: &[KeyCheck]) -> Result<ComparedKeys, AdminError> {
        self.within_time_limit(self.compare(given)).await
    }

    /// As [`Self::compare_sealing_keys`], and makes the new keys known, unless another key is among them. Of processes that do so
    /// at the same moment with different keys under one id, one is the first, and the others get its id as that of another key.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn use_sealing_keys(&self, given: &[KeyCheck]) -> Result<ComparedKeys, AdminError> {
        self.within_time_limit(async {
            let compared = self.compare(given).await?;
            if compared.new.is_empty() || !compared.other.is_empty() {
                return Ok(compared);
            }
            let new = given.iter().filter(|key| compared.new.contains(&key.id));
            let (ids, values): (Vec<String>, Vec<Vec<u8>>) = new.map(|key| (key.id.clone(), key.value.to_vec())).unzip();
            sqlx::query!(
                "INSERT INTO sealing_keys (id, check_value) SELECT id, check_value FROM unnest($1::text[], $2::bytea[]) AS k (id, check_value)
                     ON CONFLICT (id) DO NOTHING",
                &ids,
                &values,
            )
            .execute(&self.pool)
            .await?;
            // A statement of its own: it sees what others have written meanwhile.
            self.compare(given).await
        })
        .await
    }

    /// The keys with which the database was used, by id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn sealing_keys(&self) -> Result<Vec<SealingKeyRow>, AdminError> {
        self.within_time_limit(async {
            let known = sqlx::query_as!(SealingKeyRow, "SELECT id, first_used_at FROM sealing_keys ORDER BY id");
            Ok(known.fetch_all(&self.pool).await?)
        })
        .await
    }

    /// Forgets a key: the next process that has one under this id makes its own known.
    ///
    /// # Errors
    /// The database knows no key with this id, or is unavailable.
    pub async fn forget_sealing_key(&self, id: &str) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let deleted = sqlx::query!("DELETE FROM sealing_keys WHERE id = $1", id);
            match deleted.execute(&self.pool).await?.rows_affected() {
                0 => Err(AdminError::NoSuchSealingKey),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn compare(&self, given: &[KeyCheck]) -> Result<ComparedKeys, AdminError> {
        let rows = sqlx::query!("SELECT id, check_value FROM sealing_keys ORDER BY id");
        let rows = rows.fetch_all(&self.pool).await?;
        let known: BTreeMap<&str, &[u8]> = rows.iter().map(|row| (&*row.id, &*row.check_value)).collect();
        let mut compared = ComparedKeys::default();
        for key in given {
            match known.get(&*key.id) {
                None => compared.new.push(key.id.clone()),
                Some(value) if *value == key.value.as_slice() => {}
                Some(_) => compared.other.push(key.id.clone()),
            }
        }
        let is_given = |id: &&str| given.iter().any(|key| key.id == **id);
        compared.missing = known
            .into_keys()
            .filter(|id| !is_given(id))
            .map(str::to_owned)
            .collect();
        Ok(compared)
    }
}
