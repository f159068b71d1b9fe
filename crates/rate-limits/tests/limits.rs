//! The limits of callers, addresses and tenants, on a stopped clock.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use governor::clock::FakeRelativeClock;
use masthead_domain::{
    access::TokenIdentity,
    caller_address::CallerAddress,
    rate_limit::{RateLimit, RatePolicy, RateScope, RateUnit},
    tenant::Tenant,
    workspace::WorkspaceId,
};
use masthead_ports::{
    rate_limit::{Admission, CallerName, LimitedCaller, RateExceeded, RateLimits, RateUsage, RateUsageExchange},
    source::{SourceError, SourceErrorKind},
};
use masthead_rate_limits::{Limiter, LimiterOptions, UsageSharing};
use masthead_testkit::tenants::tenant;

type TestLimiter = Limiter<FakeRelativeClock>;

const KEY: [u8; 16] = [7; 16];

fn options(subject: u32, address: u32, tenant: u32) -> LimiterOptions {
    let requests = |requests| RateLimit { requests, rows: 0 };
    LimiterOptions {
        subject: requests(subject),
        address: requests(address),
        tenant: requests(tenant),
        list_weight: 10,
    }
}

fn limiter(options: LimiterOptions) -> (TestLimiter, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limiter::with_clock(options, KEY, clock.clone()), clock)
}

fn identity(subject: &str) -> TokenIdentity {
    TokenIdentity {
        issuer: "https://id.example".into(),
        subject: Some(subject.into()),
        ..TokenIdentity::default()
    }
}

fn herald() -> Tenant {
    tenant("north/daily/herald", 1, &[])
}

/// One request of this subject to this tenant from this address.
fn admit(limiter: &TestLimiter, subject: &str, tenant: &Tenant, address: &str) -> Result<Admission, RateExceeded> {
    limiter.admit(&LimitedCaller {
        name: CallerName::Token(&identity(subject)),
        tenant,
        address: Some(CallerAddress::new(address.parse().unwrap())),
    })
}

/// How many requests are admitted before the first refusal, and the refusal.
fn admitted(limiter: &TestLimiter, subject: &str, tenant: &Tenant, address: &str) -> (u32, RateExceeded) {
    let mut count = 0;
    loop {
        match admit(limiter, subject, tenant, address) {
            Ok(_) => count += 1,
            Err(exceeded) => return (count, exceeded),
        }
    }
}

fn exceeded(scope: RateScope, unit: RateUnit, per_minute: u32, retry_after: Duration) -> RateExceeded {
    RateExceeded {
        policy: RatePolicy::new(scope, unit),
        per_minute,
        retry_after,
    }
}

#[test]
fn each_scope_has_its_limit() {
    let other = tenant("south/post/mail", 2, &[]);
    let herald = herald();
    let second = Duration::from_secs(1);
    let (limits, _) = limiter(options(60, 0, 0));
    let of_subject = exceeded(RateScope::Subject, RateUnit::Requests, 60, second);
    assert_eq!(admitted(&limits, "crm", &herald, "192.0.2.1"), (60, of_subject));
    assert_eq!(admitted(&limits, "crm", &other, "192.0.2.2"), (0, of_subject));
    assert_eq!(admitted(&limits, "web", &herald, "192.0.2.1"), (60, of_subject));

    let (limits, _) = limiter(options(0, 60, 0));
    let of_address = exceeded(RateScope::Address, RateUnit::Requests, 60, second);
    assert_eq!(admitted(&limits, "crm", &herald, "2001:db8::1"), (60, of_address));
    assert_eq!(admitted(&limits, "web", &other, "2001:db8::2"), (0, of_address));
    assert_eq!(admitted(&limits, "crm", &herald, "2001:db8:0:1::1"), (60, of_address));

    let (limits, _) = limiter(options(0, 0, 60));
    let of_tenant = exceeded(RateScope::Tenant, RateUnit::Requests, 60, second);
    assert_eq!(admitted(&limits, "crm", &herald, "192.0.2.1"), (60, of_tenant));
    assert_eq!(admitted(&limits, "web", &herald, "192.0.2.2"), (0, of_tenant));
    assert_eq!(admitted(&limits, "crm", &other, "192.0.2.1"), (60, of_tenant));
}

#[test]
fn refused_subject_does_not_use_up_its_tenant() {
    let (limits, _) = limiter(options(5, 0, 60));
    let herald = herald();
    for _ in 0..100 {
        let _ = admit(&limits, "crm", &herald, "192.0.2.1");
    }
    let mut others = 0;
    for subject in 0..100 {
        others += u32::from(admit(&limits, &subject.to_string(), &herald, "192.0.2.1").is_ok());
    }
    assert_eq!(others, 55);
}

