//! The metrics of one provider for one tenant.

use std::time::Duration;

use masthead_domain::tenant::TenantId;
use masthead_ports::source::SourceName;
use metrics::{Gauge, counter, gauge, histogram};

use crate::breaker::BreakerState;

/// Counts calls by provider, operation and outcome, and shows budget, breaker and alarm by tenant.
pub(crate) struct ProviderMetrics {
    provider: SourceName,
    tenant: Box<str>,
    budget: Gauge,
    breaker: Gauge,
    misconfigured: Gauge,
}

impl ProviderMetrics {
    pub(crate) fn new(provider: SourceName, tenant: &TenantId) -> Self {
        let tenant = tenant.to_string();
        let of_tenant = [("provider", provider.to_owned()), ("tenant", tenant.clone())];
        let misconfigured = gauge!("masthead_provider_misconfigured", &of_tenant);
        // A client with other settings or secrets does not keep the alarm of the one before.
        misconfigured.set(0.0);
        Self {
            provider,
            tenant: tenant.into(),
            budget: gauge!("masthead_provider_budget_remaining", &of_tenant),
            breaker: gauge!("masthead_provider_breaker_state", &of_tenant),
            misconfigured,
        }
    }

    /// Records a sent call and its outcome.
    pub(crate) fn called(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.count(operation, outcome);
        histogram!("masthead_provider_duration_seconds", "provider" => self.provider, "operation" => operation)
            .record(took.as_secs_f64());
    }

    /// Records a call that was not sent, with the reason.
    pub(crate) fn refused(&self, operation: &'static str, reason: &'static str) {
        self.count(operation, reason);
    }

    pub(crate) fn state(&self, budget_remaining: f64, breaker: BreakerState) {
        self.budget.set(budget_remaining);
        self.breaker.set(f64::from(breaker.number()));
    }

    pub(crate) fn misconfigured(&self, is: bool) {
        self.misconfigured.set(f64::from(u8::from(is)));
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    fn count(&self, operation: &'static str, outcome: &'static str) {
        counter!(
            "masthead_provider_calls_total",
            "provider" => self.provider, "operation" => operation, "outcome" => outcome
        )
        .increment(1);
    }
}
