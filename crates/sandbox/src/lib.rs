//! Stand-ins for the identity providers that Masthead speaks to, for development and tests.
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

mod auth0;
mod clock;
mod control;
mod fault;
mod provider;
mod record;
mod sandbox;
mod server;

pub use auth0::{Auth0, Auth0Config, Auth0Settings, Client, Quota, sample_user, sample_users};
pub use clock::Clock;
pub use fault::{ActiveFault, Fault, FaultId, FaultRule};
pub use record::Recorded;
pub use sandbox::{Sandbox, SandboxConfig};
pub use server::Outage;
