//! Support for the tests of provider adapters: the adapter of one tenant, and the sandbox that it calls.
#![expect(clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use masthead_domain::{query::UserFilter, tenant::Tenant};
use masthead_ports::{
    clock::Clock,
    scan::{ScanCursor, ScanExtent, ScanPage},
    source::{SUBSCRIBE, SourceError, SourceErrorKind, UserSource},
};
use masthead_provider_kit::{
    AdapterParts, CheckResult, CheckVerdict, ProviderAdapter,
    testing::{TestSecrets, adapter_options, client},
};
use masthead_sandbox::{Fault, FaultId, FaultRule, Sandbox, SandboxConfig};
pub use masthead_testkit::source_client::{SourceClient, crid, ids, kind, listing};
use masthead_testkit::{
    clock::StoppedClock,
    scanning::{self, ScannedUsers},
    tenants::tenant,
};

pub mod writer_suite;
mod writes;

pub use writes::{failure_kind, first_name, new_account, sentinel_account};

/// The adapter, its tenant, and the sandbox that it calls.
pub struct AdapterFixture<A> {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The adapter.
    pub adapter: A,
    /// The tenant.
    pub tenant: Arc<Tenant>,
    create: Box<dyn Fn() -> A + Send + Sync>,
}

impl<A: UserSource> SourceClient for AdapterFixture<A> {
    fn source(&self) -> &dyn UserSource {
        &self.adapter
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl<A> AdapterFixture<A> {
    /// Starts a sandbox for a tenant with these settings, with or without the provider's name, of which later ones win.
    /// `attempts` is the number of attempts of each call.
    pub async fn start(
        config: impl Into<SandboxConfig>,
        provider: &str,
        settings: &[(&str, &str)],
        secret: Option<String>,
        attempts: u32,
        create: impl Fn(AdapterParts) -> A + Send + Sync + 'static,
    ) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let address = if provider == SUBSCRIBE { "Url" } else { "BaseUrl" };
        let base = [
            (address, sandbox.url()),
            ("BudgetPerSecond", "1000"),
            ("BudgetBurst", "1000"),
        ];
        let named: Vec<(String, &str)> = base
            .iter()
            .chain(settings)
            .map(|(name, value)| {
                let name = name.strip_prefix(provider).unwrap_or(name).trim_start_matches('.');
                (format!("{provider}.{name}"), *value)
            })
            .collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (&**name, *value)).collect();
        let tenant = Arc::new(tenant("north/daily/herald", 1, &named));
        let client = client();
        let create = Box::new(move || {
            create(AdapterParts {
                options: adapter_options(attempts),
                client: client.clone(),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                secrets: Arc::new(TestSecrets(secret.clone())),
            })
        });
        Self {
            sandbox,
            adapter: create(),
            tenant,
            create,
        }
    }

    /// Starts a fault of the sandbox.
    pub fn inject(&self, fault: impl Into<FaultRule>) -> FaultId {
        self.sandbox.inject(fault)
    }

    /// Replaces the adapter by a new one, as after a restart.
    pub fn restart(&mut self) {
        self.adapter = (self.create)();
    }
}

impl<A: ProviderAdapter> AdapterFixture<A> {
    /// One step of a scan.
    ///
    /// # Errors
    /// The error of the step.
    pub async fn step(&self, scope: ScanExtent, from: Option<&ScanCursor>) -> Result<ScanPage, SourceError> {
        self.adapter.fetch_page(&self.cx(), scope, from).await
    }

    /// A whole scan; `between` runs after each step.
    pub async fn scan(&self, scope: ScanExtent, between: impl FnMut(usize) + Send) -> ScannedUsers {
        self.try_scan(scope, between).await.unwrap()
    }

    /// A whole scan that may fail.
    ///
    /// # Errors
    /// The error of a step.
    pub async fn try_scan(
        &self,
        scope: ScanExtent,
        between: impl FnMut(usize) + Send,
    ) -> Result<ScannedUsers, SourceError> {
        scanning::scan_all(self, &self.adapter, scope, between).await
    }

    /// A scan with a restart before each step shows the same accounts; a cursor of another provider starts at the beginning.
    pub async fn assert_scan_resumes(mut self, foreign_cursor: &str) {
        let whole = self.scan(ScanExtent::Everything, |_| {}).await;
        let (mut cursor, mut shown): (Option<ScanCursor>, Vec<_>) = (None, Vec::new());
        loop {
            self.restart();
            let text = cursor.map(|cursor| ScanCursor::parse(cursor.as_str()).unwrap());
            let step = self.step(ScanExtent::Everything, text.as_ref()).await.unwrap();
            shown.extend(step.accounts);
            cursor = step.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(shown, whole.accounts);
        let foreign = ScanCursor::parse(foreign_cursor);
        let first = self.step(ScanExtent::Everything, foreign.as_ref()).await.unwrap();
        assert_eq!(first.accounts[..], whole.accounts[..first.accounts.len()]);
    }

    /// The error kind of every read: by the id and the address of a user and of none, and of a list. `before` runs before
    /// each.
    pub async fn read_errors(
        &mut self,
        known: [&str; 2],
        unknown: [&str; 2],
        mut before: impl FnMut(&mut Self) + Send,
    ) -> Vec<(&'static str, SourceErrorKind)> {
        let mut kinds = Vec::new();
        for read in ["by id", "by unknown id", "by address", "by unknown address", "list"] {
            before(self);
            let kind = match read {
                "by id" => kind(self.by_id(known[0]).await),
                "by unknown id" => kind(self.by_id(unknown[0]).await),
                "by address" => kind(self.by_email(known[1]).await),
                "by unknown address" => kind(self.by_email(unknown[1]).await),
                _ => kind(self.search(&listing(UserFilter::default(), 10)).await),
            };
            kinds.push((read, kind));
        }
        kinds
    }

    /// The results of the check, which must not contain these texts.
    pub async fn check_results(&self, private: &[&str]) -> Vec<CheckResult> {
        let results = self.adapter.check(&self.cx(), None).await.unwrap();
        let shown = format!("{results:?}").to_lowercase();
        for text in private {
            assert!(!shown.contains(text), "{shown}");
        }
        results
    }
}

/// Asserts that a check of this subject fails, with this text in the explanation.
pub fn assert_differs(results: &[CheckResult], subject: &str, text: &str) {
    let differs = |one: &CheckResult| {
        one.subject == subject && one.explanation.contains(text) && one.verdict == CheckVerdict::Differs
    };
    assert!(results.iter().any(differs), "{subject}: {text}: {results:#?}");
}

/// An empty answer with this status.
#[must_use]
pub const fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: None,
    }
}

/// An answer with this status and body.
#[must_use]
pub fn with_body(status: u16, body: &str) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    }
}

/// Asserts that a log contains all of these texts, and no private one in any case.
pub fn assert_logged(log: &str, reported: &[&str], private: &[&str]) {
    for text in reported {
        assert!(log.contains(text), "{text} is not logged:\n{log}");
    }
    let lower = log.to_lowercase();
    for text in private {
        assert!(!lower.contains(&text.to_lowercase()), "{text} is logged:\n{log}");
    }
}
