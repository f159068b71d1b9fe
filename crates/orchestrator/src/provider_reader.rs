//! Reads a provider, with the mirror beside it: live answers are recorded there, and recorded accounts replace the answer of a
//! provider that cannot be reached.

use std::sync::Arc;

use masthead_domain::user_key::UserKey;
use masthead_ports::{
    mirror::{Profile, UserMirror},
    provider::{Freshness, IdentityProvider, Lookup},
    source::{CallContext, Priority, SourceErrorKind, WaitPolicy},
};

use crate::mirror_writer::MirrorWriter;

/// Reads providers and records their live answers.
#[derive(Clone)]
pub(crate) struct ProviderReader {
    pub(crate) mirror: Arc<dyn UserMirror>,
    pub(crate) writer: MirrorWriter,
}

impl ProviderReader {
    /// Finds the accounts with this key at the provider or, if it cannot be reached, in the mirror.
    pub(crate) async fn find(&self, cx: &CallContext, provider: &dyn IdentityProvider, key: &UserKey) -> Lookup {
        let hurried = without_waiting_for_rate_limit(cx);
        let lookup = self.find_live(&hurried, provider, key).await;
        let Freshness::Failed(reason) = lookup.freshness else {
            return lookup;
        };
        if let Some(remembered) = self.find_in_mirror(cx, key, reason).await {
            return Lookup {
                called: lookup.called,
                ..remembered
            };
        }
        // The provider was rate limited and the mirror does not know the user: now wait for the turn.
        if matches!(reason, SourceErrorKind::RateLimited { .. }) && hurried.wait != cx.wait {
            let second = self.find_live(cx, provider, key).await;
            return Lookup {
                called: lookup.called || second.called,
                ..second
            };
        }
        lookup
    }

    /// Records the accounts of a live answer that this request received from the provider.
    pub(crate) fn record(&self, cx: &CallContext, lookup: &Lookup) {
        if let (Freshness::Live, true, Some(as_of)) = (lookup.freshness, lookup.called, lookup.as_of) {
            self.writer.record_accounts(cx, lookup.accounts.clone(), as_of);
        }
    }

    /// Finds the accounts with this key by a call that starts now, in place of an answer that is older than a known write. If
    /// the call fails, that answer is a remembered one.
    pub(crate) async fn find_again(
        &self,
        cx: &CallContext,
        provider: &dyn IdentityProvider,
        key: &UserKey,
        older: Lookup,
    ) -> Lookup {
        let lookup = self.recorded(cx, key, provider.find_live(cx, key).await);
        match (lookup.freshness, older.as_of) {
            (Freshness::Failed(reason), Some(as_of)) => Lookup {
                called: lookup.called,
                ..Lookup::remembered(older.accounts, as_of, reason)
            },
            _ => lookup,
        }
    }

    async fn find_live(&self, cx: &CallContext, provider: &dyn IdentityProvider, key: &UserKey) -> Lookup {
        self.recorded(cx, key, provider.find(cx, key).await)
    }

    /// The same answer, recorded in the mirror.
    fn recorded(&self, cx: &CallContext, key: &UserKey, lookup: Lookup) -> Lookup {
        match (key, lookup.as_of) {
            (UserKey::Id(id), Some(as_of)) if lookup.called && lookup.is_live() && lookup.accounts.is_empty() => {
                self.writer.record_absence(cx, id, as_of);
            }
            _ => self.record(cx, &lookup),
        }
        lookup
    }

    /// The recorded accounts; a failure of the mirror is logged.
    async fn find_in_mirror(&self, cx: &CallContext, key: &UserKey, reason: SourceErrorKind) -> Option<Lookup> {
        let profiles: Vec<Profile> = self.mirror.profiles(cx, key).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the mirror");
            Vec::new()
        });
        let as_of = profiles.iter().map(|profile| profile.as_of).min()?;
        let accounts = profiles.into_iter().map(|profile| profile.account).collect();
        Some(Lookup::remembered(accounts, as_of, reason))
    }
}

/// The context of the first attempt of an interactive read: the mirror may know the user of a rate limited provider, so the
/// attempt does not wait for the rate limit.
fn without_waiting_for_rate_limit(cx: &CallContext) -> CallContext {
    let wait = match (cx.priority, cx.wait) {
        (Priority::Interactive, WaitPolicy::UnlessCached) => WaitPolicy::UnlessRateLimited,
        (_, wait) => wait,
    };
    CallContext { wait, ..cx.clone() }
}
