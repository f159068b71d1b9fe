//! The limits of every caller, address and tenant, in maps that forget.

use std::{
    convert::Infallible,
    hash::Hasher,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
};

use governor::clock::{Clock, DefaultClock};
use masthead_domain::rate_limit::{RateLimit, RatePolicy, RateScope, RateUnit};
use masthead_ports::rate_limit::{
    Admission, CallerName, LimitedCaller, RateExceeded, RateLimits, RateUsage, UsageMeter,
};
use quick_cache::sync::Cache;
use siphasher::sip::SipHasher13;

use crate::bucket::Bucket;

/// How many callers, addresses and tenants are remembered, each. Beyond that the least used are forgotten; they begin anew.
const REMEMBERED: usize = 20_000;

/// The limits, and how much a list weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimiterOptions {
    /// Of a caller: the subject of a token, or a workspace.
    pub subject: RateLimit,
    /// Of a network address.
    pub address: RateLimit,
    /// Of a tenant without limits of its own.
    pub tenant: RateLimit,
    /// How many requests a list or a search counts as; at least 1.
    pub list_weight: u32,
}

/// The limiter of a server.
pub type SystemLimiter = Limiter<DefaultClock>;

/// Admits requests by the limits of their caller, address and tenant, in this order: what the first refuses is not counted by the
/// others.
pub struct Limiter<C: Clock + Clone = DefaultClock> {
    options: RwLock<LimiterOptions>,
    clock: C,
    /// Of hashes under it, nothing can be learned about callers and addresses. The servers of a database have the same key.
    key: [u8; 16],
    subjects: Cache<u64, Arc<Entry<C>>>,
    addresses: Cache<u64, Arc<Entry<C>>>,
    tenants: Cache<u64, Arc<Entry<C>>>,
}

/// The buckets of one caller, address or tenant; `None` without a limit.
struct Entry<C: Clock + Clone> {
    requests: Option<Arc<Bucket<C>>>,
    rows: Option<Arc<Bucket<C>>>,
}

/// The usage of a bucket that the other servers read, and the bucket.
pub(crate) struct Unreported<C: Clock + Clone> {
    pub(crate) usage: RateUsage,
    pub(crate) bucket: Arc<Bucket<C>>,
}

