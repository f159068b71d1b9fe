//! Readiness: what the service depends on, checked for all probes at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_http_server::Lifecycle;
use masthead_ports::readiness::Readiness;
use masthead_subscribe_store::ReplicaHealth;
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    providers::{Adapters, ProviderHealth},
    sync::{SyncHealth, SyncStates},
};

/// How long one part may take to report that it is ready.
const CHECK_TIME_LIMIT: Duration = Duration::from_millis(1_500);

/// How long a report is reused: probes cannot pile up on the database.
const REUSED_FOR: Duration = Duration::from_secs(1);

/// Reports whether the service can do its work.
pub struct ServiceHealth {
    parts: Vec<Arc<dyn Readiness>>,
    providers: Option<Adapters>,
    syncs: SyncStates,
    replicas: Box<dyn Fn() -> Vec<ReplicaHealth> + Send + Sync>,
    lifecycle: Lifecycle,
    // Held while the parts are checked: concurrent probes wait for the same report.
    last: Mutex<Option<(Instant, Vec<HealthPart>)>>,
    /// The parts that were not ready at the last check, and why; for lines about changes.
    unready: std::sync::Mutex<BTreeMap<&'static str, &'static str>>,
}

/// The body of `/health/ready`.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct HealthReport {
    /// Whether every part is ready.
    pub ready: bool,
    /// Each part.
    pub parts: Vec<HealthPart>,
    /// Each provider that was called since the start; for operators, without effect on readiness.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderHealth>,
    /// Each mirror that was checked since the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub syncs: Vec<SyncHealth>,
    /// Each replica of the database; for operators, without effect on readiness.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ReplicaHealth>,
}

/// One part of the service.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct HealthPart {
    /// Its name.
    pub name: &'static str,
    /// Whether it can do its work.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

impl ServiceHealth {
    /// ServiceHealth of these parts, and of the server whose lifecycle this is.
    #[must_use]
    pub fn new(parts: Vec<Arc<dyn Readiness>>, lifecycle: Lifecycle) -> Self {
        Self {
            parts,
            providers: None,
            syncs: SyncStates::default(),
            replicas: Box::new(Vec::new),
            lifecycle,
            last: Mutex::new(None),
            unready: std::sync::Mutex::default(),
        }
    }

    /// Reports these providers too.
    #[must_use]
    pub fn with_providers(self, providers: Adapters) -> Self {
        Self {
            providers: Some(providers),
            ..self
        }
    }

    /// Reports these mirrors too.
    #[must_use]
    pub fn with_syncs(self, syncs: SyncStates) -> Self {
        Self { syncs, ..self }
    }

    /// Reports these replicas of the database too.
    #[must_use]
    pub fn with_replicas(self, replicas: impl Fn() -> Vec<ReplicaHealth> + Send + Sync + 'static) -> Self {
        Self {
            replicas: Box::new(replicas),
            ..self
        }
    }

    /// Checks all parts concurrently, at most once a second, each for at most 1.5 seconds; draining is reported at once.
    pub async fn report(&self) -> HealthReport {
        let draining = self.lifecycle.is_draining();
        let mut parts = vec![HealthPart::new(
            "process",
            if draining { Err("draining") } else { Ok(()) },
        )];
        parts.extend(self.check_parts().await);
        self.publish(&parts);
        HealthReport {
            ready: parts.iter().all(|part| part.ready),
            parts,
            providers: self.providers.as_ref().map(Adapters::health).unwrap_or_default(),
            syncs: self.syncs.all(),
            replicas: (self.replicas)(),
        }
    }

    async fn check_parts(&self) -> Vec<HealthPart> {
        let mut last = self.last.lock().await;
        if let Some((when, parts)) = &*last
            && when.elapsed() < REUSED_FOR
        {
            return parts.clone();
        }
        let parts = join_all(self.parts.iter().map(|part| async move {
            let answer = timeout(CHECK_TIME_LIMIT, part.check())
                .await
                .unwrap_or(Err("no answer in time"));
            HealthPart::new(part.name(), answer)
        }))
        .await;
        *last = Some((Instant::now(), parts.clone()));
        parts
    }

    /// Sets the metric of each part, and logs each change.
    fn publish(&self, parts: &[HealthPart]) {
        let mut unready = self.unready.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts {
            metrics::gauge!("masthead_ready", "part" => part.name).set(if part.ready { 1.0 } else { 0.0 });
            let before = match part.why {
                Some(why) => unready.insert(part.name, why),
                None => unready.remove(part.name),
            };
            match (before, part.why) {
                (before, Some(why)) if before != Some(why) => {
                    tracing::warn!(part = part.name, why, "the server is not ready");
                }
                (Some(_), None) => tracing::info!(part = part.name, "a part of the server is ready again"),
                _ => {}
            }
        }
    }
}

impl HealthPart {
    fn new(name: &'static str, answer: Result<(), &'static str>) -> Self {
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

    struct CountingCheck(AtomicUsize, Result<(), &'static str>);

    #[async_trait]
    impl Readiness for CountingCheck {
        fn name(&self) -> &'static str {
            "database"
        }

        async fn check(&self) -> Result<(), &'static str> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.1
        }
    }

    struct PendingCheck;

    #[async_trait]
    impl Readiness for PendingCheck {
        fn name(&self) -> &'static str {
            "database"
        }

        async fn check(&self) -> Result<(), &'static str> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn concurrent_probes_check_the_database_once() {
        let part = Arc::new(CountingCheck(AtomicUsize::new(0), Ok(())));
        let health = ServiceHealth::new(vec![Arc::clone(&part) as Arc<dyn Readiness>], Lifecycle::new());
        let reports = join_all((0..100).map(|_| health.report())).await;
        assert!(reports.iter().all(|report| report.ready));
        assert_eq!(part.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn part_that_is_not_ready_makes_the_service_unready() {
        let part = CountingCheck(AtomicUsize::new(0), Err("unreachable"));
        let report = ServiceHealth::new(vec![Arc::new(part)], Lifecycle::new())
            .report()
            .await;
        assert_eq!(
            serde_json::to_value(report).unwrap(),
            serde_json::json!({"ready": false, "parts": [
                {"name": "process", "ready": true},
                {"name": "database", "ready": false, "why": "unreachable"},
            ]})
        );
    }

    #[tokio::test]
    async fn replica_does_not_make_the_service_unready() {
        let replica = || ReplicaHealth {
            replica: 1,
            used: false,
            why: Some("unavailable"),
        };
        let health = ServiceHealth::new(Vec::new(), Lifecycle::new()).with_replicas(move || vec![replica()]);
        assert_eq!(
            serde_json::to_value(health.report().await).unwrap(),
            serde_json::json!({"ready": true, "parts": [{"name": "process", "ready": true}],
                "replicas": [{"replica": 1, "used": false, "why": "unavailable"}]})
        );
    }

    #[tokio::test(start_paused = true)]
    async fn part_without_an_answer_in_time_is_not_ready() {
        let report = ServiceHealth::new(vec![Arc::new(PendingCheck)], Lifecycle::new())
            .report()
            .await;
        assert_eq!(report.parts[1].why, Some("no answer in time"));
    }

    #[tokio::test]
    async fn draining_is_reported_at_once() {
        let lifecycle = Lifecycle::new();
        let health = ServiceHealth::new(Vec::new(), lifecycle.clone());
        assert!(health.report().await.ready);
        lifecycle.drain();
        assert_eq!(health.report().await.parts[0].why, Some("draining"));
    }
}
