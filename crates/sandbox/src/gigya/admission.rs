//! Who calls: the site, the data centre, and the three ways in which an application proves itself.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::bearer::{Bearer, Freshness};
use super::params::Params;
use super::refusal::Refusal;
use super::settings::{GigyaApplication, GigyaStubSettings};
use super::signature;
use crate::server::request::Request;

/// Timestamps beyond this are milliseconds: SAP's libraries send seconds, npm gigya milliseconds, and both work.
const MILLISECONDS: i64 = 100_000_000_000;

/// Who is behind a call.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// A server with an application's credentials.
    Application(GigyaApplication),
    /// Anybody who knows the API key, such as a browser.
    Client,
}

/// The nonces that were used, each as long as its request could be played again.
#[derive(Debug, Default)]
pub(super) struct Nonces(HashMap<(String, String), OffsetDateTime>);

impl Nonces {
    fn take(&mut self, user_key: &str, nonce: &str, now: OffsetDateTime, lifetime: Duration) -> Result<(), Refusal> {
        self.0.retain(|_, used| (now - *used).abs() <= lifetime * 2);
        let key = (user_key.to_owned(), nonce.to_owned());
        if self.0.insert(key, now).is_some() {
            return Err(Refusal::plain(403_004));
        }
        Ok(())
    }
}

/// The site and data centre are checked before anybody's credentials.
pub(super) fn at_home(settings: &GigyaStubSettings, request: &Request, params: &Params) -> Result<(), Refusal> {
    if params.need("apiKey")? != settings.api_key {
        return Err(Refusal::plain(400_093));
    }
    let addressed = named(request).map(|(_, center)| center);
    let here = addressed.or(settings.served_data_center.as_deref());
    if here.is_some_and(|here| here != settings.data_center) {
        let domain = format!("{}.gigya.com", settings.data_center);
        let location = format!("https://accounts.{domain}{}", request.path());
        return Err(Refusal::new(301_001, "The site belongs to another data center")
            .with("apiDomain", domain)
            .with("location", location));
    }
    Ok(())
}

/// The host and data centre in a `host` header of Gigya's own shape.
fn named(request: &Request) -> Option<(&str, &str)> {
    let host = request.header("host")?;
    let center = host.strip_prefix("accounts.")?.strip_suffix(".gigya.com")?;
    Some((host, center))
}

/// The address that the caller signs: Gigya's own when the call names it, else the sandbox's, which is plain HTTP.
fn signed_url(request: &Request) -> String {
    let path = request.path();
    if let Some((host, _)) = named(request) {
        return format!("https://{}{path}", host.to_ascii_lowercase());
    }
    let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix(":80").unwrap_or(&host);
    format!("http://{host}{path}")
}

/// Finds out who calls; nothing of a call that fails here is carried out.
pub(super) fn caller(
    settings: &GigyaStubSettings,
    applications: &[GigyaApplication],
    nonces: &mut Nonces,
    request: &Request,
    params: &Params,
    now: OffsetDateTime,
) -> Result<Caller, Refusal> {
    let lifetime = Duration::seconds(i64::try_from(settings.request_lifetime_s).unwrap_or(i64::MAX));
    let find = |user_key: &str| {
        let found = applications.iter().find(|known| known.user_key == user_key);
        found.ok_or_else(|| Refusal::new(403_005, "The supplied userkey was not found"))
    };
    let fresh = |at: OffsetDateTime| {
        // In whole seconds, as timestamps are.
        if Duration::seconds(now.unix_timestamp() - at.unix_timestamp()).abs() <= lifetime {
            Ok(())
        } else {
            Err(Refusal::plain(403_002))
        }
    };
    if let Some(header) = request.header("authorization") {
        let bearer = Bearer::parse(header)?;
        let application = find(&bearer.user_key)?;
        let Freshness { issued, expires, nonce } = bearer.verified(application)?;
        fresh(moment(issued)?)?;
        if expires.is_some_and(|at| at <= now.unix_timestamp()) {
            return Err(Refusal::plain(403_002));
        }
        nonces.take(&application.user_key, &nonce, now, lifetime)?;
        return Ok(Caller::Application(application.clone()));
    }
    if params.get("sig").is_some() {
        let application = find(params.need("userKey")?)?;
        let timestamp = params.need("timestamp")?;
        let nonce = params.need("nonce")?;
        let at = timestamp
            .parse()
            .map_err(|_| Refusal::invalid("timestamp", "UNIX seconds"))?;
        fresh(moment(at)?)?;
        if !signature::is_right(&application.secret, &request.method, &signed_url(request), params) {
            return Err(Refusal::plain(403_003));
        }
        nonces.take(&application.user_key, nonce, now, lifetime)?;
        return Ok(Caller::Application(application.clone()));
    }
    let Some(secret) = params.get("secret") else {
        return Ok(Caller::Client);
    };
    if !settings.https {
        return Err(Refusal::plain(403_006));
    }
    // The partner's own secret, which needs no user key, is refused since 2023-01-31.
    let Some(user_key) = params.get("userKey") else {
        return Err(Refusal::plain(403_036));
    };
    let application = find(user_key)?;
    if application.secret != secret {
        return Err(Refusal::new(403_010, "Invalid parameter: secret"));
    }
    Ok(Caller::Application(application.clone()))
}

fn moment(at: i64) -> Result<OffsetDateTime, Refusal> {
    let seconds = if at > MILLISECONDS { at / 1000 } else { at };
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Refusal::invalid("timestamp", "UNIX seconds"))
}
