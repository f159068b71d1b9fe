//! Verifies a caller: headers, token, grant, tenant, source system, limits, in this order.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, StatusCode};
use masthead_domain::{
    access::{Grant, Scope, TokenIdentity},
    tenant::TenantId,
};
use masthead_orchestrator::{Caller, RefusalLog, RefusedCall};
use masthead_ports::{
    rate_limit::{Admission, CallerName, LimitedCaller, RateLimits},
    source::SourceError,
    tenants::Tenants,
    tokens::{TokenVerifier, VerifiedToken},
};

use super::{
    error::{AuthError, HeaderError},
    headers::{CallerHeaders, GroupHeader},
    read_scope::{READ_SCOPES, ReadKind, ReadScopeGrants},
    refusal_lines::REFUSALS,
};
use crate::http::{personal_text::redacted_code, request::RequestContext};

/// Verifies callers by their token and their tenant.
pub(crate) struct Authenticator {
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) tokens: Arc<dyn TokenVerifier>,
    pub(crate) rate_limits: Arc<dyn RateLimits>,
    pub(crate) read_scopes: ReadScopeGrants,
    /// The events of refused calls.
    pub(crate) refusals: RefusalLog,
}

/// A caller that may make its request.
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) token: Arc<VerifiedToken>,
    /// Counts what it reads.
    pub(crate) admission: Admission,
    read_scopes: ReadScopeGrants,
}

impl Verified {
    /// Checks that the token grants a read of this kind, and counts what it weighs. A caller that was verified with
    /// [`READ_SCOPES`] has one of them, perhaps another.
    pub(crate) fn check_read(&self, kind: ReadKind) -> Result<(), AuthError> {
        if !self.read_scopes.allow(&self.token.grant, kind, &self.caller.tenant.id) {
            return Err(AuthError::NotGranted);
        }
        if kind != ReadKind::LookUp {
            self.admission.charge_list();
        }
        Ok(())
    }
}

impl Authenticator {
    /// Verifies a caller that reads users; [`Verified::check_read`] must follow.
    pub(crate) async fn verify_reader(
        &self,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
    ) -> Result<Verified, AuthError> {
        self.verify(headers, group, context, READ_SCOPES).await
    }

    /// Verifies a caller whose token has one of these scopes for the tenant; and that no limit refuses. A refusal is logged.
    pub(crate) async fn verify(
        &self,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
        scopes: &[Scope],
    ) -> Result<Verified, AuthError> {
        let mut identity = None;
        let verified = self.verify_token(&mut identity, headers, group, context, scopes).await;
        verified.inspect_err(|error| {
            REFUSALS.record_caller(error, headers, context);
            if let Some(refusal) = error.refusal() {
                // They were parsed before; this is not the usual path.
                let claimed = CallerHeaders::parse(headers, group).ok();
                self.record_refusal(claimed.as_ref(), identity.take(), context, refusal);
            }
        })
    }

    /// Records that a verified caller may not do what it requested for.
    pub(crate) fn record_forbidden(&self, caller: &Caller, error: &AuthError) {
        if let Some((status, reason)) = error.refusal() {
            self.refusals.record(&RefusedCall {
                status: status.as_u16(),
                reason,
                tenant: Some(&caller.tenant.id),
                caller: Arc::clone(&caller.identity),
                address: caller.address,
                request_id: &caller.request_id,
                source_system: &caller.source_system,
            });
        }
    }