#[test]
fn no_limit_admits_everything() {
    let (limits, _) = limiter(options(0, 0, 0));
    for _ in 0..10_000 {
        admit(&limits, "crm", &herald(), "192.0.2.1")
            .unwrap()
            .charge_rows(1_000);
    }
}

#[test]
fn lists_weigh_and_rows_are_owed() {
    let (limits, clock) = limiter(LimiterOptions {
        subject: RateLimit {
            requests: 60,
            rows: 600,
        },
        ..options(0, 0, 0)
    });
    let herald = herald();
    let list = admit(&limits, "crm", &herald, "192.0.2.1").unwrap();
    list.charge_list();
    list.charge_rows(1_000);
    let owed = exceeded(RateScope::Subject, RateUnit::Rows, 600, Duration::from_secs(40));
    assert_eq!(admitted(&limits, "crm", &herald, "192.0.2.1"), (0, owed));
    // 10 requests of the list have flowed in again.
    clock.advance(Duration::from_secs(40));
    assert_eq!(admitted(&limits, "crm", &herald, "192.0.2.1").0, 60);
}

#[test]
fn tenant_may_have_limits_of_its_own() {
    let (limits, _) = limiter(options(0, 0, 60));
    let small = tenant("north/daily/herald", 1, &[("Limits.RequestsPerMinute", "5")]);
    let unlimited = tenant("south/post/mail", 2, &[("Limits.RequestsPerMinute", "0")]);
    assert_eq!(admitted(&limits, "crm", &small, "192.0.2.1").0, 5);
    for _ in 0..1_000 {
        admit(&limits, "crm", &unlimited, "192.0.2.1").unwrap();
    }
}

#[test]
fn tokens_without_a_subject_count_for_their_issuer() {
    let (limits, _) = limiter(options(2, 0, 0));
    let herald = herald();
    let call = |issuer: &str, client: Option<&str>| {
        let identity = TokenIdentity {
            issuer: issuer.into(),
            client_id: client.map(Into::into),
            ..TokenIdentity::default()
        };
        limits
            .admit(&LimitedCaller {
                name: CallerName::Token(&identity),
                tenant: &herald,
                address: None,
            })
            .is_ok()
    };
    assert!(call("a", None) && call("a", None) && !call("a", None));
    assert!(call("b", None) && call("a", Some("web")));
}

#[test]
fn workspace_is_a_caller() {
    let (limits, _) = limiter(options(1, 0, 0));
    let herald = herald();
    let call = |name: &str| {
        limits
            .admit(&LimitedCaller {
                name: CallerName::Workspace(&WorkspaceId::parse(name).unwrap()),
                tenant: &herald,
                address: None,
            })
            .is_ok()
    };
    assert!(call("herald") && !call("herald") && call("times"));
}

#[test]
fn replaced_limits_keep_what_was_used() {
    let before = LimiterOptions {
        subject: RateLimit {
            requests: 60,
            rows: 600,
        },
        ..options(0, 0, 0)
    };
    let (limits, _) = limiter(before);
    let herald = herald();
    admit(&limits, "crm", &herald, "192.0.2.1").unwrap().charge_rows(700);
    limits.set_options(LimiterOptions {
        subject: RateLimit {
            requests: 120,
            rows: 600,
        },
        ..before
    });
    let refused = admit(&limits, "crm", &herald, "192.0.2.1").err();
    let owed = exceeded(RateScope::Subject, RateUnit::Rows, 600, Duration::from_secs(10));
    assert_eq!(refused, Some(owed));
}

/// More subjects than are remembered: the map is bounded, and one that goes on is kept.
#[test]
fn idle_keys_are_forgotten() {
    let (limits, _) = limiter(options(1_000, 0, 0));
    let herald = herald();
    let mut busy = 0;
    for subject in 0..200_000 {
        admit(&limits, &format!("s{subject}"), &herald, "192.0.2.1").unwrap();
        if subject % 100 == 0 {
            busy += u32::from(admit(&limits, "busy", &herald, "192.0.2.1").is_ok());
        }
    }
    assert_eq!(busy, 1_000, "it was limited all the time");
    assert!(limits.remembered(RateScope::Subject) <= 30_000);
    assert_eq!(limits.remembered(RateScope::Address), 0);
}

/// Who reported usage of which key under which policy.
type UsageKey = (Box<str>, u64, RatePolicy);

