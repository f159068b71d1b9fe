//! Stand-ins for the identity providers and the remote Users API that Masthead speaks to, for development and tests.
//!
//! A stand-in answers as the provider does, as far as Masthead calls it, and can be made to fail in every way a
//! provider fails. A test embeds it; `cargo run -p masthead-sandbox` runs it by itself.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use masthead_sandbox::{Fault, FaultRule, Sandbox, SandboxConfig, sample_users};
//!
//! let sandbox = Sandbox::start(SandboxConfig::default()).await?;
//! sandbox.auth0().seed(sample_users(1_000));
//! sandbox.inject(FaultRule::from(Fault::ResetMidBody).on("/api/v2/users").times(1));
//! // … let the code under test call sandbox.url() …
//! assert_eq!(sandbox.calls(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! What is given to [`Sandbox::start`] says which provider it is: a [`SandboxConfig`] or an [`Auth0Config`] (Auth0), a
//! [`GigyaConfig`], a [`GenericStubConfig`] (SSOR, Firefly, or a contract of the test's own), or a [`UsersApiConfig`].
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use masthead_sandbox::{GenericStubConfig, Fault, GigyaConfig, Sandbox, sample_accounts};
//!
//! let gigya = Sandbox::start(GigyaConfig::default()).await?;
//! gigya.gigya().seed(sample_accounts(100));
//! gigya.inject(Fault::ErrorCode { code: 403_048 });
//! let firefly = Sandbox::start(GenericStubConfig::firefly()).await?;
//! assert_eq!(firefly.generic().user_count(), 0);
//! # Ok(())
//! # }
//! ```

mod auth0;
mod clock;
mod control;
mod fault;
mod generic;
mod gigya;
mod people;
mod person;
mod provider;
mod quota;
mod record;
mod sandbox;
mod server;
mod spoil;
mod users_api;

pub use auth0::{Auth0, Auth0Client, Auth0Config, Auth0StubSettings, sample_user, sample_users};
pub use clock::SandboxClock;
pub use fault::{ActiveFault, Fault, FaultId, FaultRule};
pub use generic::{
    FilterComparison, GenericStub, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, GenericStubFilter,
    GenericStubSettings, SESSION_GRADE, StubPaging, UserShape, sample_generic_user, sample_generic_users,
};
pub use gigya::{Gigya, GigyaApplication, GigyaConfig, GigyaStubSettings, sample_account, sample_accounts};
pub use quota::Quota;
pub use record::RecordedRequest;
pub use sandbox::{Kind, Sandbox, SandboxConfig};
pub use server::Outage;
pub use users_api::{UsersApi, UsersApiConfig, UsersApiSettings, sample_registration, sample_registrations};
