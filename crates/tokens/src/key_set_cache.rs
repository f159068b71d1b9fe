//! The current key set: fetched when it is needed, at most once per cool-down, and stored while its address is down.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_ports::tokens::TokenError;
use masthead_single_flight::SingleFlight;
use tokio::time::Instant;

use crate::{
    fetch::FetchKeys,
    key::{Algorithm, VerificationKey},
    key_set::{KeyMatch, KeySet},
    key_set_remark,
};

/// While there is no key set at all, every request waits for one: it is tried again this soon, if not sooner.
const RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(3);

/// When key sets are fetched, and how long they are believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySetFreshness {
    /// At most one fetch starts in this time, for any number of tokens.
    pub(crate) cooldown: Duration,
    /// An older set is fetched anew, beside the requests.
    pub(crate) max_age: Duration,
    /// A set that could not be fetched anew for so long is believed no more.
    pub(crate) max_stale: Duration,
}

/// The key set of one issuer.
pub(crate) struct KeySetCache {
    source: Arc<dyn FetchKeys>,
    freshness: KeySetFreshness,
    set: RwLock<Option<Arc<KeySet>>>,
    /// Milliseconds from `epoch` to the fetch of `set`; [`NEVER`] before the first.
    fetched: AtomicU64,
    epoch: Instant,
    last_start: Mutex<Option<Instant>>,
    flights: SingleFlight<(), ()>,
}

const NEVER: u64 = u64::MAX;

impl KeySetCache {
    pub(crate) fn new(source: Arc<dyn FetchKeys>, freshness: KeySetFreshness) -> Self {
        Self {
            source,
            freshness,
            set: RwLock::new(None),
            fetched: AtomicU64::new(NEVER),
            epoch: Instant::now(),
            last_start: Mutex::new(None),
            flights: SingleFlight::new(),
        }
    }

    /// Whether the current set may still be used; past its age, a fetch starts in the background.
    pub(crate) fn are_usable(self: &Arc<Self>) -> bool {
        match self.age() {
            Some(age) if age <= self.freshness.max_age => true,
            Some(age) if age <= self.freshness.max_stale => {
                // Outside a runtime nothing can be started; the next caller inside one will.
                if tokio::runtime::Handle::try_current().is_ok() {
                    self.flights
                        .start_if((), || self.fetch_unless_within(self.freshness.cooldown));
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// Sees to it that there is a set that may be used.
    pub(crate) async fn obtain(self: &Arc<Self>) -> Result<(), TokenError> {
        if self.are_usable() {
            return Ok(());
        }
        self.fetch_once(self.freshness.cooldown.min(RETRY_WITHOUT_KEYS)).await;
        self.current().map(|_| ())
    }

    /// The key that `made` the signature of a token with this header, fetching the set anew when a newer one may hold it.
    pub(crate) async fn signer(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        made: &(dyn Fn(&VerificationKey) -> bool + Sync),
    ) -> Result<Arc<VerificationKey>, TokenError> {
        // A shared secret beside a key set is the classic confusion: not even worth a fetch.
        if algorithm == Algorithm::Hs256 {
            return Err(TokenError::BadSignature);
        }
        self.obtain().await?;
        let tried = self.current()?;
        match tried.signer(kid, algorithm, made) {
            KeyMatch::Signer(key) => return Ok(key),
            KeyMatch::Unfit => return Err(TokenError::BadSignature),
            KeyMatch::Unknown => self.fetch_once(self.freshness.cooldown).await,
        }
        let newer = self.current()?;
        if Arc::ptr_eq(&tried, &newer) {
            return Err(TokenError::BadSignature);
        }
        match newer.signer(kid, algorithm, made) {
            KeyMatch::Signer(key) => Ok(key),
            KeyMatch::Unfit | KeyMatch::Unknown => Err(TokenError::BadSignature),
        }
    }

    /// Takes a published set, as a fetch does: keys missing from it are removed at once, even all of them. Remarks
    /// about it are logged once. Returns the number of its keys; `None` when the text is no key set, which changes
    /// nothing.
    pub(crate) fn accept(&self, json: &[u8]) -> Option<usize> {
        let new = KeySet::parse(json)?;
        let count = new.len();
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        if set.as_deref().is_none_or(|old| old.remarks() != new.remarks()) {
            key_set_remark::log(new.remarks());
        }
        let new = match set.as_deref() {
            Some(old) => new.replacing(old),
            None => new,
        };
        *set = Some(Arc::new(new));
        let at = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(NEVER - 1);
        self.fetched.store(at, Ordering::Release);
        Some(count)
    }

    fn current(&self) -> Result<Arc<KeySet>, TokenError> {
        let fresh_enough = self.age().is_some_and(|age| age <= self.freshness.max_stale);
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        set.clone().filter(|_| fresh_enough).ok_or(TokenError::KeysUnavailable)
    }

    fn age(&self) -> Option<Duration> {
        match self.fetched.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(self.epoch.elapsed().saturating_sub(Duration::from_millis(at))),
        }
    }

    /// Joins the fetch under way or, unless the last one started within `pause`, starts one; waits for its end.
    async fn fetch_once(self: &Arc<Self>, pause: Duration) {
        // Whether it was made, not made or abandoned, what counts is the set that is there afterwards.
        let _ = self.flights.run_if((), || self.fetch_unless_within(pause)).await;
    }

    fn fetch_unless_within(self: &Arc<Self>, pause: Duration) -> Option<impl Future<Output = ()> + Send + 'static> {
        let now = Instant::now();
        let mut last_start = self.last_start.lock().unwrap_or_else(PoisonError::into_inner);
        if last_start.is_some_and(|last| now.duration_since(last) < pause) {
            return None;
        }
        *last_start = Some(now);
        let this = Arc::clone(self);
        Some(async move { this.fetch().await })
    }

    async fn fetch(&self) {
        let failure = match self.source.fetch().await {
            Ok(json) if self.accept(&json).is_some() => return,
            Ok(_) => "not a key set",
            Err(failure) => failure,
        };
        let kept = self.current().is_ok();
        tracing::warn!(
            reason = failure,
            last_good_kept = kept,
            "the signing keys could not be fetched"
        );
    }
}

#[cfg(test)]
mod tests;
