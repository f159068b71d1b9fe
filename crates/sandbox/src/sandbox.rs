//! A running sandbox: a simulated provider at its address, and the control API at another.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::auth0::{Auth0Config, Auth0Stub};
use crate::clock::SandboxClock;
use crate::cognito::{CognitoConfig, CognitoStub};
use crate::control::ControlApi;
use crate::fault::queue::{ActiveFault, FaultId};
use crate::fault::rule::FaultRule;
use crate::generic::{GenericStub, GenericStubConfig};
use crate::gigya::{GigyaConfig, GigyaStub};
use crate::listener::{BoundListener, Outage, RunningListener};
use crate::request_log::RecordedRequest;
use crate::server::StubServer;
use crate::stub::{ControlledStub, Stub};
use crate::switchable::SwitchableServer;
use crate::users_api::{UsersApiConfig, UsersApiStub};

/// Which provider a sandbox simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SimulatedProvider {
    /// Auth0.
    #[default]
    Auth0,
    /// Gigya, which is SAP Customer Data Cloud.
    Gigya,
    /// A user pool of Amazon Cognito.
    Cognito,
    /// A provider described by settings: SSOR, Firefly, or one of a test.
    Generic,
    /// A remote Users API, v4 and legacy, which replaces the store of a tenant.
    UsersApi,
}

/// Where a sandbox listens and what it holds. Ports are free ones unless given.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The provider's address; loopback only.
    pub listen: SocketAddr,
    /// The control address; loopback only.
    pub control: SocketAddr,
    /// Which of the stubs is served; the others exist and receive no calls.
    pub provider: SimulatedProvider,
    /// The simulated Auth0.
    pub auth0: Auth0Config,
    /// The simulated Gigya.
    pub gigya: GigyaConfig,
    /// The simulated user pool of Cognito.
    pub cognito: CognitoConfig,
    /// The simulated generic provider.
    pub generic: GenericStubConfig,
    /// The simulated Users API.
    pub users_api: UsersApiConfig,
}

impl From<Auth0Config> for SandboxConfig {
    fn from(auth0: Auth0Config) -> Self {
        let mut config = Self::for_provider(SimulatedProvider::Auth0);
        config.auth0 = auth0;
        config
    }
}

impl From<GigyaConfig> for SandboxConfig {
    fn from(gigya: GigyaConfig) -> Self {
        let mut config = Self::for_provider(SimulatedProvider::Gigya);
        config.gigya = gigya;
        config
    }
}

impl From<CognitoConfig> for SandboxConfig {
    fn from(cognito: CognitoConfig) -> Self {
        let mut config = Self::for_provider(SimulatedProvider::Cognito);
        config.cognito = cognito;
        config
    }
}

impl From<GenericStubConfig> for SandboxConfig {
    fn from(generic: GenericStubConfig) -> Self {
        let mut config = Self::for_provider(SimulatedProvider::Generic);
        config.generic = generic;
        config
    }
}

impl From<UsersApiConfig> for SandboxConfig {
    fn from(users_api: UsersApiConfig) -> Self {
        let mut config = Self::for_provider(SimulatedProvider::UsersApi);
        config.users_api = users_api;
        config
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self::for_provider(SimulatedProvider::default())
    }
}

impl SandboxConfig {
    fn for_provider(provider: SimulatedProvider) -> Self {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free_port,
            control: free_port,
            provider,
            auth0: Auth0Config::default(),
            gigya: GigyaConfig::default(),
            cognito: CognitoConfig::default(),
            generic: GenericStubConfig::default(),
            users_api: UsersApiConfig::default(),
        }
    }
}

/// A running sandbox; dropping it closes its sockets.
#[derive(Debug)]
pub struct Sandbox {
    running: Arc<SwitchableServer>,
    auth0: Arc<Auth0Stub>,
    gigya: Arc<GigyaStub>,
    cognito: Arc<CognitoStub>,
    generic: Arc<GenericStub>,
    users_api: Arc<UsersApiStub>,
    control_url: String,
    _listeners: [RunningListener; 2],
}