impl SystemLimiter {
    /// A limiter with these limits, on the clock of this machine. Servers with the same key can share their usage.
    #[must_use]
    pub fn new(options: LimiterOptions, key: [u8; 16]) -> Self {
        Self::with_clock(options, key, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// As [`SystemLimiter::new`], on another clock.
    #[must_use]
    pub fn with_clock(options: LimiterOptions, key: [u8; 16], clock: C) -> Self {
        Self {
            options: RwLock::new(options),
            clock,
            key,
            subjects: Cache::new(REMEMBERED),
            addresses: Cache::new(REMEMBERED),
            tenants: Cache::new(REMEMBERED),
        }
    }

    /// Replaces the limits. What was used of a limit that stays the same still counts.
    pub fn set_options(&self, options: LimiterOptions) {
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = options;
    }

    fn options(&self) -> LimiterOptions {
        *self.options.read().unwrap_or_else(PoisonError::into_inner)
    }

    const fn entries(&self, scope: RateScope) -> &Cache<u64, Arc<Entry<C>>> {
        match scope {
            RateScope::Subject => &self.subjects,
            RateScope::Address => &self.addresses,
            RateScope::Tenant => &self.tenants,
        }
    }

    /// The buckets of a key; `None` where nothing is limited.
    fn find(&self, scope: RateScope, key: u64, limit: RateLimit) -> Option<Arc<Entry<C>>> {
        if limit == RateLimit::default() {
            return None;
        }
        let entries = self.entries(scope);
        let found = entries.get_or_insert_with(&key, || {
            Ok::<_, Infallible>(Arc::new(Entry::new(limit, None, &self.clock)))
        });
        let entry = found.unwrap_or_else(|never| match never {});
        if entry.limit() == limit {
            return Some(entry);
        }
        let entry = Arc::new(Entry::new(limit, Some(&*entry), &self.clock));
        entries.insert(key, Arc::clone(&entry));
        Some(entry)
    }

    /// The key of a caller. Tokens that name neither a subject nor a client count together, for their issuer.
    fn subject_key(&self, name: CallerName<'_>) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        // The kind comes first, so that equal texts of different kinds differ.
        match name {
            CallerName::Token(identity) => {
                let (kind, subject) = match (&identity.subject, &identity.client_id) {
                    (Some(subject), _) => (1, &**subject),
                    (None, Some(client)) => (2, &**client),
                    (None, None) => (3, ""),
                };
                hasher.write_u8(kind);
                hasher.write(identity.issuer.as_bytes());
                hasher.write_u8(0);
                hasher.write(subject.as_bytes());
            }
            CallerName::Workspace(id) => {
                hasher.write_u8(4);
                hasher.write(id.as_str().as_bytes());
            }
        }
        hasher.finish()
    }

    fn address_key(&self, address: IpAddr) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        match address {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.finish()
    }

    fn tenant_key(&self, tenant: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(tenant.as_bytes());
        hasher.finish()
    }

    /// The usage that the other servers read now. For one task only.
    pub(crate) fn take_unreported(&self) -> Vec<Unreported<C>> {
        let mut unreported = Vec::new();
        for scope in [RateScope::Subject, RateScope::Address, RateScope::Tenant] {
            for (key, entry) in self.entries(scope).iter() {
                for (unit, bucket) in [(RateUnit::Requests, &entry.requests), (RateUnit::Rows, &entry.rows)] {
                    let Some(bucket) = bucket else { continue };
                    let Some(used) = bucket.take_unreported() else { continue };
                    let usage = RateUsage {
                        key,
                        policy: RatePolicy::new(scope, unit),
                        per_minute: bucket.per_minute().get(),
                        used,
                    };
                    unreported.push(Unreported {
                        usage,
                        bucket: Arc::clone(bucket),
                    });
                }
            }
        }
        unreported
    }

    /// Counts what another server has admitted. A key that is unknown here has the limit that it has there.
    pub(crate) fn charge_remote(&self, usage: &RateUsage, amount: u64) {
        let RatePolicy { scope, unit } = usage.policy;
        let options = self.options();
        let mut limit = match self.entries(scope).get(&usage.key) {
            Some(entry) => entry.limit(),
            None => match scope {
                RateScope::Subject => options.subject,
                RateScope::Address => options.address,
                RateScope::Tenant => options.tenant,
            },
        };
        match unit {
            RateUnit::Requests => limit.requests = usage.per_minute,
            RateUnit::Rows => limit.rows = usage.per_minute,
        }
        if let Some(entry) = self.find(scope, usage.key, limit)
            && let Some(bucket) = entry.bucket(unit)
        {
            bucket.charge_reported(amount);
        }
    }

    /// How many callers, addresses or tenants it remembers.
    #[must_use]
    pub fn remembered(&self, scope: RateScope) -> usize {
        self.entries(scope).len()
    }

    /// Sets the gauges of remembered keys.
    pub(crate) fn publish(&self) {
        for (scope, name) in [
            (RateScope::Subject, "subject"),
            (RateScope::Address, "address"),
            (RateScope::Tenant, "tenant"),
        ] {
            let keys = u32::try_from(self.remembered(scope)).unwrap_or(u32::MAX);
            metrics::gauge!("masthead_rate_limit_keys", "scope" => name).set(keys);
        }
    }
}

impl<C: Clock + Clone> Entry<C> {
    /// The buckets of a limit; those of `before` whose limit stays the same are kept.
    fn new(limit: RateLimit, before: Option<&Self>, clock: &C) -> Self {
        let bucket = |per_minute: u32, before: Option<&Arc<Bucket<C>>>| {
            let per_minute = NonZeroU32::new(per_minute)?;
            let same = before.filter(|bucket| bucket.per_minute() == per_minute);
            Some(same.map_or_else(|| Arc::new(Bucket::new(per_minute, clock)), Arc::clone))
        };
        Self {
            requests: bucket(limit.requests, before.and_then(|entry| entry.requests.as_ref())),
            rows: bucket(limit.rows, before.and_then(|entry| entry.rows.as_ref())),
        }
    }

    fn limit(&self) -> RateLimit {
        let per_minute =
            |bucket: &Option<Arc<Bucket<C>>>| bucket.as_ref().map_or(0, |bucket| bucket.per_minute().get());
        RateLimit {
            requests: per_minute(&self.requests),
            rows: per_minute(&self.rows),
        }
    }

    fn bucket(&self, unit: RateUnit) -> Option<&Arc<Bucket<C>>> {
        match unit {
            RateUnit::Requests => self.requests.as_ref(),
            RateUnit::Rows => self.rows.as_ref(),
        }
    }

    /// Takes one request, if no rows are owed.
    fn admit(&self, scope: RateScope) -> Result<(), RateExceeded> {
        let checks = [
            (RateUnit::Rows, Bucket::check_debt as fn(&Bucket<C>) -> _),
            (RateUnit::Requests, Bucket::take_one),
        ];
        for (unit, check) in checks {
            let Some(bucket) = self.bucket(unit) else { continue };
            check(bucket).map_err(|retry_after| RateExceeded {
                policy: RatePolicy::new(scope, unit),
                per_minute: bucket.per_minute().get(),
                retry_after,
            })?;
        }
        Ok(())
    }
}

impl<C> RateLimits for Limiter<C>
where
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync + 'static,
{
    fn admit(&self, caller: &LimitedCaller<'_>) -> Result<Admission, RateExceeded> {
        let options = self.options();
        let tenant_limit = caller.tenant.settings.rate_limits.over(options.tenant);
        let subject = Some(self.subject_key(caller.name));
        let address = caller.address.map(|address| self.address_key(address.rate_limit_key()));
        let tenant = Some(self.tenant_key(caller.tenant.id.as_str()));
        let counted = [
            (RateScope::Subject, subject, options.subject),
            (RateScope::Address, address, options.address),
            (RateScope::Tenant, tenant, tenant_limit),
        ];
        let mut meter = Meter {
            entries: [const { None }; 3],
            more_for_a_list: options.list_weight.saturating_sub(1),
        };
        for (place, (scope, key, limit)) in meter.entries.iter_mut().zip(counted) {
            let Some(entry) = key.and_then(|key| self.find(scope, key, limit)) else {
                continue;
            };
            entry.admit(scope).inspect_err(|exceeded| {
                metrics::counter!("masthead_rate_limited_total", "limit" => exceeded.policy.name()).increment(1);
            })?;
            *place = Some(entry);
        }
        Ok(if meter.entries.iter().all(Option::is_none) {
            Admission::default()
        } else {
            Admission::new(Arc::new(meter))
        })
    }
}

/// The buckets that an admitted request is counted in.
struct Meter<C: Clock + Clone> {
    entries: [Option<Arc<Entry<C>>>; 3],
    more_for_a_list: u32,
}

impl<C: Clock + Clone> Meter<C> {
    fn charge(&self, unit: RateUnit, amount: u32) {
        if amount == 0 {
            return;
        }
        for entry in self.entries.iter().flatten() {
            if let Some(bucket) = entry.bucket(unit) {
                bucket.charge(amount);
            }
        }
    }
}

impl<C> UsageMeter for Meter<C>
where
    C: Clock + Clone + Send + Sync,
    C::Instant: Send + Sync,
{
    fn charge_list(&self) {
        self.charge(RateUnit::Requests, self.more_for_a_list);
    }

    fn charge_rows(&self, rows: usize) {
        self.charge(RateUnit::Rows, u32::try_from(rows).unwrap_or(u32::MAX));
    }
}
