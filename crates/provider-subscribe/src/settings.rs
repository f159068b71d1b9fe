//! A tenant's settings for a remote Users API: their names, their meaning, and every error in them at once.

use http::{HeaderValue, Method};
use masthead_domain::{settings::SUBSCRIBE_PREFIX, tenant::TenantId};
use masthead_provider_kit::{
    ClientTlsPlaces, ProviderSettingError, ProviderSettingSpec, SecretPlace, SettingMap, SettingReader,
    settings::{
        client_tls::{AUTHORITIES, CLIENT_CERTIFICATE, CLIENT_KEY},
        value::address,
    },
};

const fn spec(name: &'static str, values: &'static str, meaning: &'static str) -> ProviderSettingSpec {
    ProviderSettingSpec { name, values, meaning }
}

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 12] = [
    spec(
        "Subscribe.Url",
        "https://host, with a port and a path if need be; http only where private addresses may be called",
        "the address of the Users API that answers in place of our registrations, without /v4/Users or /User",
    ),
    spec(
        "Subscribe.Api",
        "v4 or legacy",
        "which of its APIs is called; v4 when not set",
    ),
    spec(
        "Subscribe.Method",
        "POST or GET",
        "how v4 is called: POST keeps addresses out of URLs and is Masthead's own, GET is the published query string; POST when \
         not set",
    ),
    spec(
        "Subscribe.Tenant",
        "group/client/paper",
        "the tenant there; the same as here when not set",
    ),
    spec(
        "Subscribe.SourceSystem",
        "1 to 64 printable ASCII characters",
        "our source system there (X-SourceSystem); Masthead when not set",
    ),
    spec(
        "Subscribe.TokenFile",
        "the path of a file",
        "where the bearer token is stored; or Subscribe.TokenEnv",
    ),
    spec(
        "Subscribe.TokenEnv",
        "the name of an environment variable",
        "where the bearer token is stored; or Subscribe.TokenFile",
    ),
    spec(
        "Subscribe.BudgetPerSecond",
        "a number from 1 to 10000",
        "sustained calls per second of the tenant; 500 when not set",
    ),
    spec(
        "Subscribe.BudgetBurst",
        "a number from 1 to 10000",
        "calls at once; 1000 when not set",
    ),
    spec(
        "Subscribe.ClientCertificateFile",
        "the path of a file",
        CLIENT_CERTIFICATE,
    ),
    spec("Subscribe.ClientKeyFile", "the path of a file", CLIENT_KEY),
    spec("Subscribe.CaFile", "the path of a file", AUTHORITIES),
];

/// The most calls that a budget can be set to.
const MOST_CALLS: u32 = 10_000;

/// The API in use, and its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemoteApiKind {
    /// `POST /v4/Users/Search`.
    V4Body,
    /// `GET /v4/Users?…`.
    V4Query,
    /// `GET /User…`.
    Legacy,
}

/// A tenant's settings for a remote Users API, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeSettings {
    /// The address, without a slash at its end.
    pub(crate) url: Box<str>,
    pub(crate) api: RemoteApiKind,
    /// The tenant there; `None` where it is named as here.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) source_system: HeaderValue,
    pub(crate) token: SecretPlace,
    /// How often the tenant may call: at once, and a second.
    pub(crate) budget: (u32, u32),
    /// What the calls' TLS is made of.
    pub(crate) tls: ClientTlsPlaces,
}

impl SubscribeSettings {
    /// Reads the settings of a tenant whose name begins with `Subscribe.`; other names are left alone. Plain http in
    /// `Subscribe.Url` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every error at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &SettingMap, allow_private: bool) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reading = SettingReader::new(settings, &SETTINGS);
        let url = reading.required("Subscribe.Url", |text| address(text, allow_private));
        let legacy = reading.text("Subscribe.Api", |text| match text {
            "v4" => Some(false),
            "legacy" => Some(true),
            _ => None,
        });
        let method = reading.text("Subscribe.Method", |text| match text {
            "POST" => Some(Method::POST),
            "GET" => Some(Method::GET),
            _ => None,
        });
        let api = match (legacy, method) {
            (Some(true), None) => RemoteApiKind::Legacy,
            (Some(true), Some(_)) => {
                reading.report("Subscribe.Method", "has no use with Subscribe.Api=legacy");
                RemoteApiKind::Legacy
            }
            (_, Some(Method::GET)) => RemoteApiKind::V4Query,
            (_, _) => RemoteApiKind::V4Body,
        };
        let tenant = reading.text("Subscribe.Tenant", |text| TenantId::parse(text).ok());
        let source_system = reading.text("Subscribe.SourceSystem", code);
        let token = reading.secret(["Subscribe.TokenFile", "Subscribe.TokenEnv"]);
        let per_second = reading.number("Subscribe.BudgetPerSecond", MOST_CALLS, 500);
        let burst = reading.number("Subscribe.BudgetBurst", MOST_CALLS, 1000);
        let tls = reading.client_tls([
            "Subscribe.ClientCertificateFile",
            "Subscribe.ClientKeyFile",
            "Subscribe.CaFile",
        ]);
        reading.unknown_names(SUBSCRIBE_PREFIX, &["Subscribe.Token"]);
        reading.done(url.zip(token).map(|(url, token)| Self {
            url,
            api,
            tenant,
            source_system: source_system.unwrap_or(HeaderValue::from_static("Masthead")),
            token,
            budget: (burst, per_second),
            tls,
        }))
    }
}

fn code(text: &str) -> Option<HeaderValue> {
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    good.then(|| HeaderValue::from_str(text).ok())?
}

#[cfg(test)]
mod tests;
