//! Simulated identity providers, a simulated remote Users API and a mailbox, for development and tests.
//!
//! A stub responds as the provider does to the calls that Masthead makes, refuses all other calls, and can be made to
//! fail in every way a provider fails. A test embeds it; `cargo run -p masthead-sandbox` runs it as a process.
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
//! The argument of [`Sandbox::start`] selects the provider: a [`SandboxConfig`] or an [`Auth0Config`] (Auth0), a
//! [`GigyaConfig`], a [`CognitoConfig`], a [`GenericStubConfig`] (SSOR, Firefly, or a contract of the test), or a
//! [`UsersApiConfig`].
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use masthead_sandbox::{Fault, GenericStubConfig, GigyaConfig, Sandbox, sample_accounts};
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
mod cognito;
mod control;
mod fault;
mod generic;
mod gigya;
mod http;
mod issued_tokens;
mod json_merge;
mod listener;
mod mailbox;
mod name_list;
mod passwords;
mod quota;
mod request_log;
mod rs256;
mod sample_person;
mod sandbox;
mod server;
mod shape_reader;
mod stub;
mod switchable;
mod user_records;
mod users_api;

pub use auth0::{Auth0Client, Auth0Config, Auth0Stub, Auth0StubSettings, sample_user, sample_users};
pub use clock::SandboxClock;
pub use cognito::{CognitoConfig, CognitoStub, CognitoStubSettings, sample_cognito_user, sample_cognito_users};
pub use fault::queue::{ActiveFault, FaultId};
pub use fault::rule::{Fault, FaultRule};
pub use generic::{
    FilterComparison, GenericStub, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, GenericStubFilter,
    GenericStubSettings, GenericStubWrites, SESSION_GRADE, StubPaging, UserShape, sample_generic_user,
    sample_generic_users,
};
pub use gigya::{GigyaApplication, GigyaConfig, GigyaStub, GigyaStubSettings, sample_account, sample_accounts};
pub use listener::Outage;
pub use mailbox::{Mailbox, MailboxConfig, ReceivedMail, SmtpFault, SmtpFaultRule, SmtpStage};
pub use quota::Quota;
pub use request_log::RecordedRequest;
pub use sandbox::{Sandbox, SandboxConfig, SimulatedProvider};
pub use users_api::{UsersApiConfig, UsersApiSettings, UsersApiStub, sample_registration, sample_registrations};