impl Sandbox {
    /// Starts listening; needs a Tokio runtime with network and time.
    ///
    /// # Errors
    /// When an address is in use or is no loopback address.
    #[expect(
        clippy::unused_async,
        reason = "must be called on a runtime, which the listening tasks need"
    )]
    pub async fn start(config: impl Into<SandboxConfig>) -> Result<Self> {
        let config = config.into();
        let (listener, control) = (
            BoundListener::bind(config.listen)?,
            BoundListener::bind(config.control)?,
        );
        let (url, control_url) = (listener.url(), control.url());
        let clock = Arc::new(SandboxClock::default());
        let auth0 = Arc::new(Stub::new(config.auth0, url.clone(), Arc::clone(&clock))?);
        let gigya = Arc::new(Stub::new(config.gigya, url.clone(), Arc::clone(&clock))?);
        let cognito = Arc::new(Stub::new(config.cognito, url.clone(), Arc::clone(&clock))?);
        let generic = Arc::new(Stub::new(config.generic, url.clone(), Arc::clone(&clock))?);
        let users_api = Arc::new(Stub::new(config.users_api, url.clone(), Arc::clone(&clock))?);
        let stub: Arc<dyn ControlledStub> = match config.provider {
            SimulatedProvider::Auth0 => Arc::<Auth0Stub>::clone(&auth0),
            SimulatedProvider::Gigya => Arc::<GigyaStub>::clone(&gigya),
            SimulatedProvider::Cognito => Arc::<CognitoStub>::clone(&cognito),
            SimulatedProvider::Generic => Arc::<GenericStub>::clone(&generic),
            SimulatedProvider::UsersApi => Arc::<UsersApiStub>::clone(&users_api),
        };
        let server = Arc::new(StubServer::new(stub, clock));
        let listener = listener.run(Arc::clone(&server));
        let running = Arc::new(SwitchableServer::new(url, server, listener.switch()));
        let control = control.run(Arc::new(ControlApi(Arc::clone(&running))));
        Ok(Self {
            running,
            auth0,
            gigya,
            cognito,
            generic,
            users_api,
            control_url,
            _listeners: [listener, control],
        })
    }

    /// The provider's base address, `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// The control address, `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The simulated Auth0: its users, settings and keys.
    #[must_use]
    pub fn auth0(&self) -> &Auth0Stub {
        &self.auth0
    }

    /// The simulated Gigya: its accounts, settings and applications.
    #[must_use]
    pub fn gigya(&self) -> &GigyaStub {
        &self.gigya
    }

    /// The simulated user pool of Cognito: its users and settings.
    #[must_use]
    pub fn cognito(&self) -> &CognitoStub {
        &self.cognito
    }

    /// The simulated generic provider: its users and settings.
    #[must_use]
    pub fn generic(&self) -> &GenericStub {
        &self.generic
    }

    /// The simulated Users API: its users and settings.
    #[must_use]
    pub fn users_api(&self) -> &UsersApiStub {
        &self.users_api
    }

    /// The clock of tokens, quotas and the search index.
    #[must_use]
    pub fn clock(&self) -> &SandboxClock {
        &self.running.server.clock
    }

    /// Injects a fault into the calls from now on.
    pub fn inject(&self, rule: impl Into<FaultRule>) -> FaultId {
        self.running.server.faults().add(rule.into())
    }

    /// Removes one fault; returns whether it had not ended yet.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn withdraw(&self, id: FaultId) -> bool {
        self.running.server.faults().remove(id)
    }

    /// Removes all faults (an outage stays).
    pub fn clear_faults(&self) {
        self.running.server.faults().clear();
    }

    /// The injected faults that have not ended.
    #[must_use]
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.running.server.faults().list()
    }

    /// Switches the provider off as if its process had ended: connections are reset and new ones refused.
    ///
    /// # Errors
    /// When the sandbox has stopped.
    pub async fn off(&self) -> Result<()> {
        self.outage(Outage::Refused).await
    }

    /// Puts the provider out of reach in this way.
    ///
    /// # Errors
    /// When the sandbox has stopped or the address cannot be bound again.
    pub async fn outage(&self, outage: Outage) -> Result<()> {
        self.running.set_outage(Some(outage)).await
    }

    /// Ends an outage, at the same address; faults stay.
    ///
    /// # Errors
    /// When the sandbox has stopped or the address cannot be bound again.
    pub async fn on(&self) -> Result<()> {
        self.running.set_outage(None).await
    }

    /// The newest requests (20,000 at most), oldest first, without secrets.
    #[must_use]
    pub fn log(&self) -> Vec<RecordedRequest> {
        self.running.server.log().list(false)
    }

    /// The newest requests with tokens, secrets and passwords as they were sent.
    #[must_use]
    pub fn log_with_secrets(&self) -> Vec<RecordedRequest> {
        self.running.server.log().list(true)
    }

    /// The number of requests since the start or the last reset.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.running.server.log().count()
    }

    /// The number of logged requests whose path, as sent, begins with this prefix.
    #[must_use]
    pub fn calls_to(&self, prefix: &str) -> u64 {
        self.running.server.log().count_under(prefix)
    }

    /// The highest number of concurrent requests.
    #[must_use]
    pub fn most_at_once(&self) -> u64 {
        self.running.server.log().most_at_once()
    }

    /// Drops the logged requests; users, faults and settings stay.
    pub fn clear_log(&self) {
        self.running.server.log().clear();
    }
}
