//! Reads on streaming replicas: which replica is in use, and what it may answer (ADR 0114).
//!
//! The tasks that watch the replicas are in [`crate::replica_watch`].

mod reads;
mod servers;
mod state;

pub(crate) use reads::Reads;
pub(crate) use servers::ReplicaServers;
pub use state::ReplicaHealth;
pub(crate) use state::{ReplicaNumber, Replicas, Unused};
