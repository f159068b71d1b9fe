//! The injected faults that have not ended yet.

use serde::{Deserialize, Serialize};

use super::rule::{Fault, FaultRule};
use crate::http::request::WireRequest;

/// Identifies an injected rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// An injected rule, and how often it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveFault {
    /// Its id.
    pub id: FaultId,
    /// What it does.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// The number of calls that it was applied to.
    pub befallen: u64,
    #[serde(skip)]
    matched: u64,
}

/// The faults of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallFaults {
    pub(crate) latency_ms: u64,
    pub(crate) fault: Option<Fault>,
}

/// The injected rules, oldest first.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    rules: Vec<ActiveFault>,
    last: u64,
}

impl FaultQueue {
    pub(crate) fn add(&mut self, rule: FaultRule) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.rules.push(ActiveFault {
            id,
            rule,
            befallen: 0,
            matched: 0,
        });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|active| active.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.rules.clone()
    }

    /// Chooses the faults of one call: latencies add up; of the other matching rules the oldest wins.
    pub(crate) fn take_for(&mut self, request: &WireRequest) -> CallFaults {
        let mut chosen = CallFaults::default();
        for active in self.rules.iter_mut().filter(|active| active.rule.matches(request)) {
            let is_latency = matches!(active.rule.fault, Fault::Latency { .. });
            if chosen.fault.is_some() && !is_latency {
                continue;
            }
            active.matched += 1;
            let share = |calls: u64| calls * u64::from(active.rule.percent) / 100;
            if share(active.matched) == share(active.matched - 1) {
                continue;
            }
            active.befallen += 1;
            active.rule.times = active.rule.times.map(|left| left.saturating_sub(1));
            match active.rule.fault {
                Fault::Latency { ms } => chosen.latency_ms += ms,
                ref fault => chosen.fault = Some(fault.clone()),
            }
        }
        self.rules.retain(|active| active.rule.times != Some(0));
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(queue: &mut FaultQueue, method: &str, target: &str) -> Option<Fault> {
        let (method, target) = (method.into(), target.into());
        let request = WireRequest {
            method,
            target,
            ..WireRequest::default()
        };
        queue.take_for(&request).fault
    }

    #[test]
    fn rule_applies_to_its_path_method_and_count() {
        let mut queue = FaultQueue::default();
        queue.add(FaultRule::from(Fault::Bom).on("/api/").method("get").times(1));
        for (method, target, fault) in [
            ("GET", "/oauth/token", None),
            ("POST", "/api/v2/users", None),
            ("GET", "/api/v2/users", Some(Fault::Bom)),
            ("GET", "/api/v2/users", None),
        ] {
            assert_eq!(take(&mut queue, method, target), fault, "{method} {target}");
        }
        assert!(queue.list().is_empty());
    }

    #[test]
    fn path_ending_in_dollar_matches_exactly() {
        let mut queue = FaultQueue::default();
        queue.add(FaultRule::from(Fault::Bom).on("/api/v2/users$"));
        assert_eq!(take(&mut queue, "GET", "/api/v2/users-by-email?email=x"), None);
        assert_eq!(take(&mut queue, "GET", "/api/v2/users?page=0"), Some(Fault::Bom));
    }

    #[test]
    fn fifty_percent_takes_every_second_call() {
        let mut queue = FaultQueue::default();
        queue.add(FaultRule::from(Fault::Silence).percent(50));
        let taken: Vec<bool> = (0..6).map(|_| take(&mut queue, "GET", "/").is_some()).collect();
        assert_eq!(taken, [false, true, false, true, false, true]);
    }

    #[test]
    fn latencies_add_up_beside_one_other_fault() {
        let mut queue = FaultQueue::default();
        for fault in [
            Fault::Latency { ms: 5 },
            Fault::Html,
            Fault::Bom,
            Fault::Latency { ms: 6 },
        ] {
            queue.add(fault.into());
        }
        let chosen = queue.take_for(&WireRequest::default());
        assert_eq!((chosen.latency_ms, chosen.fault), (11, Some(Fault::Html)));
    }
}
