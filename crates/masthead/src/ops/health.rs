//! Liveness and readiness.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_ports::readiness::Readiness;
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    providers::{Adapters, ProviderHealth},
    server::Lifecycle,
    sync::{SyncHealth, SyncStates},
};

/// How long one part may take to say that it is ready.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How long what the parts said is good for: probes cannot pile up on the database.
const FRESH: Duration = Duration::from_secs(1);

/// Tells whether the service can do its work.
pub struct Health {
    parts: Vec<Arc<dyn Readiness>>,
    providers: Option<Adapters>,
    syncs: SyncStates,
    lifecycle: Lifecycle,
    // Held while the parts are asked: whoever comes meanwhile waits for the same answer.
    told: Mutex<Option<(Instant, Vec<Part>)>>,
}

/// What `/health/ready` answers.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Report {
    /// Whether every part is.
    pub ready: bool,
    /// Each part.
    pub parts: Vec<Part>,
    /// Each provider that was asked since the start, for whoever looks into what is incomplete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderHealth>,
    /// Each directory of a provider's users that was looked at since the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub syncs: Vec<SyncHealth>,
}

/// One part of it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Whether it can do its work.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

impl Health {
    /// Health of these parts, and of the server whose lifecycle this is.
    #[must_use]
    pub fn new(parts: Vec<Arc<dyn Readiness>>, lifecycle: Lifecycle) -> Self {
        Self {
            parts,
            providers: None,
            syncs: SyncStates::default(),
            lifecycle,
            told: Mutex::new(None),
        }
    }

    /// Tells of these providers too.
    #[must_use]
    pub fn with_providers(self, providers: Adapters) -> Self {
        Self {
            providers: Some(providers),
            ..self
        }
    }

    /// Tells of these directories too.
    #[must_use]
    pub fn with_syncs(self, syncs: SyncStates) -> Self {
        Self { syncs, ..self }
    }

    /// Asks every part at once, at most once a second, each for at most 1.5 seconds; draining is told at once.
    pub async fn report(&self) -> Report {
        let draining = self.lifecycle.is_draining();
        let mut parts = vec![Part::of("process", if draining { Err("draining") } else { Ok(()) })];
        parts.extend(self.told().await);
        Report {
            ready: parts.iter().all(|part| part.ready),
            parts,
            providers: self.providers.as_ref().map(Adapters::health).unwrap_or_default(),
            syncs: self.syncs.all(),
        }
    }

    async fn told(&self) -> Vec<Part> {
        let mut told = self.told.lock().await;
        if let Some((when, parts)) = &*told
            && when.elapsed() < FRESH
        {
            return parts.clone();
        }
        let parts = join_all(self.parts.iter().map(|part| async move {
            let answer = timeout(PATIENCE, part.check())
                .await
                .unwrap_or(Err("no answer in time"));
            Part::of(part.name(), answer)
        }))
        .await;
        *told = Some((Instant::now(), parts.clone()));
        parts
    }
}

impl Part {
    fn of(name: &'static str, answer: Result<(), &'static str>) -> Self {
        Self {
            name,
            ready: answer.is_ok(),
            why: answer.err(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

    struct Counted(AtomicUsize, Result<(), &'static str>);

    #[async_trait]
    impl Readiness for Counted {
        fn name(&self) -> &'static str {
            "database"
        }

        async fn check(&self) -> Result<(), &'static str> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.1
        }
    }

    struct Silent;

    #[async_trait]
    impl Readiness for Silent {
        fn name(&self) -> &'static str {
            "database"
        }

        async fn check(&self) -> Result<(), &'static str> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_hundred_probes_at_once_ask_the_database_once() {
        let part = Arc::new(Counted(AtomicUsize::new(0), Ok(())));
        let health = Health::new(vec![Arc::clone(&part) as Arc<dyn Readiness>], Lifecycle::new());
        let reports = join_all((0..100).map(|_| health.report())).await;
        assert!(reports.iter().all(|report| report.ready));
        assert_eq!(part.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_part_that_is_not_ready_is_named_and_decides() {
        let part = Counted(AtomicUsize::new(0), Err("unreachable"));
        let report = Health::new(vec![Arc::new(part)], Lifecycle::new()).report().await;
        assert_eq!(
            serde_json::to_value(report).unwrap(),
            serde_json::json!({"ready": false, "parts": [
                {"name": "process", "ready": true},
                {"name": "database", "ready": false, "why": "unreachable"},
            ]})
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_says_nothing_is_not_ready() {
        let report = Health::new(vec![Arc::new(Silent)], Lifecycle::new()).report().await;
        assert_eq!(report.parts[1].why, Some("no answer in time"));
    }

    #[tokio::test]
    async fn draining_is_told_at_once() {
        let lifecycle = Lifecycle::new();
        let health = Health::new(Vec::new(), lifecycle.clone());
        assert!(health.report().await.ready);
        lifecycle.drain();
        assert_eq!(health.report().await.parts[0].why, Some("draining"));
    }
}
