//! Some stored addresses, from the statistics of Postgres: a part that none of them has is rare, without a query to the planner, which
//! knows no more.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::PgConnection;

/// How long a sample is used. Statistics change slowly, and only which step of a search is tried first depends on them.
const LIFETIME: Duration = Duration::from_mins(10);

/// The addresses of a table that the statistics have, at most some hundred.
pub(crate) const ADDRESS_SAMPLE: &str = "SELECT coalesce(s.histogram_bounds::text::text[], '{}') \
     || coalesce(s.most_common_vals::text::text[], '{}') AS addresses FROM pg_stats AS s \
     WHERE s.schemaname = current_schema() AND s.tablename = $1 AND s.attname = 'email_key'";

/// The sample of one table.
#[derive(Default)]
pub(super) struct AddressSample(Mutex<LoadedSample>);

#[derive(Default)]
struct LoadedSample {
    addresses: Arc<[String]>,
    loaded: Option<Instant>,
}

impl AddressSample {
    /// Whether so few addresses contain the part that the sample has none of them. Nothing follows from a sample of fewer than `least`.
    pub(super) fn is_rare(&self, part: &str, least: usize) -> bool {
        let addresses = Arc::clone(&self.lock().addresses);
        addresses.len() >= least && !addresses.iter().any(|address| address.contains(part))
    }

    /// Loads the sample unless a recent one is there.
    pub(super) async fn refresh(&self, connection: &mut PgConnection, table: &'static str) -> Result<(), sqlx::Error> {
        {
            let mut sample = self.lock();
            if sample.loaded.is_some_and(|loaded| loaded.elapsed() < LIFETIME) {
                return Ok(());
            }
            // Others use the former sample meanwhile.
            sample.loaded = Some(Instant::now());
        }
        let query = sqlx::query_scalar(ADDRESS_SAMPLE).bind(table).persistent(false);
        let addresses: Option<Vec<String>> = query.fetch_optional(connection).await?;
        self.lock().addresses = addresses.unwrap_or_default().into();
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LoadedSample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_rare_if_no_address_of_the_sample_has_it() {
        let sample = AddressSample::default();
        assert!(!sample.is_rare("absent", 3), "nothing is known");
        sample.lock().addresses = (0..3).map(|n| format!("reader{n}@example.org")).collect();
        assert!(!sample.is_rare("absent", 4));
        assert!(sample.is_rare("absent", 3) && !sample.is_rare("er2@ex", 3));
    }
}
