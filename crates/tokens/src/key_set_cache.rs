//! The current key set: fetched by the clock and when a token needs it, in bounds, and stored while its address is down.

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

/// How many fetches unknown keys may cause at once; each comes back after a cool-down. With one alone, a stranger's token
/// would take it from the first token of a new key.
const UNKNOWN_KEY_FETCHES: u32 = 2;

/// When key sets are fetched, and how long they are believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySetFreshness {
    /// In this time tokens with unknown keys get one more fetch, whatever their number; and at most one starts because of age.
    pub(crate) cooldown: Duration,
    /// An older set is fetched anew, beside the request that finds it so.
    pub(crate) max_age: Duration,
    /// A set that could not be fetched anew for so long is believed no more.
    pub(crate) max_stale: Duration,
}

/// The key set of one issuer.
pub(crate) struct KeySetCache {
    /// The issuer, for logs and metrics.
    name: Box<str>,
    source: Arc<dyn FetchKeys>,
    freshness: KeySetFreshness,
    set: RwLock<Option<Arc<KeySet>>>,
    /// Milliseconds from `epoch` to the fetch of `set`; [`NEVER`] before the first.
    fetched: AtomicU64,
    epoch: Instant,
    pace: Mutex<FetchPace>,
    flights: SingleFlight<(), bool>,
}

const NEVER: u64 = u64::MAX;

/// Why a set is fetched.
#[derive(Debug, Clone, Copy)]
enum FetchReason {
    /// There is none that may be used.
    Missing,
    /// A request found it old.
    Age,
    /// A token names a key that is not in it.
    UnknownKey,
    /// It is time.
    Clock,
}

/// When fetches may start.
#[derive(Debug, Clone, Copy)]
struct FetchPace {
    last_start: Option<Instant>,
    /// When all fetches for unknown keys will have come back (a generic cell rate: ITU-T I.371).
    unknown_keys_due: Instant,
}

impl FetchPace {
    fn start(&mut self, reason: FetchReason, freshness: KeySetFreshness, now: Instant) -> bool {
        let cooldown = freshness.cooldown;
        let is_pausing = |pause| self.last_start.is_some_and(|last| now.duration_since(last) < pause);
        let may_start = match reason {
            FetchReason::Clock => true,
            FetchReason::Missing => !is_pausing(cooldown.min(RETRY_WITHOUT_KEYS)),
            FetchReason::Age => !is_pausing(cooldown),
            FetchReason::UnknownKey => self.unknown_keys_due <= now + cooldown * (UNKNOWN_KEY_FETCHES - 1),
        };
        if may_start {
            self.last_start = Some(now);
            if matches!(reason, FetchReason::UnknownKey) {
                self.unknown_keys_due = self.unknown_keys_due.max(now) + cooldown;
            }
        }
        may_start
    }
}

impl KeySetCache {
    /// A cache that has fetched nothing yet. `name` is the issuer's name in logs and metrics.
    pub(crate) fn new(name: &str, source: Arc<dyn FetchKeys>, freshness: KeySetFreshness) -> Self {
        let now = Instant::now();
        Self {
            name: name.into(),
            source,
            freshness,
            set: RwLock::new(None),
            fetched: AtomicU64::new(NEVER),
            epoch: now,
            pace: Mutex::new(FetchPace {
                last_start: None,
                unknown_keys_due: now,
            }),
            flights: SingleFlight::new(),
        }
    }

    /// The issuer, for logs and metrics.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the current set may still be used; past its age, a fetch starts in the background.
    pub(crate) fn are_usable(self: &Arc<Self>) -> bool {
        match self.age() {
            Some(age) if age <= self.freshness.max_age => true,
            Some(age) if age <= self.freshness.max_stale => {
                // Outside a runtime nothing can be started; the next caller inside one will.
                if tokio::runtime::Handle::try_current().is_ok() {
                    self.flights.start_if((), || self.fetch_for(FetchReason::Age));
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
        self.fetch_once(FetchReason::Missing).await;
        self.current().map(|_| ())
    }

    /// Fetches the set anew now, or joins the fetch under way; whether a set came.
    pub(crate) async fn refresh(self: &Arc<Self>) -> bool {
        self.fetch_once(FetchReason::Clock).await
    }

    /// Waits, for at most `patience`, for a fetch of a set that is past its age; the fetch goes on by itself.
    pub(crate) async fn refresh_aged(self: &Arc<Self>, patience: Duration) {
        if self.age().is_some_and(|age| age > self.freshness.max_age) {
            let _ = tokio::time::timeout(patience, self.fetch_once(FetchReason::Age)).await;
        }
    }

    /// Whether the set may be used and holds a key.
    pub(crate) fn has_usable_key(&self) -> bool {
        self.current().is_ok_and(|set| set.len() > 0)
    }

    /// How long ago the set was fetched, and how many keys it holds; `None` before the first.
    pub(crate) fn state(&self) -> Option<(Duration, usize)> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        Some((self.age()?, set.as_deref().map_or(0, KeySet::len)))
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
            KeyMatch::Unknown => self.fetch_once(FetchReason::UnknownKey).await,
        };
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
            key_set_remark::log(new.remarks(), &self.name);
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

    /// Joins the fetch under way or, if it is time for this reason, starts one; waits for its end. Whether a set came.
    async fn fetch_once(self: &Arc<Self>, reason: FetchReason) -> bool {
        // Whether it was made, not made or abandoned, what counts for a token is the set that is there afterwards.
        let fetched = self.flights.run_if((), || self.fetch_for(reason)).await;
        matches!(fetched, Some(Ok(true)))
    }

    fn fetch_for(self: &Arc<Self>, reason: FetchReason) -> Option<impl Future<Output = bool> + Send + 'static> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if !pace.start(reason, self.freshness, Instant::now()) {
            return None;
        }
        let this = Arc::clone(self);
        Some(async move { this.fetch().await })
    }

    async fn fetch(&self) -> bool {
        let failure = match self.source.fetch().await {
            Ok(json) if self.accept(&json).is_some() => None,
            Ok(_) => Some("not a key set"),
            Err(failure) => Some(failure),
        };
        let outcome = if failure.is_none() { "fetched" } else { "failed" };
        metrics::counter!("masthead_key_set_fetches_total", "issuer" => self.name.to_string(), "outcome" => outcome)
            .increment(1);
        if let Some(reason) = failure {
            let kept = self.current().is_ok();
            tracing::warn!(
                issuer = &*self.name,
                reason,
                last_good_kept = kept,
                "the signing keys could not be fetched"
            );
        }
        failure.is_none()
    }
}

#[cfg(test)]
mod tests;
