//! One migration of a database at a time.

use std::time::Duration;

use sqlx::PgConnection;

const PAUSE: Duration = Duration::from_millis(200);

/// Waits until no other program migrates this database; the session holds the lock until it ends.
///
/// Asks again and again, since a statement that waits for the lock would have a snapshot, for whose end
/// `CREATE INDEX CONCURRENTLY` of the holder waits.
pub(super) async fn wait_for_lock(connection: &mut PgConnection, mut waiting: impl FnMut()) -> Result<(), sqlx::Error> {
    let database: String = sqlx::query_scalar("SELECT current_database()::text")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    let number = lock_number(&database);
    let mut is_first = true;
    loop {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(number)
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
        if locked {
            return Ok(());
        }
        if std::mem::take(&mut is_first) {
            waiting();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The lock that the migrator of sqlx takes, with which earlier versions of this program migrate.
fn lock_number(database: &str) -> i64 {
    0x3d32_ad9e_i64.wrapping_mul(i64::from(crc32(database.as_bytes())))
}

/// CRC-32 of ISO/IEC 3309, as of zlib.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            let polynomial = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            (sum >> 1) ^ polynomial
        })
    })
}

#[cfg(test)]
mod tests {
    use masthead_dev_postgres::TestDatabase;
    use sqlx::{Connection as _, migrate::Migrate as _};

    use super::*;

    /// The check value of the catalogue of parametrised CRC algorithms, "CRC-32/ISO-HDLC".
    #[test]
    fn crc_is_that_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[tokio::test]
    async fn earlier_program_excludes_this_one() {
        let database = tokio::task::spawn_blocking(TestDatabase::empty).await.unwrap().unwrap();
        let url = database.url().unwrap();
        let mut earlier = PgConnection::connect(&url).await.unwrap();
        let mut this = PgConnection::connect(&url).await.unwrap();
        earlier.lock().await.unwrap();
        let mut has_waited = false;
        {
            let waiting = wait_for_lock(&mut this, || has_waited = true);
            assert!(tokio::time::timeout(3 * PAUSE, waiting).await.is_err());
        }
        assert!(has_waited);
        earlier.unlock().await.unwrap();
        wait_for_lock(&mut this, || ()).await.unwrap();
    }
}
