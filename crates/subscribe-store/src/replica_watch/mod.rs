//! Watches the primary's position and each replica, and decides which replicas are used (ADR 0114).

mod position;
mod samples;
mod tasks;

pub(crate) use tasks::{ReplicaWatch, WatchedServers};
