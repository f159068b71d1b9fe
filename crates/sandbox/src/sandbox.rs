//! A running sandbox: a stand-in provider behind its own address, and the control address beside it.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::auth0::{Auth0, Auth0Config};
use crate::clock::SandboxClock;
use crate::control::Control;
use crate::fault::{ActiveFault, FaultId, FaultRule};
use crate::generic::{GenericStub, GenericStubConfig};
use crate::gigya::{Gigya, GigyaConfig};
use crate::provider::{Provider, Steered};
use crate::record::RecordedRequest;
use crate::server::Outage;
use crate::server::gate::{Gate, Lever, Site};
use crate::users_api::{UsersApi, UsersApiConfig};

/// Which provider a sandbox stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Auth0.
    #[default]
    Auth0,
    /// Gigya, which is SAP Customer Data Cloud.
    Gigya,
    /// A directory of Masthead's own contract: SSOR, Firefly, or one that the test describes.
    GenericStub,
    /// A Users API, v4 and legacy: a far deployment that stands in place of a tenant's own registrations.
    UsersApi,
}

/// Where a sandbox listens and what it holds. Ports are free ones unless given.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The provider's address; loopback only.
    pub listen: SocketAddr,
    /// The control address; loopback only.
    pub control: SocketAddr,
    /// Which of the stand-ins is served; the others are there and never called.
    pub kind: Kind,
    /// The stand-in Auth0.
    pub auth0: Auth0Config,
    /// The stand-in Gigya.
    pub gigya: GigyaConfig,
    /// The stand-in directory.
    pub generic: GenericStubConfig,
    /// The stand-in Users API.
    pub users_api: UsersApiConfig,
}

impl From<Auth0Config> for SandboxConfig {
    fn from(auth0: Auth0Config) -> Self {
        Self {
            auth0,
            ..Self::default()
        }
    }
}

impl From<GigyaConfig> for SandboxConfig {
    fn from(gigya: GigyaConfig) -> Self {
        Self {
            kind: Kind::Gigya,
            gigya,
            ..Self::default()
        }
    }
}

impl From<GenericStubConfig> for SandboxConfig {
    fn from(generic: GenericStubConfig) -> Self {
        Self {
            kind: Kind::GenericStub,
            generic,
            ..Self::default()
        }
    }
}

impl From<UsersApiConfig> for SandboxConfig {
    fn from(users_api: UsersApiConfig) -> Self {
        Self {
            kind: Kind::UsersApi,
            users_api,
            ..Self::default()
        }
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            control: free,
            kind: Kind::default(),
            auth0: Auth0Config::default(),
            gigya: GigyaConfig::default(),
            generic: GenericStubConfig::default(),
            users_api: UsersApiConfig::default(),
        }
    }
}

/// A running sandbox; dropping it closes its sockets.
#[derive(Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
    control_url: String,
    _gates: [Gate; 2],
}

/// What the control address and the library's methods both work on.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) url: String,
    auth0: Arc<Auth0>,
    gigya: Arc<Gigya>,
    generic: Arc<GenericStub>,
    users_api: Arc<UsersApi>,
    pub(crate) provider: Arc<Provider>,
    lever: Lever,
    outage: tokio::sync::Mutex<Option<Outage>>,
}

impl Inner {
    /// Shuts the provider's address in this way, or opens it; when this returns, it is so.
    pub(crate) async fn turn(&self, wanted: Option<Outage>) -> Result<()> {
        let mut outage = self.outage.lock().await;
        if *outage != wanted {
            self.lever.turn(wanted).await?;
            *outage = wanted;
        }
        Ok(())
    }

    pub(crate) async fn outage(&self) -> Option<Outage> {
        *self.outage.lock().await
    }

    pub(crate) async fn reset(&self) -> Result<()> {
        self.provider.reset();
        self.turn(None).await
    }
}

