//! One outbound client for every provider: TLS, deadlines, bounded bodies, failure classes and the address guard; and what
//! every provider needs around it: tokens, budgets, a breaker, retries, shared calls and a short memory.
//!
//! An adapter makes one [`Upstream`] for each tenant ([`TenantClients`] keeps them), calls it with requests, and reads replies.
//! Around its `UserSource` the binary puts a [`CachedSource`], which shares and remembers answers.

pub mod adapter;
pub mod address;
mod answers;
mod body;
pub mod breaker;
pub mod budget;
pub mod call;
pub mod check;
pub mod client;
pub mod client_credentials;
#[cfg(test)]
mod composition;
mod dial;
pub mod failure;
pub mod guarded;
pub mod heard;
mod instruments;
pub mod json;
mod left_out;
pub mod path;
mod per_tenant;
pub mod reply;
pub mod secret;
pub mod settings;
pub mod single_flight;
#[cfg(test)]
mod testing;
mod tls;
pub mod upstream;
mod walked;
pub mod wire;

pub use adapter::{AdapterOptions, MissingSecretError, SetupError, TenantClients};
pub use breaker::{BreakerOptions, BreakerState};
pub use budget::{BudgetOptions, RateHint};
pub use call::{ProviderCall, ReplyError};
pub use check::{CheckHints, CheckReport, CheckResult, CheckVerdict, check_source};
pub use client::{ClientOptionsError, HttpClient, HttpOptions};
pub use client_credentials::{ClientCredentials, ClientCredentialsOptions};
pub use failure::{Effect, HttpError, TransportError};
pub use guarded::{CacheOptions, CachedSource, RememberedAnswer};
pub use heard::CachedProvider;
pub use left_out::SkippedRows;
pub use reply::HttpReply;
pub use secret::{Secret, SecretPlace, Secrets};
pub use settings::{ProviderSettingError, ProviderSettingSpec, SettingReader};
pub use upstream::{Upstream, UpstreamHealth, UpstreamOptions};