/// A table of usage in memory, which can be out of reach.
#[derive(Default)]
struct MemoryUsage {
    reported: Mutex<BTreeMap<UsageKey, RateUsage>>,
    is_down: Mutex<bool>,
}

#[async_trait]
impl RateUsageExchange for MemoryUsage {
    async fn exchange(&self, server: &str, own: &[RateUsage]) -> Result<Vec<(Box<str>, RateUsage)>, SourceError> {
        if *self.is_down.lock().unwrap() {
            return Err(SourceError::new("exchange", SourceErrorKind::Unavailable));
        }
        let mut reported = self.reported.lock().unwrap();
        for usage in own {
            let sum = reported
                .entry((server.into(), usage.key, usage.policy))
                .or_insert(RateUsage { used: 0, ..*usage });
            sum.used += usage.used;
        }
        let others = reported.iter().filter(|((other, ..), _)| **other != *server);
        Ok(others.map(|((other, ..), usage)| (other.clone(), *usage)).collect())
    }
}

struct TwoServers {
    limiters: [Arc<TestLimiter>; 2],
    sharing: [UsageSharing<FakeRelativeClock>; 2],
    usage: Arc<MemoryUsage>,
    clock: FakeRelativeClock,
}

impl TwoServers {
    async fn start(options: LimiterOptions) -> Self {
        let clock = FakeRelativeClock::default();
        let usage = Arc::new(MemoryUsage::default());
        let limiters = [(); 2].map(|()| Arc::new(Limiter::with_clock(options, KEY, clock.clone())));
        let share = |index: usize| UsageSharing::new(limiters[index].clone(), usage.clone(), index.to_string());
        let mut servers = Self {
            sharing: [share(0), share(1)],
            limiters,
            usage,
            clock,
        };
        servers.exchange().await;
        servers
    }

    /// Both report, and both read.
    async fn exchange(&mut self) {
        for _ in 0..2 {
            for sharing in &mut self.sharing {
                sharing.exchange().await.unwrap();
            }
        }
    }

    fn admit(&self, server: usize) -> bool {
        admit(&self.limiters[server], "crm", &herald(), "192.0.2.1").is_ok()
    }
}

#[tokio::test]
async fn usage_of_one_server_limits_the_other() {
    let mut servers = TwoServers::start(options(60, 0, 0)).await;
    for _ in 0..60 {
        assert!(servers.admit(0));
    }
    servers.exchange().await;
    assert!(!servers.admit(1));
    servers.clock.advance(Duration::from_secs(1));
    assert!(servers.admit(1));
}

/// Five minutes of requests to both servers as fast as they are admitted: one limit, within a tenth of it.
#[tokio::test]
async fn two_servers_admit_what_one_would() {
    let mut servers = TwoServers::start(options(600, 0, 0)).await;
    let mut together = 0;
    for _ in 0..300 {
        for server in [0, 1] {
            for _ in 0..100 {
                together += u32::from(servers.admit(server));
            }
        }
        servers.exchange().await;
        servers.clock.advance(Duration::from_secs(1));
    }
    let (alone, clock) = limiter(options(600, 0, 0));
    let mut one = 0;
    for _ in 0..300 {
        for _ in 0..200 {
            one += u32::from(admit(&alone, "crm", &herald(), "192.0.2.1").is_ok());
        }
        clock.advance(Duration::from_secs(1));
    }
    let difference = together.abs_diff(one);
    assert!(difference * 10 <= one, "{together} of two, {one} of one");
}

#[tokio::test]
async fn usage_is_reported_when_the_database_is_back() {
    let mut servers = TwoServers::start(options(60, 0, 0)).await;
    for _ in 0..60 {
        assert!(servers.admit(0));
    }
    *servers.usage.is_down.lock().unwrap() = true;
    assert!(servers.sharing[0].exchange().await.is_err());
    *servers.usage.is_down.lock().unwrap() = false;
    servers.exchange().await;
    assert!(!servers.admit(1));
}

#[tokio::test]
async fn new_server_ignores_what_was_reported_before() {
    let mut servers = TwoServers::start(options(60, 0, 0)).await;
    for _ in 0..60 {
        assert!(servers.admit(0));
    }
    servers.exchange().await;
    let new = Arc::new(Limiter::with_clock(options(60, 0, 0), KEY, servers.clock.clone()));
    let mut sharing = UsageSharing::new(new.clone(), servers.usage.clone(), "new");
    sharing.exchange().await.unwrap();
    assert_eq!(admitted(&new, "crm", &herald(), "192.0.2.1").0, 60);
}
