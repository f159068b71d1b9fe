//! Sync runs over a provider and a mirror in memory: retries, resumption, concurrency and reports.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod runs;
