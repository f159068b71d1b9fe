//! What the statistics of Postgres know about the columns that searches filter by: with them a search sees without a query to the
//! planner, which knows no more, whether few users match.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::order::SortColumn;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

/// How long samples are used. Statistics change slowly, and only which step of a search is tried first depends on them.
const LIFETIME: Duration = Duration::from_mins(10);

/// The statistics of the columns, at most some hundred values of each. Those of the terms are their elements. The last row has the
/// number of rows of the table.
pub(crate) const COLUMN_SAMPLES: &str = "SELECT s.attname::text AS name, \
     CASE WHEN s.attname <> 'search_terms' THEN coalesce(s.histogram_bounds::text::text[], '{}') ELSE '{}' END AS bounds, \
     CASE WHEN s.attname <> 'search_terms' THEN coalesce(s.most_common_vals::text::text[], '{}') \
          ELSE coalesce(s.most_common_elems::text::text[], '{}') END AS common, \
     CASE WHEN s.attname <> 'search_terms' THEN coalesce(s.most_common_freqs, '{}') \
          ELSE coalesce(s.most_common_elem_freqs, '{}') END AS shares \
     FROM pg_stats AS s WHERE s.schemaname = current_schema() AND s.tablename = $1 \
     AND s.attname IN ('email_key', 'first_key', 'last_key', 'search_terms') \
     UNION ALL SELECT 'rows', '{}', '{}', ARRAY[c.reltuples] FROM pg_class AS c WHERE c.oid = $1::regclass";

/// So many elements Postgres keeps at most, by default.
const MOST_TERMS: usize = 1_000;

/// If it keeps fewer, a term that it does not keep has at most about this share of the rows (`compute_array_stats` keeps what is
/// more than 63 of a million elements, of which a row has some).
const NOT_SAMPLED: f32 = 0.000_5;

/// A pool with this part of the table's rows is large: a match among candidates of all pools costs less than the list of its rows.
const LARGE_PART: f64 = 0.25;

/// The samples of one table.
#[derive(Default)]
pub(super) struct ColumnSamples(Mutex<LoadedSamples>);

#[derive(Default)]
struct LoadedSamples {
    samples: Arc<Samples>,
    loaded: Option<Instant>,
}

/// The samples as they were loaded.
#[derive(Default)]
pub(super) struct Samples {
    email: TextSample,
    first_name: TextSample,
    last_name: TextSample,
    /// The sampled addresses one after the other: one search instead of one for each.
    all_addresses: String,
    /// The share of the rows that have a term, for the most common ones.
    terms: HashMap<i32, f32>,
    /// No other term has a larger share.
    least_share: Option<f32>,
    /// The rows of the table; negative where they are not known.
    rows: f32,
}

/// The values of a column of texts.
#[derive(Default)]
struct TextSample {
    /// The most common ones, with their shares of the rows.
    common: Vec<(String, f32)>,
    /// Values that divide the others into equal shares.
    bounds: Vec<String>,
}

impl ColumnSamples {
    /// The samples, loaded anew unless recent ones are there.
    pub(super) async fn read(
        &self,
        connection: &mut PgConnection,
        table: &'static str,
    ) -> Result<Arc<Samples>, sqlx::Error> {
        {
            let mut loaded = self.lock();
            if loaded.loaded.is_some_and(|loaded| loaded.elapsed() < LIFETIME) {
                return Ok(Arc::clone(&loaded.samples));
            }
            // Others use the former samples meanwhile.
            loaded.loaded = Some(Instant::now());
        }
        let query = sqlx::query(COLUMN_SAMPLES).bind(table).persistent(false);
        let samples = Arc::new(Samples::from_rows(&query.fetch_all(connection).await?)?);
        self.lock().samples = Arc::clone(&samples);
        Ok(samples)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LoadedSamples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Samples {
    fn from_rows(rows: &[PgRow]) -> Result<Self, sqlx::Error> {
        let mut samples = Self::default();
        for row in rows {
            let (common, shares): (Vec<String>, Vec<f32>) = (row.try_get("common")?, row.try_get("shares")?);
            let first_share = shares.first().copied();
            // Behind the shares of elements are their bounds, which have no value.
            let common = common.into_iter().zip(shares);
            let text = |common| -> Result<TextSample, sqlx::Error> {
                let bounds = row.try_get("bounds")?;
                Ok(TextSample { common, bounds })
            };
            match row.try_get("name")? {
                "email_key" => samples.email = text(common.collect())?,
                "first_key" => samples.first_name = text(common.collect())?,
                "last_key" => samples.last_name = text(common.collect())?,
                "rows" => samples.rows = first_share.unwrap_or_default(),
                _ => samples.set_terms(common),
            }
        }
        samples.join_addresses();
        Ok(samples)
    }

    fn set_terms(&mut self, common: impl Iterator<Item = (String, f32)>) {
        self.terms = common
            .filter_map(|(term, share)| Some((term.parse().ok()?, share)))
            .collect();
        let least = self.terms.values().copied().reduce(f32::min);
        let is_full = self.terms.len() >= MOST_TERMS;
        self.least_share = least.map(|least| if is_full { least } else { least.min(NOT_SAMPLED) });
    }

    fn join_addresses(&mut self) {
        let values = self.email.common.iter().map(|(value, _)| value);
        for value in values.chain(&self.email.bounds) {
            self.all_addresses.extend([value, "\n"]);
        }
    }

    /// Whether so few addresses contain the part that the sample has none of them. Nothing follows from a sample of fewer than `least`.
    pub(super) fn is_rare_part(&self, part: &str, least: usize) -> bool {
        self.email.common.len() + self.email.bounds.len() >= least && !self.all_addresses.contains(part)
    }

    /// Whether a pool of so many users has much of the table.
    pub(super) fn is_large_pool(&self, size: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "numbers of users")]
        let size = size as f64;
        self.rows > 0.0 && size >= LARGE_PART * f64::from(self.rows)
    }