impl Sandbox {
    /// Starts listening; needs a Tokio runtime with network and time.
    ///
    /// # Errors
    /// When an address is taken or is no loopback address.
    #[expect(
        clippy::unused_async,
        reason = "a promise to be called on a runtime, which the listening tasks need"
    )]
    pub async fn start(config: impl Into<SandboxConfig>) -> Result<Self> {
        let config = config.into();
        let (site, control) = (Site::take(config.listen)?, Site::take(config.control)?);
        let (url, control_url) = (site.url(), control.url());
        let clock = Arc::new(SandboxClock::default());
        let auth0 = Arc::new(Auth0::new(config.auth0, url.clone(), Arc::clone(&clock))?);
        let gigya = Arc::new(Gigya::new(config.gigya, Arc::clone(&clock)));
        let generic = Arc::new(GenericStub::new(config.generic, Arc::clone(&clock)));
        let users_api = Arc::new(UsersApi::new(config.users_api, Arc::clone(&clock)));
        let served: Arc<dyn Steered> = match config.kind {
            Kind::Auth0 => Arc::<Auth0>::clone(&auth0),
            Kind::Gigya => Arc::<Gigya>::clone(&gigya),
            Kind::GenericStub => Arc::<GenericStub>::clone(&generic),
            Kind::UsersApi => Arc::<UsersApi>::clone(&users_api),
        };
        let provider = Arc::new(Provider::new(served, clock));
        let gate = site.open(Arc::clone(&provider));
        let outage = tokio::sync::Mutex::default();
        let inner = Arc::new(Inner {
            url,
            auth0,
            gigya,
            generic,
            users_api,
            provider,
            lever: gate.lever(),
            outage,
        });
        let control = control.open(Arc::new(Control(Arc::clone(&inner))));
        Ok(Self {
            inner,
            control_url,
            _gates: [gate, control],
        })
    }

    /// The provider's base address, `http://127.0.0.1:PORT/`: what the tenant's domain would be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The control address, `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The stand-in Auth0: its users, settings and keys.
    #[must_use]
    pub fn auth0(&self) -> &Auth0 {
        &self.inner.auth0
    }

    /// The stand-in Gigya: its accounts, settings and applications.
    #[must_use]
    pub fn gigya(&self) -> &Gigya {
        &self.inner.gigya
    }

    /// The stand-in generic: its users and settings.
    #[must_use]
    pub fn generic(&self) -> &GenericStub {
        &self.inner.generic
    }

    /// The stand-in Users API: its users and settings.
    #[must_use]
    pub fn users_api(&self) -> &UsersApi {
        &self.inner.users_api
    }

    /// The clock that tokens, quotas and the search index go by.
    #[must_use]
    pub fn clock(&self) -> &SandboxClock {
        &self.inner.provider.clock
    }

    /// Lets a fault befall calls from now on.
    pub fn inject(&self, rule: impl Into<FaultRule>) -> FaultId {
        self.inner.provider.faults().add(rule.into())
    }

    /// Takes one fault back; says whether it was still there.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn withdraw(&self, id: FaultId) -> bool {
        self.inner.provider.faults().remove(id)
    }

    /// Takes all faults back (an outage stays).
    pub fn clear_faults(&self) {
        self.inner.provider.faults().clear();
    }

    /// The faults that are waiting to happen.
    #[must_use]
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.inner.provider.faults().list()
    }

    /// Switches the provider off as if its process had ended: connections are reset and new ones refused.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub async fn off(&self) -> Result<()> {
        self.outage(Outage::Refused).await
    }

    /// Puts the provider out of reach in this way.
    ///
    /// # Errors
    /// When the sandbox has ended or the address cannot be taken again.
    pub async fn outage(&self, outage: Outage) -> Result<()> {
        self.inner.turn(Some(outage)).await
    }

    /// Ends an outage, at the same address; faults stay.
    ///
    /// # Errors
    /// When the sandbox has ended or the address cannot be taken again.
    pub async fn on(&self) -> Result<()> {
        self.inner.turn(None).await
    }

    /// The newest requests (20,000 at most), oldest first, with secrets hidden.
    #[must_use]
    pub fn log(&self) -> Vec<RecordedRequest> {
        self.inner.provider.log().list(false)
    }

    /// The same with tokens, secrets and passwords as they were sent.
    #[must_use]
    pub fn log_with_secrets(&self) -> Vec<RecordedRequest> {
        self.inner.provider.log().list(true)
    }

    /// How many requests came since the start or the last reset.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.provider.log().count()
    }

    /// How many of the requests in the log have a path, as sent, that begins so.
    #[must_use]
    pub fn calls_to(&self, prefix: &str) -> u64 {
        self.inner.provider.log().count_under(prefix)
    }

    /// The most requests that were under way at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> u64 {
        self.inner.provider.log().most_at_once()
    }

    /// Forgets the requests; users, faults and settings stay.
    pub fn clear_log(&self) {
        self.inner.provider.log().clear();
    }

    /// Back to how it started: users, keys, settings and quotas; no faults, no outage, no log, the clock with the machine's.
    ///
    /// # Errors
    /// When the sandbox has ended or the address cannot be taken again.
    pub async fn reset(&self) -> Result<()> {
        self.inner.reset().await
    }
}
