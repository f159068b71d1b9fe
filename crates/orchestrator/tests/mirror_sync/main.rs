//! Runs over a provider and a directory in memory: patience, resumption, two at once, and what is told.

#[cfg(test)]
mod runs;
#[cfg(test)]
mod world;