    /// The expected share of rows whose value begins with this text; `None` without a sample.
    pub(super) fn share_of_prefix(&self, column: SortColumn, prefix: &str) -> Option<f64> {
        match column {
            SortColumn::Email => self.email.share_of_prefix(prefix),
            SortColumn::FirstName => self.first_name.share_of_prefix(prefix),
            SortColumn::LastName => self.last_name.share_of_prefix(prefix),
            _ => None,
        }
    }

    /// The most rows that are expected to have a term, as a share; `None` without a sample.
    pub(super) fn share_of_term(&self, term: i32) -> Option<f64> {
        self.terms.get(&term).copied().or(self.least_share).map(f64::from)
    }
}

impl TextSample {
    fn share_of_prefix(&self, prefix: &str) -> Option<f64> {
        if self.common.is_empty() && self.bounds.is_empty() {
            return None;
        }
        let begins = |value: &str| value.starts_with(prefix);
        let common: f64 = self.common.iter().map(|(_, share)| f64::from(*share)).sum();
        let matching = self.common.iter().filter(|(value, _)| begins(value));
        let matching: f64 = matching.map(|(_, share)| f64::from(*share)).sum();
        let within = self.bounds.iter().filter(|value| begins(value)).count();
        Some(matching + (1.0 - common).max(0.0) * to_share(within, self.bounds.len()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred at most")]
fn to_share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(common: &[(&str, f32)], bounds: &[&str]) -> TextSample {
        TextSample {
            common: common
                .iter()
                .map(|(value, share)| ((*value).to_owned(), *share))
                .collect(),
            bounds: bounds.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    #[test]
    fn part_is_rare_if_no_address_of_the_sample_has_it() {
        let mut samples = Samples::default();
        assert!(!samples.is_rare_part("absent", 3), "nothing is known");
        samples.email = texts(
            &[("reader1@example.org", 0.1)],
            &["reader2@example.org", "reader3@example.org"],
        );
        samples.join_addresses();
        assert!(!samples.is_rare_part("absent", 4));
        assert!(samples.is_rare_part("absent", 3) && !samples.is_rare_part("er2@ex", 3));
    }

    #[test]
    fn large_pool_has_a_quarter_of_the_rows() {
        let mut samples = Samples::default();
        assert!(!samples.is_large_pool(1_000_000), "nothing is known");
        samples.rows = -1.0;
        assert!(!samples.is_large_pool(0), "the table was never counted");
        samples.rows = 4_000.0;
        assert_eq!([999, 1_000].map(|size| samples.is_large_pool(size)), [false, true]);
    }

    #[test]
    fn share_of_prefix_has_common_and_other_values() {
        let names = texts(&[("anna", 0.2), ("maria", 0.3)], &["anton", "berta", "carl", "marta"]);
        for (prefix, share) in [("an", 0.2 + 0.5 * 0.25), ("mar", 0.3 + 0.5 * 0.25), ("z", 0.0)] {
            assert!(
                (names.share_of_prefix(prefix).unwrap() - share).abs() < 1e-6,
                "{prefix}"
            );
        }
        assert_eq!(TextSample::default().share_of_prefix("a"), None);
    }

    #[test]
    fn unknown_term_is_rarer_than_sampled_ones() {
        let mut samples = Samples::default();
        assert_eq!(samples.share_of_term(7), None);
        let terms = |number| (0..number).map(|term: u16| (term.to_string(), 0.25 + f32::from(term % 2) / 4.0));
        samples.set_terms(terms(10));
        let shares = [1, 2, -3].map(|term| samples.share_of_term(term));
        assert_eq!(shares, [Some(0.5), Some(0.25), Some(f64::from(NOT_SAMPLED))]);
        samples.set_terms(terms(1_000));
        assert_eq!(samples.share_of_term(-3), Some(0.25), "the statistics are full");
    }
}
