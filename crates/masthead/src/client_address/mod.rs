//! The address of a request's client, behind trusted proxies (ADR 0097).

mod forwarded;
mod trusted_proxies;

pub use trusted_proxies::{ForwardedHeader, TrustedProxies};
