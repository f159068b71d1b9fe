//! What every provider adapter needs: calls with credentials, budget, breaker and retries, settings, and an answer cache.
//!
//! An adapter creates one [`Upstream`] per tenant ([`TenantClients`] keeps them), sends requests through it and parses the
//! replies. A [`CachedSource`] around its `UserSource` shares concurrent lookups and remembers answers.

mod abilities;
pub mod adapter;
mod adapter_parts;
pub mod answer_error;
pub mod breaker;
pub mod budget;
pub mod cache;
pub mod call;
mod call_span;
pub mod check;
pub mod client_credentials;
#[cfg(test)]
mod composition;
pub mod error_kind;
pub mod path;
mod per_tenant;
mod provider_metrics;
pub mod secrets;
pub mod settings;
mod skipped_rows;
pub mod tenant_clients;
pub mod tenant_setup;
#[cfg(test)]
mod test_support;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod upstream;
pub mod wire;
pub mod writes;

pub use abilities::AccountAbilities;
pub use adapter::{ProviderAdapter, ProviderRegistration, RegisteredProvider, register};
pub use adapter_parts::{AdapterOptions, AdapterParts};
pub use answer_error::AnswerError;
pub use breaker::{BreakerOptions, BreakerState};
pub use budget::{BudgetOptions, RateHint};
pub use cache::{CacheOptions, CachedProvider, CachedSource, RememberedAnswer};
pub use call::{ProviderCall, ReplyError};
pub use check::{CheckHints, CheckReport, CheckResult, CheckVerdict, check_source};
pub use client_credentials::{ClientCredentials, ClientCredentialsOptions};
pub use error_kind::Effect;
pub use masthead_http_client::{
    ClientOptionsError, HttpClient, HttpError, HttpOptions, HttpReply, TransportError, json,
};
pub use secrets::{Secret, SecretPlace, Secrets};
pub use settings::client_tls::ClientTlsPlaces;
pub use settings::{ProviderSettingError, ProviderSettingSpec, SettingMap, SettingReader, error_texts};
pub use skipped_rows::SkippedRows;
pub use tenant_clients::TenantClients;
pub use tenant_setup::{MissingSecretError, SetupError, TenantSetup};
pub use upstream::{Upstream, UpstreamHealth, UpstreamOptions};
