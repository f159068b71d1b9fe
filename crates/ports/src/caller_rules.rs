//! The rules that operators keep about callers.

use std::sync::Arc;

use masthead_domain::caller_rules::CallerRules;

/// Keeps the rules about callers at hand, a few seconds old at most while their store answers.
pub trait CallerRulesReader: Send + Sync {
    /// The rules as they were last read; never waits. `None` before they were first read, and once the last reading is too
    /// old to be trusted: then no caller can be judged.
    fn current(&self) -> Option<Arc<CallerRules>>;
}
