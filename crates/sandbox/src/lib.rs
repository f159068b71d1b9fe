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
//! [`GigyaConfig`], a [`DirectoryConfig`] (SSOR, Firefly, or a contract of the test's own), or a [`UsersApiConfig`].
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use masthead_sandbox::{DirectoryConfig, Fault, GigyaConfig, Sandbox, sample_accounts};
//!
//! let gigya = Sandbox::start(GigyaConfig::default()).await?;
//! gigya.gigya().seed(sample_accounts(100));
//! gigya.inject(Fault::ErrorCode { code: 403_048 });
//! let firefly = Sandbox::start(DirectoryConfig::firefly()).await?;
//! assert_eq!(firefly.directory().user_count(), 0);
//! # Ok(())
//! # }
//! ```

mod auth0;
mod clock;
mod control;
mod directory;
mod fault;
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

pub use auth0::{Auth0, Auth0Config, Auth0Settings, Client, sample_user, sample_users};
pub use clock::Clock;
pub use directory::{
    Comparison, Directory, DirectoryAuth, DirectoryConfig, DirectoryEnvelope, DirectorySettings, Filter, Paging,
    SESSION_GRADE, Shape, sample_directory_user, sample_directory_users,
};
pub use fault::{ActiveFault, Fault, FaultId, FaultRule};
pub use gigya::{Application, Gigya, GigyaConfig, GigyaSettings, sample_account, sample_accounts};
pub use quota::Quota;
pub use record::Recorded;
pub use sandbox::{Kind, Sandbox, SandboxConfig};
pub use server::Outage;
pub use users_api::{UsersApi, UsersApiConfig, UsersApiSettings, sample_registration, sample_registrations};