    fn record_refusal(
        &self,
        claimed: Option<&CallerHeaders<'_>>,
        identity: Option<Arc<TokenIdentity>>,
        context: &RequestContext,
        (status, reason): (StatusCode, Cow<'static, str>),
    ) {
        self.refusals.record(&RefusedCall {
            status: status.as_u16(),
            reason,
            tenant: claimed.map(|claimed| &claimed.tenant),
            caller: identity.unwrap_or_default(),
            address: context.caller,
            request_id: context.request_id.redacted(),
            source_system: claimed.map_or("", |claimed| redacted_code(&claimed.source_system)),
        });
    }

    /// Verifies the headers; `identity` is the caller that the token names, once it is verified.
    async fn verify_token(
        &self,
        identity: &mut Option<Arc<TokenIdentity>>,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
        scopes: &[Scope],
    ) -> Result<Verified, AuthError> {
        let headers = CallerHeaders::parse(headers, group)?;
        let token = self.tokens.verify(headers.token()?).await.map_err(AuthError::Token)?;
        *identity = Some(Arc::clone(&token.identity));
        let grant = &token.grant;
        let id = if headers.has_group {
            headers.tenant
        } else {
            Box::pin(self.find_granted_tenant(grant, scopes, &headers.tenant)).await?
        };
        // A tenant that is not granted and one that does not exist look the same to the client.
        if !allows_any(grant, scopes, &id) {
            return Err(not_granted(grant, scopes));
        }
        if !token.identity.allows_source_system(&headers.source_system) {
            return Err(AuthError::SourceSystemNotGranted);
        }
        let tenant = self.tenants.by_id(&id).await.map_err(|error| unavailable(&error))?;
        let tenant = tenant.ok_or(AuthError::UnknownTenant)?;
        if !tenant.settings.allows_source_system(&headers.source_system) {
            return Err(AuthError::UnknownSourceSystem);
        }
        // One that the tenant or the token names was chosen by an operator.
        let is_named = !tenant.settings.source_systems.is_empty() || token.identity.source_systems.is_some();
        let source_system = if is_named {
            &*headers.source_system
        } else {
            redacted_code(&headers.source_system)
        };
        let limited = LimitedCaller {
            name: CallerName::Token(&token.identity),
            tenant: &tenant,
            address: context.caller,
        };
        let admission = self.rate_limits.admit(&limited).map_err(AuthError::RateLimited)?;
        let caller = Caller {
            tenant,
            identity: Arc::clone(&token.identity),
            address: context.caller,
            // The audit log stores source system and request id.
            source_system: source_system.into(),
            request_id: context.request_id.redacted().into(),
            deadline: context.deadline,
        };
        Ok(Verified {
            caller,
            token,
            admission,
            read_scopes: self.read_scopes,
        })
    }

    /// The only tenant with this client and paper, of any client group, that the token grants.
    async fn find_granted_tenant(
        &self,
        grant: &Grant,
        scopes: &[Scope],
        wanted: &TenantId,
    ) -> Result<TenantId, AuthError> {
        let known = self.tenants.find_in_any_group(wanted.client(), wanted.paper()).await;
        let known = known.map_err(|error| unavailable(&error))?;
        let mut granted = known.into_iter().filter(|tenant| allows_any(grant, scopes, tenant));
        match (granted.next(), granted.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(HeaderError::SeveralGroups.into()),
            (None, _) => Err(not_granted(grant, scopes)),
        }
    }
}

fn allows_any(grant: &Grant, scopes: &[Scope], tenant: &TenantId) -> bool {
    scopes.iter().any(|scope| grant.allows(*scope, tenant))
}

/// What is missing: the scopes depend on the token alone, so that naming them discloses nothing about tenants.
fn not_granted(grant: &Grant, scopes: &[Scope]) -> AuthError {
    if scopes.iter().any(|scope| grant.scopes.contains(scope)) {
        AuthError::NotGranted
    } else {
        AuthError::missing_scope(scopes)
    }
}

fn unavailable(error: &SourceError) -> AuthError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the tenant cannot be looked up"
    );
    AuthError::TenantsUnavailable
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use masthead_domain::caller_address::AuditAddress;
    use masthead_testkit::{
        clock::StoppedClock,
        events::RecordingEvents,
        tenants::{FakeTenants, tenant},
        tokens::{FakeTokens, grant},
    };

    use super::*;
    use crate::http::limits::ApiLimits;
    use masthead_ports::rate_limit::Unlimited;

    #[tokio::test]
    async fn absent_group_is_the_only_granted_one() {
        let read = |tenants: &[&str]| grant(&[Scope::UsersRead], tenants);
        let callers = Authenticator {
            tenants: Arc::new(FakeTenants::new([
                tenant("north/daily/herald", 1, &[]),
                tenant("south/daily/herald", 2, &[]),
            ])),
            refusals: RefusalLog::new(
                Arc::new(RecordingEvents::default()),
                Arc::new(StoppedClock::default()),
                AuditAddress::Network,
            ),
            tokens: Arc::new(
                FakeTokens::new()
                    .granting("north", read(&["north/*/*"]))
                    .granting("south", read(&["*/daily/gone", "south/daily/herald"]))
                    .granting("both", read(&["*/daily/*"]))
                    .granting("neither", read(&["east/*/*"]))
                    .granting("writer", grant(&[Scope::UsersWrite], &["north/*/*"])),
            ),
            rate_limits: Arc::new(Unlimited),
            read_scopes: ReadScopeGrants::default(),
        };
        for (token, group, expected) in [
            ("north", None, Ok("north/daily/herald")),
            ("south", None, Ok("south/daily/herald")),
            ("both", Some("south"), Ok("south/daily/herald")),
            ("both", None, Err("Header(SeveralGroups)")),
            ("neither", None, Err("NotGranted")),
            (
                "writer",
                None,
                Err("MissingScope(\"users:read or users:search or users:list\")"),
            ),
        ] {
            let mut headers = HeaderMap::new();
            let bearer = format!("bearer {token}");
            for (name, value) in [
                ("authorization", Some(&*bearer)),
                ("x-sourcesystem", Some("CRM")),
                ("x-clientcode", Some("daily")),
                ("x-papercode", Some("herald")),
                ("x-clientgroupcode", group),
            ] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            let context = RequestContext::from_headers(&headers, &ApiLimits::default());
            let caller = callers.verify_reader(&headers, GroupHeader::Optional, &context).await;
            let id = caller.map(|verified| verified.caller.tenant.id.to_string());
            let outcome = id.as_deref().map_err(|error| format!("{error:?}"));
            assert_eq!(outcome, expected.map_err(str::to_owned), "{token} {group:?}");
        }
    }
}
