//! One outbound client for every provider: TLS, deadlines, bounded bodies, failure classes and the address guard; and what
//! every provider needs around it: tokens, budgets, a breaker, retries, shared calls and a short memory.
//!
//! An adapter makes one [`Upstream`] for each tenant ([`Adapter`] keeps them), calls it with requests, and reads replies.
//! Around its `UserSource` the binary puts a [`GuardedSource`], which shares and remembers answers.

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

pub use adapter::{Adapter, AdapterOptions, NoSecret, Unusable};
pub use breaker::{BreakerOptions, BreakerState};
pub use budget::{BudgetOptions, RateHint};
pub use call::{Call, Refusal};
pub use check::{Checked, Hints, Report, Verdict, check_source};
pub use client::{HttpClient, HttpOptions, InvalidOptions};
pub use client_credentials::{ClientCredentials, ClientCredentialsOptions};
pub use failure::{Effect, Failure, FailureClass};
pub use guarded::{GuardOptions, GuardedSource, Remembered};
pub use heard::HeardSource;
pub use left_out::LeftOut;
pub use reply::Reply;
pub use secret::{Secret, SecretPlace, Secrets};
pub use settings::{Mistake, Reading, SettingSpec};
pub use upstream::{Health, Upstream, UpstreamOptions};
