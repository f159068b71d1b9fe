//! Admission of a call: the site, the data centre, and the three ways in which an application authenticates.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::bearer::{GigyaBearer, GigyaTokenClaims};
use super::error::GigyaCallError;
use super::params::GigyaParams;
use super::settings::{GigyaApplication, GigyaStubSettings};
use super::signature;
use crate::http::request::WireRequest;

/// The data centre of the site.
const DATA_CENTER: &str = "eu1";

/// How far a request's `timestamp` (or a token's `iat`) may differ from the clock.
const LIFETIME: Duration = Duration::seconds(300);

/// Larger timestamps are milliseconds: SAP's libraries send seconds, npm gigya milliseconds, and both work.
const LARGEST_SECONDS: i64 = 100_000_000_000;

/// The used nonces, kept as long as their requests could be replayed.
#[derive(Debug, Default)]
pub(super) struct UsedNonces(HashMap<(String, String), OffsetDateTime>);

impl UsedNonces {
    fn use_once(&mut self, user_key: &str, nonce: &str, now: OffsetDateTime) -> Result<(), GigyaCallError> {
        self.0.retain(|_, used| (now - *used).abs() <= LIFETIME * 2);
        let key = (user_key.to_owned(), nonce.to_owned());
        if self.0.insert(key, now).is_some() {
            return Err(GigyaCallError::from_code(403_004));
        }
        Ok(())
    }
}

/// Checks the site and the data centre; this comes before the credentials.
pub(super) fn check_site(
    settings: &GigyaStubSettings,
    request: &WireRequest,
    params: &GigyaParams,
) -> Result<(), GigyaCallError> {
    if params.require("apiKey")? != settings.api_key {
        return Err(GigyaCallError::from_code(400_093));
    }
    if settings
        .served_data_center
        .as_deref()
        .is_some_and(|served| served != DATA_CENTER)
    {
        let domain = format!("{DATA_CENTER}.gigya.com");
        let location = format!("https://accounts.{domain}{}", request.path());
        return Err(GigyaCallError::new(301_001, "The site belongs to another data center")
            .with("apiDomain", domain)
            .with("location", location));
    }
    Ok(())
}

/// The URL that the client signs: Gigya's own when the `host` header names it, else the sandbox's, which is plain HTTP.
fn signed_url(request: &WireRequest) -> String {
    let path = request.path();
    let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
    if host.ends_with(".gigya.com") {
        return format!("https://{host}{path}");
    }
    let host = host.strip_suffix(":80").unwrap_or(&host);
    format!("http://{host}{path}")
}

/// Authenticates the calling application; a call that fails here has no effect.
pub(super) fn authenticate(
    settings: &GigyaStubSettings,
    applications: &[GigyaApplication],
    nonces: &mut UsedNonces,
    request: &WireRequest,
    params: &GigyaParams,
    now: OffsetDateTime,
) -> Result<(), GigyaCallError> {
    let find = |user_key: &str| {
        let found = applications.iter().find(|known| known.user_key == user_key);
        found.ok_or_else(|| GigyaCallError::new(403_005, "The supplied userkey was not found"))
    };
    let check_time = |at: OffsetDateTime| {
        // In whole seconds, like timestamps.
        if Duration::seconds(now.unix_timestamp() - at.unix_timestamp()).abs() <= LIFETIME {
            Ok(())
        } else {
            Err(GigyaCallError::from_code(403_002))
        }
    };
    if request.header("authorization").is_some() {
        let bearer = GigyaBearer::parse(request.credentials("bearer").unwrap_or_default())?;
        let application = find(&bearer.user_key)?;
        let GigyaTokenClaims { issued, expires, nonce } = bearer.verify(application)?;
        check_time(parse_time(issued)?)?;
        if expires.is_some_and(|at| at <= now.unix_timestamp()) {
            return Err(GigyaCallError::from_code(403_002));
        }
        return nonces.use_once(&application.user_key, &nonce, now);
    }
    if params.get("sig").is_some() {
        let application = find(params.require("userKey")?)?;
        let timestamp = params.require("timestamp")?;
        let nonce = params.require("nonce")?;
        let at = timestamp
            .parse()
            .map_err(|_| GigyaCallError::invalid("timestamp", "UNIX seconds"))?;
        check_time(parse_time(at)?)?;
        if !signature::is_valid(&application.secret, &request.method, &signed_url(request), params) {
            return Err(GigyaCallError::from_code(403_003));
        }
        return nonces.use_once(&application.user_key, nonce, now);
    }
    // Without credentials the real one treats the caller as a browser; the adapter never calls it so.
    let Some(secret) = params.get("secret") else {
        return Err(GigyaCallError::new(403_005, "Session not found"));
    };
    if !settings.https {
        return Err(GigyaCallError::from_code(403_006));
    }
    // The partner's secret, which needs no user key, is refused since 2023-01-31.
    let Some(user_key) = params.get("userKey") else {
        return Err(GigyaCallError::from_code(403_036));
    };
    if find(user_key)?.secret != secret {
        return Err(GigyaCallError::new(403_010, "Invalid parameter: secret"));
    }
    Ok(())
}

fn parse_time(at: i64) -> Result<OffsetDateTime, GigyaCallError> {
    let seconds = if at > LARGEST_SECONDS { at / 1000 } else { at };
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| GigyaCallError::invalid("timestamp", "UNIX seconds"))
}
